"""`/settings log`: a channel in which moderators read what happens."""

import discord
from discord import app_commands

from bot.submission.settings_changes import log_change, no_log_change
from bot.ui.responses import defer
from cogs.settings.base import SettingsCommands


class LogCommands(SettingsCommands):
    """Keep a moderation log."""

    log = app_commands.Group(name="log", description="A log of what happens, for moderators")

    @log.command(name="set")
    @app_commands.describe(
        channel="A channel that only moderators can see",
        keep_deleted="True: pictures that are deleted stay in the log, as spoilers",
    )
    async def set_log(
        self,
        interaction: discord.Interaction,
        channel: discord.TextChannel,
        keep_deleted: bool | None = None,
    ) -> None:
        """Log who paints, deletes, changes settings or is refused, and what."""
        await defer(interaction)
        await self._change(interaction, log_change(channel, keeps_deleted=keep_deleted))

    @log.command(name="off")
    async def stop_log(self, interaction: discord.Interaction) -> None:
        """Keep no log any more. What was logged stays."""
        await self._defer_and_change(interaction, no_log_change)
