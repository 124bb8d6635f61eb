"""`/settings`: moderators tighten the host's limits for their server.

Discord offers these commands only to members with the permission *Manage Server*, and to those
whom the server's integration settings allow.
"""

import discord
from discord import app_commands
from discord.app_commands import Choice, Range
from discord.ext import commands

from bot.config import MAX_JOBS, MAX_VARIATIONS
from bot.guild_settings import LIMITS
from bot.languages.catalogue import CHOICES
from bot.submission.settings_changes import (
    cleanup_change,
    edit_others_change,
    language_change,
    limits_change,
    replies_change,
    reset_change,
)
from bot.ui.responses import defer
from bot.ui.settings_text import AS_ON_DISCORD, REPLIES
from cogs.settings.log import LogCommands
from cogs.settings.panel import PanelItem, show_panel
from cogs.settings.people import PeopleCommands
from cogs.settings.pictures import PictureCommands
from cogs.settings.places import PlaceCommands
from cogs.settings.words import WordCommands
from engine.recipes.checks import MAX_SIDE, MAX_STEPS

_LANGUAGES = [
    Choice(name="as on Discord", value=AS_ON_DISCORD),
    *(Choice(name=name, value=locale) for locale, name in CHOICES.items()),
]


@app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
@app_commands.default_permissions(manage_guild=True)
class ServerSettingsCog(
    PlaceCommands,
    WordCommands,
    PeopleCommands,
    PictureCommands,
    LogCommands,
    commands.GroupCog,
    group_name="settings",
    group_description="What is allowed in this server",
):
    """Let moderators tighten the host's limits for their server."""

    async def cog_load(self) -> None:
        """Add the items of the panel."""
        await super().cog_load()
        self._bot.add_dynamic_items(PanelItem)

    @app_commands.command()
    async def show(self, interaction: discord.Interaction) -> None:
        """Show what is allowed in this server, and change it."""
        await defer(interaction)
        await show_panel(self._services, interaction)

    @app_commands.command()
    @app_commands.describe(
        steps="Steps per picture. 0, here and below, means the host's limit",
        count="Variations per command",
        pixels="Pixels per picture, width times height",
        pictures_per_day="Pictures per person and day",
        jobs_per_person="Queued and running jobs per person",
        jobs_per_server="Queued and running jobs in this server",
    )
    async def limits(
        self,
        interaction: discord.Interaction,
        steps: Range[int, 0, MAX_STEPS] | None = None,
        count: Range[int, 0, MAX_VARIATIONS] | None = None,
        pixels: Range[int, 0, MAX_SIDE**2] | None = None,
        pictures_per_day: Range[int, 0, MAX_JOBS] | None = None,
        jobs_per_person: Range[int, 0, MAX_JOBS] | None = None,
        jobs_per_server: Range[int, 0, MAX_JOBS] | None = None,
    ) -> None:
        """Lower the limits in this server."""
        await defer(interaction)
        given = (steps, count, pixels, pictures_per_day, jobs_per_person, jobs_per_server)
        numbers = {
            name: number for name, number in zip(LIMITS, given, strict=True) if number is not None
        }
        await self._change(interaction, limits_change(self._services.settings.limits, numbers))

    @app_commands.command(name="edit-others")
    @app_commands.describe(allowed="True: everyone may. False: only the person who asked for it")
    async def edit_others(self, interaction: discord.Interaction, allowed: bool) -> None:
        """Choose whether people may edit each other's pictures in this server."""
        await defer(interaction)
        host = self._services.settings.limits
        await self._change(interaction, edit_others_change(host, allowed=allowed))

    @app_commands.command()
    @app_commands.describe(words="Which replies in words alone, without a picture, edit a picture")
    @app_commands.choices(
        words=[Choice(name=str(text), value=name) for name, text in REPLIES.items()]
    )
    async def replies(self, interaction: discord.Interaction, words: str) -> None:
        """Choose which replies in words edit a picture: talk about pictures can look the same."""
        await defer(interaction)
        await self._change(interaction, replies_change(words))

    @app_commands.command()
    @app_commands.describe(language="The language, or the one that the server has on Discord")
    @app_commands.choices(language=_LANGUAGES)
    async def language(self, interaction: discord.Interaction, language: str) -> None:
        """Choose the language of what everybody sees in this server."""
        await defer(interaction)
        await self._change(interaction, language_change(language))

    @app_commands.command()
    async def cleanup(self, interaction: discord.Interaction) -> None:
        """Remove deleted channels and roles from the lists."""
        await defer(interaction)
        await self._change(interaction, cleanup_change(interaction.guild))

    @app_commands.command()
    async def reset(self, interaction: discord.Interaction) -> None:
        """Remove all settings of this server: the host's limits apply."""
        await defer(interaction)
        await self._change(interaction, reset_change, even_if_damaged=True)
