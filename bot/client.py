"""The bot as Discord knows it: what it listens to, which commands it has, how it fails.

It holds services that the program made, and starts no long-lived task of its own. Cogs are loaded
by name.
"""

import hashlib
import json
import logging

import discord
from discord import app_commands
from discord.ext import commands

from bot.services import Services
from bot.submission.permissions import INVITE
from bot.ui.responses import answer_error, answer_stale_component

log = logging.getLogger(__name__)

COGS = (
    "cogs.imagine",
    "cogs.edit",
    "cogs.mask",
    "cogs.reply",
    "cogs.buttons",
    "cogs.reactions",
    "cogs.queue",
    "cogs.cancel",
    "cogs.recipe",
    "cogs.history",
    "cogs.privacy",
    "cogs.settings",
    "cogs.help",
    "cogs.status",
)
_SYNCED = "commands"
"""Under which name the store remembers what Discord was told last."""


class CommandTree(app_commands.CommandTree["PaintingBot"]):
    """Slash commands and menus, whose errors the person who used them is told."""

    async def on_error(
        self, interaction: discord.Interaction, error: app_commands.AppCommandError, /
    ) -> None:
        """Answer the error where those of forms and buttons are answered."""
        await answer_error(interaction, error)


class PaintingBot(commands.AutoShardedBot):
    """The bot."""

    def __init__(self, services: Services, *, shard_count: int | None = None) -> None:
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            intents=intents(),
            allowed_mentions=discord.AllowedMentions.none(),
            allowed_contexts=app_commands.AppCommandContext(
                guild=True, dm_channel=services.settings.discord.direct_messages
            ),
            allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
            tree_cls=CommandTree,
            shard_count=shard_count,
            chunk_guilds_at_startup=False,
            max_messages=None,
        )
        self.services = services

    async def setup_hook(self) -> None:
        """Load the cogs, sync commands that changed, and go on with the jobs of the last run."""
        for name in COGS:
            await self.load_extension(name)
        await self._sync()
        self.services.reporter.attach(self)
        self.services.erasure.attach(self)
        await self.services.submission.restore()

    async def on_message(self, _: discord.Message, /) -> None:
        """Look for no commands in messages: there are none but slash commands and menus."""

    async def on_interaction(self, interaction: discord.Interaction, /) -> None:
        """Answer what nothing else will."""
        await answer_stale_component(interaction)

    async def on_ready(self) -> None:
        """Say in the log who this is, and how to invite it."""
        scopes = ("bot", "applications.commands")
        invite = discord.utils.oauth_url(
            self.application_id or 0, permissions=INVITE, scopes=scopes
        )
        servers = len(self.guilds)
        log.info("connected", extra={"as": str(self.user), "servers": servers, "invite": invite})

    async def _sync(self) -> None:
        """Commands may be created 200 times a day, so that not every start may do it."""
        payload = [command.to_dict(self.tree) for command in self.tree.get_commands()]
        text = json.dumps([self.application_id, payload], sort_keys=True, default=str)
        digest = hashlib.sha256(text.encode()).hexdigest()
        if await self.services.store.key_values.get(_SYNCED) == digest:
            return
        await self.tree.sync()
        await self.services.store.key_values.set(_SYNCED, digest)
        log.info("commands synced", extra={"count": len(payload)})


def intents() -> discord.Intents:
    """What the bot hears of: servers, for their channels and limits, messages, for replies, and
    reactions.

    None of these is privileged: of most messages it hears without seeing what they hold.
    """
    chosen = discord.Intents.none()
    chosen.guilds = chosen.guild_messages = chosen.dm_messages = True
    chosen.guild_reactions = chosen.dm_reactions = True
    return chosen
