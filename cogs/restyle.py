"""`/restyle`: paint a short video in another style."""

import discord
from discord import app_commands
from discord.app_commands import Range

from bot.saved_style import MAX_STYLE
from bot.submission.films import SHORTEST_SECONDS
from bot.submission.private_answers import answer_queued
from bot.submission.requester import Requester
from bot.submission.restyles import RestyleOptions
from bot.submission.seeds import LARGEST_SEED
from bot.ui.responses import defer
from bot.ui.uploads import Upload, is_spoiler
from cogs.painting import DESCRIPTIONS, MAX_MODEL, PaintingCog
from engine.images.stored_clip import MAX_SECONDS
from engine.recipes.checks import MAX_STEPS


class Restyle(PaintingCog):
    """Paint people's videos in another style."""

    @app_commands.command()
    @app_commands.describe(
        clip=f"The video to restyle, of which up to {MAX_SECONDS:g} seconds are used",
        prompt="What it should show afterwards, or in which style",
        keep="How much of each frame stays, in percent: 100 changes only colors (default: 90)",
        seconds="How much of the video to use, from its beginning",
        steps="How long to paint the first frame: more steps change more",
        **{name: DESCRIPTIONS[name] for name in ("seed", "preset", "style", "model")},
    )
    @app_commands.autocomplete(
        preset=PaintingCog.complete_preset,
        style=PaintingCog.complete_style,
        model=PaintingCog.complete_model,
    )
    async def restyle(
        self,
        interaction: discord.Interaction,
        clip: discord.Attachment,
        prompt: str,
        keep: Range[int, 0, 100] | None = None,
        seconds: Range[float, SHORTEST_SECONDS, MAX_SECONDS] | None = None,
        steps: Range[int, 1, MAX_STEPS] | None = None,
        seed: Range[int, 0, LARGEST_SEED] | None = None,
        preset: str | None = None,
        style: Range[str, 1, MAX_STYLE] | None = None,
        model: Range[str, 1, MAX_MODEL] | None = None,
    ) -> None:
        """Paint a short video in another style, frame by frame."""
        await defer(interaction)
        options = RestyleOptions(
            prompt=prompt,
            keep=None if keep is None else keep / 100,
            seconds=seconds,
            steps=steps,
            seed=seed,
            preset=preset,
            style=style,
            model=model,
            spoiler=is_spoiler(clip),
        )
        requester = Requester.of_interaction(interaction)
        queued = await self._services.restyles.queue(requester, options, Upload(clip))
        await answer_queued(interaction, queued)
