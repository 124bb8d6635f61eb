"""`/imagine`: paint a picture from words, pictures, or both."""

from dataclasses import replace
from typing import TypeVar

import discord
from discord import app_commands
from discord.app_commands import Choice, Range

from bot.client import BotCog
from bot.config import MAX_VARIATIONS
from bot.jobs.job import JobOrigin
from bot.reading.file_readers import read_goal, read_start
from bot.saved_style import MAX_STYLE
from bot.submission.imagine_options import (
    MAX_RATIO_TEXT,
    MAX_WEIGHTS,
    ImagineOptions,
    imagine_recipe,
    title_of,
    with_likes,
)
from bot.submission.private_answers import answer_queued
from bot.submission.requester import Requester
from bot.submission.seeds import LARGEST_SEED, variations
from bot.submission.submit import Queued
from bot.ui.autocomplete import first_choices, matching, matching_presets
from bot.ui.command_options import hide_option
from bot.ui.job_text import reading_text
from bot.ui.responses import defer
from bot.ui.styles_text import style_choices
from bot.ui.uploads import Upload, is_spoiler
from engine.models.catalogue import find_models
from engine.recipes.edit import ImagePrompt
from engine.recipes.recipe import MAX_STEPS, Recipe
from engine.recipes.shapes import RATIOS, SHAPES

_MAX_MODEL = 100
"""Maximum length of the name of models, in characters."""


class Imagine(BotCog):
    """Paint pictures from words, pictures, or both."""

    async def cog_load(self) -> None:
        """Hide the choice of models where there is only one."""
        await super().cog_load()
        if len(self._services.settings.engine.installed) == 1:
            hide_option(self.imagine, "model")

    @app_commands.command()
    @app_commands.describe(
        prompt="What the picture should show",
        size="Shape of the picture (default: square)",
        ratio="Any shape, instead of a size, such as: 16:9",
        steps="How long to paint: more steps add detail",
        seed="The same seed paints the same picture again",
        preset="Quality: fast takes less time, fine takes more",
        style="A style",
        negative="What the picture should not show, separated by commas",
        image="A picture to start from",
        like="A picture that the result should resemble, with or without a prompt",
        like2="A second picture that the result should resemble: a blend of both",
        like3="A third picture that the result should resemble",
        like_weights="How much each of these pictures counts, such as: 2, 1. Below 0 pushes away",
        count="How many variations to paint",
        model="The models that paint (default: those that the host chose)",
    )
    @app_commands.choices(size=[Choice(name=name, value=name) for name in SHAPES])
    async def imagine(
        self,
        interaction: discord.Interaction,
        prompt: str | None = None,
        size: str | None = None,
        ratio: Range[str, 1, MAX_RATIO_TEXT] | None = None,
        steps: Range[int, 1, MAX_STEPS] | None = None,
        seed: Range[int, 0, LARGEST_SEED] | None = None,
        preset: str | None = None,
        style: Range[str, 1, MAX_STYLE] | None = None,
        negative: str | None = None,
        image: discord.Attachment | None = None,
        like: discord.Attachment | None = None,
        like2: discord.Attachment | None = None,
        like3: discord.Attachment | None = None,
        like_weights: Range[str, 1, MAX_WEIGHTS] | None = None,
        count: Range[int, 1, MAX_VARIATIONS] | None = None,
        model: Range[str, 1, _MAX_MODEL] | None = None,
    ) -> None:
        """Paint a picture from words, pictures, or both."""
        await defer(interaction)
        likes = _given(like, like2, like3)
        options = ImagineOptions(
            prompt=prompt,
            negative=negative,
            size=size,
            ratio=ratio,
            steps=steps,
            seed=seed,
            model=model,
            preset=preset,
            style=style,
            likes=len(likes),
            like_weights=like_weights,
        )
        await self._queue(interaction, options, count, image, likes)

    @imagine.autocomplete("style")
    async def _styles(self, interaction: discord.Interaction, typed: str) -> list[Choice[str]]:
        saved = await self._services.styles.of_user(interaction.user.id)
        styles = find_models(self._services.settings.engine.models).styles
        return first_choices(style_choices(typed, saved), matching(typed, styles))

    @imagine.autocomplete("preset")
    async def _presets(self, _: discord.Interaction, typed: str) -> list[Choice[str]]:
        return matching_presets(typed)

    @imagine.autocomplete("model")
    async def _models(self, _: discord.Interaction, typed: str) -> list[Choice[str]]:
        return matching(typed, self._services.settings.engine.installed)

    @imagine.autocomplete("ratio")
    async def _ratios(self, _: discord.Interaction, typed: str) -> list[Choice[str]]:
        return matching(typed, RATIOS)

    async def _queue(
        self,
        interaction: discord.Interaction,
        typed: ImagineOptions,
        typed_count: int | None,
        image: discord.Attachment | None,
        likes: list[discord.Attachment],
    ) -> None:
        """Queue what the options and the pictures of a command ask for."""
        settings, requester = self._services.settings, Requester.of_interaction(interaction)
        filled = await self._services.default_options.fill(requester, typed, typed_count)
        options, count = filled.options, filled.count
        recipe = imagine_recipe(options, settings.engine.installed, settings.limits)
        (recipe,), lowered = await self._services.policy.fit(
            requester.guild_id, (recipe,), steps=typed.steps is None, size=typed.size is None
        )
        title, notice = title_of(options, recipe), ""
        if image is not None or likes:
            await self._services.policy.check_early(requester, title, variations(recipe, count))
            recipe, notice = await self._with_pictures(requester, recipe, image, likes)
        origin = JobOrigin(spoiler=is_spoiler(image, *likes), notice=lowered)
        message = await self._services.submission.submit(
            requester, title, variations(recipe, count), origin
        )
        size = None if options.has_own_shape else (recipe.width, recipe.height)
        reading = reading_text(options.line, size) if options.line else ""
        notice = " ".join(filter(None, (filled.notice, reading, notice)))
        await answer_queued(interaction, Queued(message, notice))

    async def _with_pictures(
        self,
        requester: Requester,
        recipe: Recipe,
        image: discord.Attachment | None,
        likes: list[discord.Attachment],
    ) -> tuple[Recipe, str]:
        """Read the pictures of a command into its recipe; return it, and notices or ""."""
        size, notices, goals = (recipe.width, recipe.height), list[str](), list[ImagePrompt]()
        async with self._services.files.turn(requester.user_id) as turn:
            if image is not None:
                start, notice = await turn.read(read_start, Upload(image), size)
                recipe = replace(recipe, start="image", init_image=start)
                notices.append(notice)
            for number, like in enumerate(likes, 1):
                name = f"picture {number}" if len(likes) > 1 else "the picture"
                goal, notice = await turn.read(read_goal, Upload(like), f"{name} to resemble")
                goals.append(goal)
                notices.append(notice)
        return with_likes(recipe, goals), " ".join(filter(None, notices))


_T = TypeVar("_T")


def _given(*values: _T | None) -> list[_T]:
    """Return the values that are not None."""
    return [value for value in values if value is not None]
