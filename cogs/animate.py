"""`/animate`: paint a film, a picture through which a camera moves."""

import discord
from discord import app_commands
from discord.app_commands import Choice, Range

from bot.saved_style import MAX_STYLE
from bot.submission.films import (
    LONGEST_SECONDS,
    SHORTEST_SECONDS,
    USUAL_SECONDS,
    film_from_options,
)
from bot.submission.imagine_options import MAX_RATIO_TEXT, ImagineOptions
from bot.submission.requester import Requester
from bot.submission.seeds import LARGEST_SEED
from bot.ui.responses import defer
from cogs.painting import DESCRIPTIONS, MAX_MODEL, SIZES, PaintingCog
from engine.recipes.checks import MAX_STEPS
from engine.recipes.film import CAMERAS, MAX_SPEED


class Animate(PaintingCog):
    """Paint films from words, or from a picture."""

    @app_commands.command()
    @app_commands.describe(
        prompt="What the film should show",
        image="A picture to start from",
        camera="What the camera does (default: zoom)",
        seconds=f"How long the film is (default: {USUAL_SECONDS})",
        speed="How fast the camera moves; below 0 the other way (default: 1)",
        loop="Whether the end leads back to the beginning",
        steps="How long to paint before the camera moves: more steps add detail",
        **{
            name: DESCRIPTIONS[name]
            for name in ("size", "ratio", "seed", "preset", "style", "negative", "model")
        },
    )
    @app_commands.choices(size=SIZES, camera=[Choice(name=each, value=each) for each in CAMERAS])
    @app_commands.autocomplete(
        ratio=PaintingCog.complete_ratio,
        preset=PaintingCog.complete_preset,
        style=PaintingCog.complete_style,
        model=PaintingCog.complete_model,
    )
    async def animate(
        self,
        interaction: discord.Interaction,
        prompt: str,
        image: discord.Attachment | None = None,
        camera: str | None = None,
        seconds: Range[float, SHORTEST_SECONDS, LONGEST_SECONDS] | None = None,
        speed: Range[float, -MAX_SPEED, MAX_SPEED] | None = None,
        loop: bool | None = None,
        size: str | None = None,
        ratio: Range[str, 1, MAX_RATIO_TEXT] | None = None,
        steps: Range[int, 1, MAX_STEPS] | None = None,
        seed: Range[int, 0, LARGEST_SEED] | None = None,
        preset: str | None = None,
        style: Range[str, 1, MAX_STYLE] | None = None,
        negative: str | None = None,
        model: Range[str, 1, MAX_MODEL] | None = None,
    ) -> None:
        """Paint a film: a picture through which a camera moves."""
        await defer(interaction)
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
        )
        film = film_from_options(camera, seconds, speed, loop=loop)
        requester = Requester.of_interaction(interaction)
        await self.queue(interaction, requester, options, 1, (), image, film)
