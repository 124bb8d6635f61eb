"""`/settings picture-filter`: which pictures are not shown."""

import discord
from discord import app_commands
from discord.app_commands import Choice

from bot.guild_settings import THRESHOLDS
from bot.submission.settings_changes import strictness_change
from bot.ui.responses import defer
from bot.ui.settings_text import STRICTNESS_NAMES
from cogs.settings.base import SettingsCommands

_STRICTNESS = [Choice(name=text, value=name) for name, text in STRICTNESS_NAMES.items()]


class PictureCommands(SettingsCommands):
    """Tighten the picture filter."""

    @app_commands.command(name="picture-filter")
    @app_commands.describe(
        strictness="How strict the filter is in this server",
        age_restricted="The same in age-restricted channels",
    )
    @app_commands.choices(strictness=_STRICTNESS, age_restricted=_STRICTNESS)
    async def picture_filter(
        self,
        interaction: discord.Interaction,
        strictness: str | None = None,
        age_restricted: str | None = None,
    ) -> None:
        """Choose which pictures are not shown in this server."""
        await defer(interaction)
        given = zip(THRESHOLDS, (strictness, age_restricted), strict=True)
        chosen = {key: name for key, name in given if name is not None}
        host = self._services.server_settings.host
        await self._change(interaction, strictness_change(host, chosen))
