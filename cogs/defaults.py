"""`/defaults`: what `/imagine` does with the options that a person leaves out."""

from typing import Literal

import discord
from discord import app_commands
from discord.app_commands import Choice, Range
from discord.ext import commands

from bot.client import BotCog
from bot.config import MAX_VARIATIONS
from bot.preferences import KEEPS, MAX_NEGATIVE, Notify, Preferences
from bot.saved_style import MAX_STYLE
from bot.submission.imagine_options import MAX_RATIO_TEXT
from bot.submission.requester import Requester
from bot.ui import defaults_text
from bot.ui.autocomplete import first_choices, matching, matching_presets
from bot.ui.responses import defer, respond
from bot.ui.styles_text import style_choices
from engine.models.catalogue import find_models
from engine.recipes.checks import MAX_STEPS
from engine.recipes.shapes import RATIOS, SHAPES

_MAX_MODEL = 100
"""Maximum length of the name of models, in characters."""
_MINE, _CHANNEL = "mine", "channel"
_DESCRIPTIONS = {
    "size": "Shape of the picture",
    "ratio": "Any shape, instead of a size, such as: 16:9",
    "steps": "How long to paint",
    "model": "The models that paint",
    "preset": "Quality: fast takes less time, fine takes more",
    "style": "A style, or one of your saved ones. none: no style",
    "negative": "What pictures should not show, separated by commas. none: nothing",
    "count": "How many variations to paint",
    "keep": "best: of several variations, show the best one large",
}
_NOTIFY: dict[Notify, str] = {
    "ping": "mention me",
    "dm": "send me a direct message",
    "none": "don't tell me",
}
_KEEP_CHOICES = [Choice(name=name, value=name) for name in KEEPS]
_SIZES = [Choice(name=name, value=name) for name in SHAPES]
_NOTIFY_CHOICES = [Choice(name=text, value=name) for name, text in _NOTIFY.items()]
_CLEARABLE = [Choice(name=name, value=name) for name in Preferences.model_fields]


class Defaults(BotCog, commands.GroupCog, name="defaults"):
    """What /imagine does if you leave options out."""

    @app_commands.command()
    async def show(self, interaction: discord.Interaction) -> None:
        """Show your defaults, and those of this channel."""
        await defer(interaction)
        requester = Requester.of_interaction(interaction)
        own = await self._services.store.preferences.get(requester.user_id)
        channel = await self._services.default_options.of_channel(requester)
        here = None if requester.guild_id is None else channel
        await respond(interaction, defaults_text.all_text(own, here))

    @app_commands.command(name="set")
    @app_commands.describe(**_DESCRIPTIONS, notify="How I tell you that a picture is done")
    @app_commands.choices(size=_SIZES, keep=_KEEP_CHOICES, notify=_NOTIFY_CHOICES)
    async def set_own(
        self,
        interaction: discord.Interaction,
        size: str | None = None,
        ratio: Range[str, 1, MAX_RATIO_TEXT] | None = None,
        steps: Range[int, 1, MAX_STEPS] | None = None,
        preset: str | None = None,
        style: Range[str, 1, MAX_STYLE] | None = None,
        negative: Range[str, 1, MAX_NEGATIVE] | None = None,
        count: Range[int, 1, MAX_VARIATIONS] | None = None,
        keep: str | None = None,
        model: Range[str, 1, _MAX_MODEL] | None = None,
        notify: str | None = None,
    ) -> None:
        """Set your own defaults, for every server."""
        await defer(interaction)
        values = {
            "size": size,
            "ratio": ratio,
            "steps": steps,
            "preset": preset,
            "style": style,
            "negative": negative,
            "count": count,
            "keep": keep,
            "model": model,
            "notify": notify,
        }
        requester = Requester.of_interaction(interaction)
        own = await self._services.default_changes.set_own(requester, values)
        await respond(interaction, defaults_text.own_text(own))

    @app_commands.command(name="channel")
    @app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
    @app_commands.describe(**_DESCRIPTIONS)
    @app_commands.choices(size=_SIZES, keep=_KEEP_CHOICES)
    async def set_channel(
        self,
        interaction: discord.Interaction,
        size: str | None = None,
        ratio: Range[str, 1, MAX_RATIO_TEXT] | None = None,
        steps: Range[int, 1, MAX_STEPS] | None = None,
        preset: str | None = None,
        style: Range[str, 1, MAX_STYLE] | None = None,
        negative: Range[str, 1, MAX_NEGATIVE] | None = None,
        count: Range[int, 1, MAX_VARIATIONS] | None = None,
        keep: str | None = None,
        model: Range[str, 1, _MAX_MODEL] | None = None,
    ) -> None:
        """Set the defaults of this channel, for members who may Manage Channel."""
        await defer(interaction)
        values = {
            "size": size,
            "ratio": ratio,
            "steps": steps,
            "preset": preset,
            "style": style,
            "negative": negative,
            "count": count,
            "keep": keep,
            "model": model,
        }
        requester = Requester.of_interaction(interaction)
        channel = await self._services.default_changes.set_channel(requester, values)
        await respond(interaction, defaults_text.channel_text(channel))

    @app_commands.command()
    @app_commands.describe(
        option="Which one. Without it, all of them",
        whose="Yours, or the channel's if you may Manage Channel",
    )
    @app_commands.choices(option=_CLEARABLE)
    async def clear(
        self,
        interaction: discord.Interaction,
        option: str | None = None,
        whose: Literal["mine", "channel"] = _MINE,
    ) -> None:
        """Clear your defaults, or this channel's."""
        await defer(interaction)
        requester, changes = Requester.of_interaction(interaction), self._services.default_changes
        if whose == _CHANNEL:
            channel = await changes.clear_channel(requester, option)
            return await respond(interaction, defaults_text.channel_text(channel))
        own = await changes.clear_own(requester.user_id, option)
        return await respond(interaction, defaults_text.own_text(own))

    @set_own.autocomplete("style")
    @set_channel.autocomplete("style")
    async def _styles(self, interaction: discord.Interaction, typed: str) -> list[Choice[str]]:
        saved = await self._services.styles.of_user(interaction.user.id)
        styles = find_models(self._services.settings.engine.models).styles
        return first_choices(style_choices(typed, saved), matching(typed, styles))

    @set_own.autocomplete("preset")
    @set_channel.autocomplete("preset")
    async def _presets(self, _: discord.Interaction, typed: str) -> list[Choice[str]]:
        return matching_presets(typed)

    @set_own.autocomplete("model")
    @set_channel.autocomplete("model")
    async def _models(self, _: discord.Interaction, typed: str) -> list[Choice[str]]:
        return matching(typed, self._services.settings.engine.installed)

    @set_own.autocomplete("ratio")
    @set_channel.autocomplete("ratio")
    async def _ratios(self, _: discord.Interaction, typed: str) -> list[Choice[str]]:
        return matching(typed, RATIOS)
