"""`/compare`: paint the same words by several painters, on one sheet."""

from dataclasses import replace

import discord
from discord import app_commands
from discord.app_commands import Range

from bot.client import BotCog
from bot.submission.comparisons import MAX_TRIES
from bot.submission.private_answers import answer_queued
from bot.submission.requester import PAINTING, Requester
from bot.submission.seeds import LARGEST_SEED
from bot.ui.responses import defer


class Compare(BotCog):
    """Compare VQGAN-CLIP with the other painters of the paper."""

    @app_commands.command()
    @app_commands.describe(
        prompt="What the pictures should show, in one plain sentence",
        seed="The same seed paints the same pictures again",
        tries="How many tries the other painters have; the best is shown (default: 3)",
    )
    async def compare(
        self,
        interaction: discord.Interaction,
        prompt: str,
        seed: Range[int, 0, LARGEST_SEED] | None = None,
        tries: Range[int, 1, MAX_TRIES] | None = None,
    ) -> None:
        """Paint the same words by VQGAN-CLIP and its rivals, on one sheet."""
        await defer(interaction)
        # Who may not use /imagine here gets nothing painted by /compare either.
        requester = replace(Requester.of_interaction(interaction), commands=(PAINTING,))
        queued = await self._services.comparisons.queue(requester, prompt, seed, tries)
        await answer_queued(interaction, queued)
