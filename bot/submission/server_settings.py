"""Show and change what is allowed in a server, for those who may."""

import logging
from dataclasses import dataclass
from typing import Any

import discord

from bot.config import BotSettings
from bot.delivery.moderation_log import ModerationLog
from bot.errors import UserError
from bot.guild_settings import GuildSettings
from bot.languages.message import Message, joined
from bot.picture_check import PictureCheck
from bot.storage import Store
from bot.submission.command_access import CommandAccess
from bot.submission.requester import Requester
from bot.submission.settings_changes import SettingsChange
from bot.ui.access_lists import if_known
from bot.ui.log_channel import log_problem
from bot.ui.settings_text import HostRules, changes_text, people_changes, settings_text

log = logging.getLogger(__name__)

_DAMAGED = Message("This server's settings are damaged. Start over with `/settings reset`.")


@dataclass(frozen=True)
class ServerSettings:
    """The settings of servers. Every change of them passes `change`."""

    _settings: BotSettings
    _store: Store
    _access: CommandAccess
    _picture_check: PictureCheck
    _moderation_log: ModerationLog

    @property
    def host(self) -> HostRules:
        """What the host allows."""
        return HostRules(self._settings, self._picture_check.is_on)

    async def get(self, interaction: discord.Interaction[Any]) -> GuildSettings:
        """Return the settings of the server where a command was given."""
        return await self._store.guild_settings.get(interaction.guild_id)

    async def text(self, interaction: discord.Interaction[Any]) -> Message:
        """Return what is allowed in the server, and where its other settings are."""
        is_known = await self._access.is_known(interaction.guild_id or 0)
        server, guild = await self.get(interaction), interaction.guild
        text = settings_text(server, self.host, guild, is_known=is_known)
        problem = _log_problem(server, guild)
        if problem is None:
            return text
        warning = Message("⚠️ Nothing is logged. {problem}", problem=problem)
        return joined("\n", (text, warning))

    async def check_access(self, interaction: discord.Interaction[Any]) -> None:
        """Raise `UserError` unless the user of a button or a form may change the settings.

        Discord has checked commands itself.
        """
        await self._access.check_moderating(Requester.of_interaction(interaction), "settings")

    async def change(
        self,
        interaction: discord.Interaction[Any],
        change: SettingsChange,
        *,
        even_if_damaged: bool = False,
    ) -> Message:
        """Store a change, and return what it changed: "Steps per picture: 1000 → 50".

        Raises `UserError` if the user may not, or the change is not allowed.
        """
        await self.check_access(interaction)
        guild_id, seen = interaction.guild_id, list[GuildSettings]()
        if guild_id is None:
            raise UserError(Message("Only servers have settings."))

        def checked(before: GuildSettings) -> GuildSettings:
            if before.is_fail_closed and not even_if_damaged:
                raise UserError(_DAMAGED)
            seen.append(before)
            return change(before)

        after = await self._store.guild_settings.change(guild_id, checked)
        before, actor_id = seen[-1], interaction.user.id
        text = changes_text(before, after, self.host, interaction.guild)
        log.info("server settings changed", extra={"server": guild_id, "person": actor_id})
        if after != before:
            note = joined("\n", (text, *people_changes(before, after)))
            self._moderation_log.changed(guild_id, actor_id, note)
            if before.log_channel not in (None, after.log_channel):
                await self._moderation_log.left(guild_id, before, actor_id, note)
        return text


def _log_problem(server: GuildSettings, guild: discord.Guild | None) -> Message | None:
    """Return why the moderation log that a server chose is not written, if that is so."""
    known = if_known(guild)
    if known is None or server.log_channel is None:
        return None
    channel = known.get_channel(server.log_channel)
    if channel is None:
        return Message("Its channel was deleted: choose another.")
    return log_problem(channel)
