"""What the commands that paint from options have in common."""

from collections.abc import Sequence
from dataclasses import replace

import discord
from discord.app_commands import Choice, Command

from bot.client import BotCog
from bot.jobs.job import NEW_JOB, JobOrigin
from bot.languages.message import Message, joined
from bot.preferences import KEEPS
from bot.reading.file_readers import read_goal, read_start
from bot.submission.films import FILM_KIND
from bot.submission.imagine_options import (
    ImagineOptions,
    imagine_recipe,
    keeps_best,
    title_of,
    with_likes,
)
from bot.submission.painters import is_other_painter, other_recipe, painter_choices
from bot.submission.private_answers import answer_queued
from bot.submission.requester import Requester
from bot.submission.seeds import variations
from bot.submission.submit import Queued
from bot.ui.autocomplete import first_choices, matching, matching_presets
from bot.ui.command_options import TILE, hide_option
from bot.ui.job_text import reading_text
from bot.ui.styles_text import style_choices
from bot.ui.uploads import Upload, is_spoiler
from engine.models.catalogue import find_models
from engine.presets import with_film
from engine.recipes.edit import ImagePrompt
from engine.recipes.film import Film
from engine.recipes.kinds import vqgan_clip_recipe
from engine.recipes.recipe import Recipe
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
        settings = self._services.settings
        if is_other_painter(typed.painter):
            await self._queue_other(interaction, requester, typed, typed_count, image)
            return
        filled = await self._services.default_options.fill(requester, typed, typed_count)
        options, count = filled.options, filled.count
        recipe = imagine_recipe(options, settings.engine.installed, settings.limits)
        recipe = with_film(recipe, film, options.steps)
        (fitted,), lowered = await self._services.policy.fit(
            requester.guild_id, (recipe,), steps=typed.steps is None, size=typed.size is None
        )
        recipe = vqgan_clip_recipe(fitted)
        title, notice = title_of(options, recipe), ""
        if image is not None or likes:
            await self._services.policy.check_early(requester, title, variations(recipe, count))
            recipe, notice = await self._with_pictures(requester, recipe, image, likes)
        kind = NEW_JOB.kind if film is None else FILM_KIND
        is_best = keeps_best(options, count, is_typed=typed.keep is not None)
        origin = JobOrigin(
            kind, spoiler=is_spoiler(image, *likes), notice=lowered, keeps_best=is_best
        )
        message = await self._services.submission.submit(
            requester, title, variations(recipe, count), origin
        )
        size = None if options.has_own_shape else (recipe.width, recipe.height)
        reading = reading_text(options.line, size) if options.line else ""
        notices = joined(" ", (filled.notice, reading, notice))
        await answer_queued(interaction, Queued(message, notices))

    async def _queue_other(
        self,
        interaction: discord.Interaction,
        requester: Requester,
        typed: ImagineOptions,
        count: int | None,
        image: discord.Attachment | None,
    ) -> None:
        """Queue a picture of another painter than VQGAN-CLIP, which takes fewer options."""
        services, settings = self._services, self._services.settings
        options = await services.default_options.resolved(requester, typed)
        recipe = other_recipe(
            options, settings.engine, settings.limits, has_picture=image is not None
        )
        title, number = (typed.prompt or "").strip(), count or 1
        origin = JobOrigin(keeps_best=keeps_best(typed, number))
        message = await services.submission.submit(
            requester, title, variations(recipe, number), origin
        )
        await answer_queued(interaction, Queued(message))

    async def _with_pictures(
        self,
        requester: Requester,
        recipe: Recipe,
        image: discord.Attachment | None,
        likes: Sequence[discord.Attachment],
    ) -> tuple[Recipe, Message | str]:
        """Read the pictures of a command into its recipe; return it, and notices or ""."""
        size, goals = (recipe.width, recipe.height), list[ImagePrompt]()
        notices = list[Message | str]()
        async with self._services.files.turn(requester.user_id) as turn:
            if image is not None:
                start, notice = await turn.read(read_start, Upload(image), size)
                recipe = replace(recipe, start="image", init_image=start)
                notices.append(notice)
            for number, like in enumerate(likes, 1):
                which = number if len(likes) > 1 else None
                goal, notice = await turn.read(read_goal, Upload(like), which)
                goals.append(goal)
                notices.append(notice)
        return with_likes(recipe, goals), joined(" ", notices)
