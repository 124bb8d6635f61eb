"""The Discord client: its intents, its commands, and how their errors are answered.

The program builds the services and hands them in. The client loads the cogs by name. The only task
that it starts syncs the commands and then ends.
"""

import asyncio
import logging
from pkgutil import resolve_name
from typing import Any, ClassVar, Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot.command_sync import sync_commands
from bot.command_translator import CommandTranslator
from bot.monitoring.discord_calls import DiscordCalls
from bot.services import Services
from bot.submission.permissions import INVITE
from bot.ui.base import PersistentButton
from bot.ui.command_options import describe_words
from bot.ui.responses import answer_error, answer_stale_component
from bot.ui.typed_words import limit_length
from engine.models.catalogue import find_models

log = logging.getLogger(__name__)

COGS = (
    "cogs.imagine:Imagine",
    "cogs.blend:Blend",
    "cogs.animate:Animate",
    "cogs.restyle:Restyle",
    "cogs.compare:Compare",
    "cogs.edit:Edit",
    "cogs.mask:Mask",
    "cogs.describe:Describe",
    "cogs.upscale:Upscale",
    "cogs.reply:Reply",
    "cogs.buttons:Buttons",
    "cogs.questions:QuestionsCog",
    "cogs.reactions:Reactions",
    "cogs.deleted_messages:DeletedMessages",
    "cogs.queue:Queue",
    "cogs.cancel:Cancel",
    "cogs.recipe:Recipes",
    "cogs.history:History",
    "cogs.defaults:Defaults",
    "cogs.style:Style",
    "cogs.info:Info",
    "cogs.privacy:Privacy",
    "cogs.settings.commands:ServerSettingsCog",
    "cogs.help:Help",
    "cogs.status:Status",
)
"""The module and the class of every cog."""
_LONGEST_RATE_LIMIT = 30.0
"""Seconds of a rate limit for which discord.py waits itself; a call with a longer one fails."""


class _GlobalLimit(asyncio.Event):
    """Set unless discord.py waits for the end of a rate limit of all calls.

    It would never be set again if the call that waits were cancelled, and no call made any more.
    """

    async def wait(self) -> Literal[True]:
        """Wait until the limit is over, at most as long as discord.py waits for one."""
        try:
            async with asyncio.timeout(_LONGEST_RATE_LIMIT):
                await super().wait()
        except TimeoutError:
            self.set()
        return True


class CommandTree(app_commands.CommandTree["PaintingBot"]):
    """Slash commands and menus; a person who causes an error is told about it."""

    async def on_error(
        self, interaction: discord.Interaction, error: app_commands.AppCommandError, /
    ) -> None:
        """Answer the error in the same way as errors of forms and buttons."""
        await answer_error(interaction, error)


class PaintingBot(commands.AutoShardedBot):
    """The bot, with the services that its cogs use."""

    def __init__(self, services: Services, *, shard_count: int | None = None) -> None:
        own = services.settings.discord.own_shards
        shards: dict[str, Any] = {"shard_count": shard_count}
        if not own.are_all:
            shards = {"shard_count": own.count, "shard_ids": list(own.ids)}
        self._calls = DiscordCalls(services.metrics)
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
            **shards,
            chunk_guilds_at_startup=False,
            max_messages=None,
            max_ratelimit_timeout=_LONGEST_RATE_LIMIT,
            http_trace=self._calls.trace(),
        )
        self.services = services
        self._syncing: asyncio.Task[None] | None = None
        self._lost_shards = set[int]()
        """Numbers of the shards whose loss is logged, until they are connected again."""

    async def setup_hook(self) -> None:
        """Load the cogs, resume the jobs of the last run, and begin to sync changed commands.

        Of several processes, one syncs the commands.
        """
        self.http._global_over = limit = _GlobalLimit()  # pyright: ignore[reportPrivateUsage]
        limit.set()
        self.http.request = self._calls.measured(self.http.request)
        for name in COGS:
            await self.add_cog(resolve_name(name)(self))
        await self.tree.set_translator(CommandTranslator())
        self.services.command_access.attach(self.tree)
        self.services.reporter.attach(self)
        self.services.presence.attach(self)
        self.services.erasure.attach(self)
        self.services.moderation_log.attach(self)
        self.services.gallery.attach(self, self.tree)
        await self.services.submission.restore()
        if not self.services.settings.discord.own_shards.have_first:
            return
        syncing = sync_commands(
            self.tree, self.services.store.key_values, self.services.timings.connect_pause
        )
        self._syncing = asyncio.create_task(syncing)

    async def close(self) -> None:
        """Close the connection."""
        if self._syncing is not None:
            self._syncing.cancel()
        await super().close()

    async def on_message(self, _: discord.Message, /) -> None:
        """Do nothing: all commands are slash commands and menus."""

    async def on_interaction(self, interaction: discord.Interaction, /) -> None:
        """Answer forms and buttons that nothing else answers."""
        await answer_stale_component(interaction, self.services.timings.stale_seconds)

    async def on_raw_app_command_permissions_update(
        self, event: discord.RawAppCommandPermissionsUpdateEvent, /
    ) -> None:
        """Note whom a server lets use the commands, for replies, reactions and buttons."""
        self.services.command_access.update(event)

    async def on_shard_ready(self, shard: int, /) -> None:
        """Show the presence again, which Discord forgets with each new session."""
        self.services.presence.forget()
        self._note_return(shard)

    async def on_shard_resumed(self, shard: int, /) -> None:
        """Log that the connection is back."""
        self._note_return(shard)

    async def on_shard_disconnect(self, shard: int, /) -> None:
        """Log that a connection was lost, once until it is back; discord.py connects again."""
        if shard not in self._lost_shards and not self.is_closed():
            self._lost_shards.add(shard)
            log.warning("a connection to Discord was lost", extra={"shard": shard})

    def _note_return(self, shard: int) -> None:
        if shard in self._lost_shards:
            self._lost_shards.remove(shard)
            log.info("a connection to Discord is back", extra={"shard": shard})

    async def on_ready(self) -> None:
        """Log the bot's name and its invitation link."""
        scopes = ("bot", "applications.commands")
        invite = discord.utils.oauth_url(
            self.application_id or 0, permissions=INVITE, scopes=scopes
        )
        servers = len(self.guilds)
        log.info(
            "connected", extra={"account": str(self.user), "servers": servers, "invite": invite}
        )


class BotCog(commands.Cog):
    """The base of all cogs, with the button and the menu that a cog may have."""

    BUTTON: ClassVar[type[PersistentButton] | None] = None
    """The buttons to answer, also those under messages of earlier runs of the program."""
    MENU: ClassVar[str | None] = None
    """The name of the menu of messages that calls `open_menu`."""

    def __init__(self, bot: PaintingBot) -> None:
        self._bot = bot
        self._services = bot.services

    async def cog_load(self) -> None:
        """Add what discord.py does not add by itself: button, menu, and how prompts are asked."""
        settings = self._services.settings
        models = find_models(settings.engine.models)
        for command in self.walk_app_commands():
            if isinstance(command, app_commands.Command):
                limit_length(command, settings.limits.prompt_length)
                describe_words(command, models)
        if self.BUTTON is not None:
            self._bot.add_dynamic_items(self.BUTTON)
        if self.MENU is not None:
            menu = app_commands.ContextMenu(name=self.MENU, callback=self.open_menu)
            self._bot.tree.add_command(menu)

    async def open_menu(self, interaction: discord.Interaction, message: discord.Message) -> None:
        """Answer the menu of a message."""
        raise NotImplementedError


def intents() -> discord.Intents:
    """Return the intents for servers, messages and reactions.

    None of them is privileged, so most messages arrive without their text and files.
    """
    chosen = discord.Intents.none()
    chosen.guilds = chosen.guild_messages = chosen.dm_messages = True
    chosen.guild_reactions = chosen.dm_reactions = True
    return chosen
