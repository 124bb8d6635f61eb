"""`/imagine`: paint a picture from words."""

import asyncio
from dataclasses import replace

import discord
from discord import app_commands
from discord.app_commands import Choice, Range

from bot import errors
from bot.client import BotCog
from bot.config import MAX_VARIATIONS
from bot.errors import UserError
from bot.jobs.job import JobOrigin
from bot.submission.policy import check_prompt
from bot.submission.requester import Requester
from bot.submission.seeds import LARGEST_SEED, seed_or_any, variations
from bot.submission.submit import Queued
from bot.ui.autocomplete import matching, matching_presets
from bot.ui.job_text import reading_text
from bot.ui.responses import defer, respond
from bot.ui.uploads import is_spoiler
from engine.editing.edit_recipe import image_prompt
from engine.images.image_io import load_picture
from engine.presets import default_size, make_recipe, size_of_shape
from engine.recipes.recipe import MAX_STEPS, Recipe
from engine.recipes.shapes import SHAPES
from engine.recipes.start_image import init_image

STYLES = (
    "charcoal drawing",
    "oil painting",
    "watercolour",
    "pencil sketch",
    "ink drawing",
    "woodcut",
    "pixel art",
    "stained glass",
    "matte painting",
    "photograph",
    "impressionism",
    "cubism",
    "ukiyo-e",
    "art nouveau",
)
"""Styles that autocomplete offers; people can type others."""
_MAX_STYLE = 100
"""Maximum length of a style, in characters."""


class Imagine(BotCog):
    """Paint pictures from words."""

    @app_commands.command()
    @app_commands.describe(
        prompt="What the picture should show. Weights are possible: a forest | fog:0.5",
        size="Shape of the picture (default: square)",
        steps="How long to paint: more steps add detail",
        seed="The same seed paints the same picture again",
        preset="Quality: fast takes less time, fine takes more",
        style="A style, such as: charcoal drawing",
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
        if style is not None and len(style) > _MAX_STYLE:
            raise UserError(f"A style can have at most {_MAX_STYLE} characters.")
        read = self._services.uploads.read
        pictures = [None if each is None else await read(each) for each in (image, like)]
        options = {} if steps is None else {"steps": steps}
        recipe, notice = await asyncio.to_thread(
            self._recipe, prompt, size, seed, preset, *pictures, **options
        )
        if style is not None:
            recipe = _styled(recipe, style)
        requester = Requester.of_interaction(interaction)
        recipes = variations(recipe, count)
        origin = JobOrigin(spoiler=is_spoiler(image, like))
        message = await self._services.submission.submit(requester, prompt, recipes, origin)
        reading = reading_text(prompt, is_shaped=size is None)
        notice = " ".join(filter(None, (reading, notice)))
        await respond(interaction, str(Queued(message, notice)))

    @imagine.autocomplete("style")
    async def _styles(self, _: discord.Interaction, typed: str) -> list[Choice[str]]:
        return matching(typed, STYLES)

    @imagine.autocomplete("preset")
    async def _presets(self, _: discord.Interaction, typed: str) -> list[Choice[str]]:
        return matching_presets(typed)

    def _recipe(
        self,
        prompt: str,
        size: str | None,
        seed: int | None,
        preset: str | None,
        start: bytes | None,
        like: bytes | None,
        **options: int,
    ) -> tuple[Recipe, str]:
        """Build the first picture's recipe, and notices; this reads pictures, so it takes time."""
        models = self._services.settings.engine.models
        width_height = default_size(prompt, models) if size is None else _sized(size, models)
        first = None if start is None else load_picture(start)
        goal = None if like is None else load_picture(like)
        recipe = make_recipe(
            prompt,
            seed=seed_or_any(seed),
            models=models,
            preset=preset,
            size=width_height,
            init_image=None if first is None else init_image(first.picture, width_height),
            image_prompts=() if goal is None else (image_prompt(goal.picture),),
            **options,
        )
        notices = first.notices("the picture to start from") if first else []
        notices += goal.notices("the picture to resemble") if goal else []
        return recipe, " ".join(map(errors.sentence, notices))


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
