"""`/imagine`: paint a picture from words."""

from dataclasses import replace
from typing import Any

import discord
from discord import app_commands
from discord.app_commands import Choice, Range

from bot.client import BotCog
from bot.config import MAX_VARIATIONS
from bot.errors import UserError
from bot.jobs.job import JobOrigin
from bot.reading.file_readers import read_goal, read_start
from bot.submission.policy import check_prompt
from bot.submission.requester import Requester
from bot.submission.seeds import LARGEST_SEED, seed_or_any, variations
from bot.submission.submit import Queued
from bot.ui.autocomplete import first_choices, matching, matching_presets
from bot.ui.job_text import reading_text
from bot.ui.responses import defer, respond
from bot.ui.styles_text import style_choices
from bot.ui.uploads import Upload, is_spoiler
from engine.models.catalogue import find_models
from engine.presets import default_size, make_recipe, size_of_shape
from engine.recipes.recipe import MAX_STEPS, Recipe
from engine.recipes.shapes import SHAPES

_MAX_STYLE = 100
"""Maximum length of a style, in characters."""


class Imagine(BotCog):
    """Paint pictures from words."""

    @app_commands.command()
    @app_commands.describe(
        prompt="What the picture should show",
        size="Shape of the picture (default: square)",
        steps="How long to paint: more steps add detail",
        seed="The same seed paints the same picture again",
        preset="Quality: fast takes less time, fine takes more",
        style="A style",
        image="A picture to start from",
        like="A picture that the result should resemble",
        count="How many variations to paint",
    )
    @app_commands.choices(size=[Choice(name=name, value=name) for name in SHAPES])
    async def imagine(
        self,
        interaction: discord.Interaction,
        prompt: str,
        size: str | None = None,
        steps: Range[int, 1, MAX_STEPS] | None = None,
        seed: Range[int, 0, LARGEST_SEED] | None = None,
        preset: str | None = None,
        style: Range[str, 1, _MAX_STYLE] | None = None,
        image: discord.Attachment | None = None,
        like: discord.Attachment | None = None,
        count: Range[int, 1, MAX_VARIATIONS] = 1,
    ) -> None:
        """Paint a picture from words."""
        await defer(interaction)
        check_prompt(prompt, self._services.settings.limits)
        if style is not None:
            style = await self._services.styles.words(interaction.user.id, style)
        options = {} if steps is None else {"steps": steps}
        recipe = self._recipe(prompt, size, seed, preset, **options)
        (recipe,), lowered = await self._services.policy.fit(
            interaction.guild_id, (recipe,), steps=steps is None, size=size is None
        )
        if style is not None:
            recipe = _styled(recipe, style)
        requester, notice = Requester.of_interaction(interaction), ""
        if image is not None or like is not None:
            await self._services.policy.check_early(requester, prompt, variations(recipe, count))
            recipe, notice = await self._with_pictures(requester, recipe, image, like)
        recipes = variations(recipe, count)
        origin = JobOrigin(spoiler=is_spoiler(image, like), notice=lowered)
        message = await self._services.submission.submit(requester, prompt, recipes, origin)
        reading = reading_text(prompt, is_shaped=size is None)
        notice = " ".join(filter(None, (reading, notice)))
        await respond(interaction, str(Queued(message, notice)))

    @imagine.autocomplete("style")
    async def _styles(self, interaction: discord.Interaction, typed: str) -> list[Choice[str]]:
        saved = await self._services.styles.of_user(interaction.user.id)
        styles = find_models(self._services.settings.engine.models).styles
        return first_choices(style_choices(typed, saved), matching(typed, styles))

    @imagine.autocomplete("preset")
    async def _presets(self, _: discord.Interaction, typed: str) -> list[Choice[str]]:
        return matching_presets(typed)

    def _recipe(
        self, prompt: str, size: str | None, seed: int | None, preset: str | None, **options: Any
    ) -> Recipe:
        """Return the first picture's recipe, without the pictures of the command."""
        models = self._services.settings.engine.models
        return make_recipe(
            prompt,
            seed=seed_or_any(seed),
            models=models,
            preset=preset,
            size=default_size(prompt, models) if size is None else _sized(size, models),
            **options,
        )

    async def _with_pictures(
        self,
        requester: Requester,
        recipe: Recipe,
        image: discord.Attachment | None,
        like: discord.Attachment | None,
    ) -> tuple[Recipe, str]:
        """Read the pictures of a command into its recipe; return it, and notices or ""."""
        size, first, second = (recipe.width, recipe.height), "", ""
        async with self._services.files.turn(requester.user_id) as turn:
            if image is not None:
                start, first = await turn.read(read_start, Upload(image), size)
                recipe = replace(recipe, start="image", init_image=start)
            if like is not None:
                goal, second = await turn.read(read_goal, Upload(like))
                recipe = replace(recipe, image_prompts=(goal,))
        return recipe, " ".join(filter(None, (first, second)))


def _sized(size: str, models: str) -> tuple[int, int]:
    """Return the width and height in pixels of a size for `models`."""
    if size not in SHAPES:
        raise UserError(f"There's no size called {size}. Choose one of: {', '.join(SHAPES)}.")
    return size_of_shape(size, models)


def _styled(recipe: Recipe, style: str) -> Recipe:
    """Append a style to each prompt of a recipe that has a positive weight."""
    prompts = (
        replace(prompt, text=f"{prompt.text}, {style}") if prompt.weight > 0 else prompt
        for prompt in recipe.prompts
    )
    return replace(recipe, prompts=tuple(prompts))
