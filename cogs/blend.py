"""`/blend`: paint what several pictures have in common, without words."""

from dataclasses import replace

import discord
from discord import app_commands
from discord.app_commands import Range

from bot.config import MAX_VARIATIONS
from bot.saved_style import MAX_STYLE
from bot.submission.imagine_options import MAX_RATIO_TEXT, MAX_WEIGHTS, ImagineOptions
from bot.submission.requester import PAINTING, Requester
from bot.submission.seeds import LARGEST_SEED
from bot.ui.command_options import TILE_CHOICES
from bot.ui.responses import defer
from cogs.painting import DESCRIPTIONS, KEEP_CHOICES, MAX_MODEL, SIZES, WEIGHTS, PaintingCog
from engine.recipes.checks import MAX_STEPS


class Blend(PaintingCog):
    """Paint what pictures have in common."""

    @app_commands.command()
    @app_commands.describe(
        **DESCRIPTIONS,
        image1="The first picture",
        image2="The second picture",
        image3="A third picture",
        weights=WEIGHTS,
    )
    @app_commands.choices(size=SIZES, keep=KEEP_CHOICES, tile=TILE_CHOICES)
    @app_commands.autocomplete(
        ratio=PaintingCog.complete_ratio,
        preset=PaintingCog.complete_preset,
        style=PaintingCog.complete_style,
        model=PaintingCog.complete_model,
    )
    async def blend(
        self,
        interaction: discord.Interaction,
        image1: discord.Attachment,
        image2: discord.Attachment,
        image3: discord.Attachment | None = None,
        weights: Range[str, 1, MAX_WEIGHTS] | None = None,
        size: str | None = None,
        ratio: Range[str, 1, MAX_RATIO_TEXT] | None = None,
        steps: Range[int, 1, MAX_STEPS] | None = None,
        seed: Range[int, 0, LARGEST_SEED] | None = None,
        preset: str | None = None,
        style: Range[str, 1, MAX_STYLE] | None = None,
        negative: str | None = None,
        count: Range[int, 1, MAX_VARIATIONS] | None = None,
        keep: str | None = None,
        tile: str | None = None,
        model: Range[str, 1, MAX_MODEL] | None = None,
    ) -> None:
        """Paint what two or three pictures have in common, without words."""
        await defer(interaction)
        images = [image1, image2] if image3 is None else [image1, image2, image3]
        options = ImagineOptions(
            negative=negative,
            size=size,
            ratio=ratio,
            steps=steps,
            seed=seed,
            model=model,
            preset=preset,
            style=style,
            keep=keep,
            tile=tile,
            likes=len(images),
            like_weights=weights,
            weights_option="weights",
        )
        # Who may not use /imagine here gets nothing painted by /blend either.
        requester = replace(Requester.of_interaction(interaction), commands=(PAINTING,))
        await self.queue(interaction, requester, options, count, images)
