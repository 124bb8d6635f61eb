"""`/imagine`: paint a picture from words."""

import asyncio
from dataclasses import replace

import discord
from discord import app_commands
from discord.app_commands import Choice, Range

from bot.client import BotCog
from bot.config import MAX_VARIATIONS
from bot.errors import UserError
from bot.jobs.job import JobOrigin
from bot.submission.policy import check_prompt
from bot.submission.requester import Requester
from bot.submission.seeds import LARGEST_SEED, seed_or_any, variations
from bot.ui.autocomplete import matching, matching_presets
from bot.ui.responses import defer, respond
from bot.ui.uploads import is_spoiler
from engine.editing.edit_recipe import image_prompt
from engine.models.catalogue import find_models
from engine.presets import make_recipe, round_to_grid
from engine.recipes.recipe import MAX_STEPS, Recipe
from engine.recipes.start_image import init_image

SIZES = {
    "square": (1.0, 1.0),
    "landscape": (1.25, 0.8),
    "portrait": (0.8, 1.25),
    "wide": (1.5, 0.75),
    "tall": (0.75, 1.5),
}
"""Width and height relative to the models' native side; all have about as many pixels."""
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
        size="Shape of the picture",
        steps="How long to paint: more steps add detail",
        seed="The same seed paints the same picture again",
        preset="Quality: fast takes less time, fine takes more",
        style="A style, such as: charcoal drawing",
        image="A picture to start from",
        like="A picture that the result should resemble",
        count="How many variations to paint",
    )
    @app_commands.choices(size=[Choice(name=name, value=name) for name in SIZES])
    async def imagine(
        self,
        interaction: discord.Interaction,
        prompt: str,
        size: str = "square",
        steps: Range[int, 1, MAX_STEPS] | None = None,
        seed: Range[int, 0, LARGEST_SEED] | None = None,
        preset: str | None = None,
        style: str | None = None,
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
        recipe = await asyncio.to_thread(
            self._recipe, prompt, size, seed, preset, *pictures, **options
        )
        if style is not None:
            recipe = _styled(recipe, style)
        requester = Requester.of_interaction(interaction)
        recipes = variations(recipe, count)
        origin = JobOrigin(spoiler=is_spoiler(image, like))
        message = await self._services.submission.submit(requester, prompt, recipes, origin)
        await respond(interaction, f"Queued: {message.jump_url}")

    @imagine.autocomplete("style")
    async def _styles(self, _: discord.Interaction, typed: str) -> list[Choice[str]]:
        return matching(typed, STYLES)

    @imagine.autocomplete("preset")
    async def _presets(self, _: discord.Interaction, typed: str) -> list[Choice[str]]:
        return matching_presets(typed)

    def _recipe(
        self,
        prompt: str,
        size: str,
        seed: int | None,
        preset: str | None,
        start: bytes | None,
        like: bytes | None,
        **options: int,
    ) -> Recipe:
        """Build the first picture's recipe; this reads pictures, so it takes time."""
        models = self._services.settings.engine.models
        width_height = _dimensions(size, models)
        return make_recipe(
            prompt,
            seed=seed_or_any(seed),
            models=models,
            preset=preset,
            size=width_height,
            init_image=None if start is None else init_image(start, width_height),
            image_prompts=() if like is None else (image_prompt(like),),
            **options,
        )


def _dimensions(size: str, models: str) -> tuple[int, int]:
    """Return the width and height in pixels of a size for `models`."""
    if size not in SIZES:
        raise UserError(f"There's no size called {size}. Choose one of: {', '.join(SIZES)}.")
    side = find_models(models).side
    width, height = SIZES[size]
    return round_to_grid((round(side * width), round(side * height)), models)


def _styled(recipe: Recipe, style: str) -> Recipe:
    """Append a style to each prompt of a recipe that has a positive weight."""
    prompts = (
        replace(prompt, text=f"{prompt.text}, {style}") if prompt.weight > 0 else prompt
        for prompt in recipe.prompts
    )
    return replace(recipe, prompts=tuple(prompts))
