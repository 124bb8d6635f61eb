"""What the commands that paint from options have in common."""

from collections.abc import Sequence

import discord
from discord.app_commands import Choice, Command

from bot.client import BotCog
from bot.preferences import KEEPS
from bot.submission.imagine_options import (
    ImagineOptions,
)
from bot.submission.painters import painter_choices
from bot.submission.private_answers import answer_queued
from bot.submission.requester import Requester
from bot.ui.autocomplete import first_choices, matching, matching_presets
from bot.ui.command_options import TILE, hide_option
from bot.ui.styles_text import style_choices
from engine.models.catalogue import find_models
from engine.recipes.film import Film
from engine.recipes.shapes import RATIOS, SHAPES

MAX_MODEL = 100
"""Maximum length of the name of models, in characters."""
KEEP_CHOICES = [Choice(name=name, value=name) for name in KEEPS]
SIZES = [Choice(name=name, value=name) for name in SHAPES]
DESCRIPTIONS = {
    "size": "Shape of the picture (default: square)",
    "ratio": "Any shape, instead of a size, such as: 16:9",
    "steps": "How long to paint: more steps add detail",
    "seed": "The same seed paints the same picture again",
    "preset": "Quality: fast takes less time, fine takes more",
    "style": "A style",
    "negative": "What the picture should not show, separated by commas",
    "count": "How many variations to paint",
    "keep": "best: of several variations, show the best one large",
    "tile": TILE,
    "model": "The models that paint (default: those that the host chose)",
}
"""The descriptions of the options that these commands share."""
WEIGHTS = "How much each of these pictures counts, such as: 2, 1. Below 0 pushes away"
"""The description of the option with the weights of pictures."""


class PaintingCog(BotCog):
    """Completes the options of a command while they are typed, and queues what it asks for."""

    async def cog_load(self) -> None:
        """Hide the choice of models, and that of painters, where there is only one."""
        await super().cog_load()
        engine = self._services.settings.engine
        hidden = ["model"] if len(engine.installed) == 1 else []
        hidden += ["painter"] if len(painter_choices(engine)) == 1 else []
        for command in self.walk_app_commands():
            if isinstance(command, Command):
                for name in hidden:
                    hide_option(command, name)

    async def complete_style(
        self, interaction: discord.Interaction, typed: str
    ) -> list[Choice[str]]:
        """Return the person's saved styles, and those that the models know."""
        saved = await self._services.styles.of_user(interaction.user.id)
        styles = find_models(self._services.settings.engine.models).styles
        return first_choices(style_choices(typed, saved), matching(typed, styles))

    async def complete_preset(self, _: discord.Interaction, typed: str) -> list[Choice[str]]:
        """Return the presets."""
        return matching_presets(typed)

    async def complete_model(self, _: discord.Interaction, typed: str) -> list[Choice[str]]:
        """Return the names of the installed models."""
        return matching(typed, self._services.settings.engine.installed)

    async def complete_painter(self, _: discord.Interaction, typed: str) -> list[Choice[str]]:
        """Return the names of the installed painters."""
        return matching(typed, painter_choices(self._services.settings.engine))

    async def complete_ratio(self, _: discord.Interaction, typed: str) -> list[Choice[str]]:
        """Return usual ratios."""
        return matching(typed, RATIOS)

    async def queue(
        self,
        interaction: discord.Interaction,
        requester: Requester,
        typed: ImagineOptions,
        typed_count: int | None,
        likes: Sequence[discord.Attachment],
        image: discord.Attachment | None = None,
        film: Film | None = None,
    ) -> None:
        """Queue what the options and the pictures of a command ask for, as a picture or a film."""
        queued = await self._services.paintings.queue(
            requester, typed, typed_count, likes, image, film
        )
        await answer_queued(interaction, queued)
