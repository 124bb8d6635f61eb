"""What the commands of `/settings` share."""

import discord

from bot.client import BotCog
from bot.submission.settings_changes import SettingsChange
from bot.ui import formatting
from bot.ui.reader_language import private_language
from bot.ui.responses import defer, respond

AnyChannel = (
    discord.TextChannel
    | discord.VoiceChannel
    | discord.StageChannel
    | discord.ForumChannel
    | discord.Thread
)


class SettingsCommands(BotCog):
    """The base of commands that change a server's settings."""

    async def _change(
        self,
        interaction: discord.Interaction,
        change: SettingsChange,
        *,
        even_if_damaged: bool = False,
    ) -> None:
        """Store a change, and say what it changed. The interaction is acknowledged already."""
        text = await self._services.server_settings.change(
            interaction, change, even_if_damaged=even_if_damaged
        )
        await respond(interaction, formatting.fitting(text, private_language(interaction)))

    async def _defer_and_change(
        self, interaction: discord.Interaction, change: SettingsChange
    ) -> None:
        await defer(interaction)
        await self._change(interaction, change)


def place_id(channel: AnyChannel) -> int:
    """Return the id of a channel, or of the one that a thread is in."""
    return channel.parent_id if isinstance(channel, discord.Thread) else channel.id
