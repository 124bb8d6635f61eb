"""`/upscale`: paint a picture again, two or four times as large."""

import discord
from discord import app_commands
from discord.app_commands import Choice, Range

from bot.client import BotCog
from bot.submission.enlargements import PAINTER, WAYS, EnlargementOptions
from bot.submission.private_answers import answer_queued
from bot.submission.requester import Requester
from bot.submission.seeds import LARGEST_SEED
from bot.ui.autocomplete import matching
from bot.ui.command_options import hide_option
from bot.ui.responses import defer
from bot.ui.uploads import Upload, is_spoiler
from engine.editing.enlarging import ENLARGED, STEPS
from engine.recipes.checks import MAX_STEPS
from engine.recipes.enlargement import FACTORS

_MAX_MODEL = 100
"""Maximum length of the name of models, in characters."""


class Upscale(BotCog):
    """Enlarge pictures."""

    async def cog_load(self) -> None:
        """Hide the choice of models where there is only one, and that of a network without one."""
        await super().cog_load()
        if not self._services.settings.engine.networks:
            hide_option(self.upscale, "by")
        if len(self._services.settings.engine.installed) == 1:
            hide_option(self.upscale, "model")

    @app_commands.command()
    @app_commands.describe(
        image="The picture to enlarge",
        factor=f"How many times as wide and high (default: {ENLARGED})",
        prompt="What the picture shows (default: the words that painted it, or none)",
        steps=f"Steps of each part: more steps change more (default: {STEPS})",
        seed="The same seed paints the same picture again",
        model="The models that paint (default: those that the host chose)",
        by="What enlarges: painting, or a network that was trained for it and takes no words",
    )
    @app_commands.choices(factor=[Choice(name=f"×{each}", value=each) for each in FACTORS])
    @app_commands.choices(by=[Choice(name=each, value=each) for each in WAYS])
    async def upscale(
        self,
        interaction: discord.Interaction,
        image: discord.Attachment,
        factor: int = ENLARGED,
        prompt: str | None = None,
        steps: Range[int, 1, MAX_STEPS] | None = None,
        seed: Range[int, 0, LARGEST_SEED] | None = None,
        model: Range[str, 1, _MAX_MODEL] | None = None,
        by: str = PAINTER,
    ) -> None:
        """Paint a picture again, two or four times as large."""
        await defer(interaction)
        options = EnlargementOptions(
            factor, prompt, steps=steps, seed=seed, model=model, by=by, spoiler=is_spoiler(image)
        )
        requester = Requester.of_interaction(interaction)
        queued = await self._services.enlargements.queue(requester, options, Upload(image))
        await answer_queued(interaction, queued)

    @upscale.autocomplete("model")
    async def _models(self, _: discord.Interaction, typed: str) -> list[Choice[str]]:
        return matching(typed, self._services.settings.engine.installed)
