"""`/imagine`: paint a picture from words, with or without pictures."""

import discord
from discord import app_commands
from discord.app_commands import Range

from bot.config import MAX_VARIATIONS
from bot.saved_style import MAX_STYLE
from bot.submission.imagine_options import MAX_RATIO_TEXT, MAX_WEIGHTS, ImagineOptions
from bot.submission.painters import MAX_PAINTER
from bot.submission.requester import Requester
from bot.submission.seeds import LARGEST_SEED
from bot.ui.command_options import TILE_CHOICES
from bot.ui.responses import defer
from cogs.painting import DESCRIPTIONS, KEEP_CHOICES, MAX_MODEL, SIZES, WEIGHTS, PaintingCog
from engine.recipes.checks import MAX_STEPS


class Imagine(PaintingCog):
    """Paint pictures from words."""

    # Discord's client puts the cursor into an option only if it is required.
    @app_commands.command()
    @app_commands.describe(
        **DESCRIPTIONS,
        prompt="What the picture should show",
        image="A picture to start from",
        like="A picture that the result should resemble",
        like2="A second picture that the result should resemble: a blend of both",
        like3="A third picture that the result should resemble",
        like_weights=WEIGHTS,
        fade="How much of each chapter of a story fades in, in percent: ^ separates chapters",
        painter="What paints: VQGAN-CLIP, or one of its rivals in the paper",
    )
    @app_commands.choices(size=SIZES, keep=KEEP_CHOICES, tile=TILE_CHOICES)
    @app_commands.autocomplete(
        ratio=PaintingCog.complete_ratio,
        preset=PaintingCog.complete_preset,
        style=PaintingCog.complete_style,
        model=PaintingCog.complete_model,
        painter=PaintingCog.complete_painter,
    )
    async def imagine(
        self,
        interaction: discord.Interaction,
        prompt: str,
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
        keep: str | None = None,
        tile: str | None = None,
        fade: Range[int, 0, 100] | None = None,
        model: Range[str, 1, MAX_MODEL] | None = None,
        painter: Range[str, 1, MAX_PAINTER] | None = None,
    ) -> None:
        """Paint a picture from words, with or without pictures."""
        await defer(interaction)
        likes = [each for each in (like, like2, like3) if each is not None]
        options = ImagineOptions(
            prompt=prompt,
            negative=negative,
            size=size,
            ratio=ratio,
            steps=steps,
            seed=seed,
            model=model,
            painter=painter,
            preset=preset,
            style=style,
            keep=keep,
            tile=tile,
            likes=len(likes),
            like_weights=like_weights,
            fade=fade,
        )
        requester = Requester.of_interaction(interaction)
        await self.queue(interaction, requester, options, count, likes, image)
