"""Queueing what people ask for by options, words and pictures: a picture, or a film."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import discord

from bot.config import BotSettings
from bot.jobs.job import NEW_JOB, JobOrigin
from bot.languages.message import Message, joined
from bot.reading.file_readers import read_goal, read_start
from bot.submission.default_options import DefaultOptions
from bot.submission.files import FileReader
from bot.submission.films import FILM_KIND
from bot.submission.imagine_options import (
    ImagineOptions,
    imagine_recipe,
    keeps_best,
    title_of,
    with_likes,
)
from bot.submission.painters import is_other_painter, other_recipe
from bot.submission.policy import SubmissionPolicy
from bot.submission.requester import Requester
from bot.submission.seeds import variations
from bot.submission.submit import JobSubmission, Queued
from bot.ui.job_text import reading_text
from bot.ui.uploads import Upload, is_spoiler
from engine.presets import with_film
from engine.recipes.edit import ImagePrompt
from engine.recipes.film import Film
from engine.recipes.kinds import vqgan_clip_recipe
from engine.recipes.recipe import Recipe


@dataclass(frozen=True)
class Paintings:
    """Queues what `/imagine`, `/animate`, `/blend` and the buttons of `/describe` ask for."""

    _settings: BotSettings
    _policy: SubmissionPolicy
    _submission: JobSubmission
    _default_options: DefaultOptions
    _files: FileReader

    async def queue(
        self,
        requester: Requester,
        typed: ImagineOptions,
        typed_count: int | None = None,
        likes: Sequence[discord.Attachment] = (),
        image: discord.Attachment | None = None,
        film: Film | None = None,
    ) -> Queued:
        """Queue what options and pictures ask for; None is what was left out.

        Raises `UserError` or `EngineError` for what is not allowed.
        """
        settings = self._settings
        if is_other_painter(typed.painter):
            return await self._queue_other(requester, typed, typed_count, image)
        filled = await self._default_options.fill(requester, typed, typed_count)
        options, count = filled.options, filled.count
        recipe = imagine_recipe(options, settings.engine.installed, settings.limits)
        recipe = with_film(recipe, film, options.steps)
        (fitted,), lowered = await self._policy.fit(
            requester.guild_id, (recipe,), steps=typed.steps is None, size=typed.size is None
        )
        recipe = vqgan_clip_recipe(fitted)
        title, notice = title_of(options, recipe), ""
        if image is not None or likes:
            await self._policy.check_early(requester, title, variations(recipe, count))
            recipe, notice = await self._with_pictures(requester, recipe, image, likes)
        kind = NEW_JOB.kind if film is None else FILM_KIND
        is_best = keeps_best(options, count, is_typed=typed.keep is not None)
        origin = JobOrigin(
            kind, spoiler=is_spoiler(image, *likes), notice=lowered, keeps_best=is_best
        )
        message = await self._submission.submit(requester, title, variations(recipe, count), origin)
        size = None if options.has_own_shape else (recipe.width, recipe.height)
        reading = reading_text(options.line, size) if options.line else ""
        notices = joined(" ", (filled.notice, reading, notice))
        return Queued(message, notices)

    async def _queue_other(
        self,
        requester: Requester,
        typed: ImagineOptions,
        count: int | None,
        image: discord.Attachment | None,
    ) -> Queued:
        """Queue a picture of another painter than VQGAN-CLIP, which takes fewer options."""
        settings = self._settings
        options = await self._default_options.resolved(requester, typed)
        recipe = other_recipe(
            options, settings.engine, settings.limits, has_picture=image is not None
        )
        title, number = (typed.prompt or "").strip(), count or 1
        origin = JobOrigin(keeps_best=keeps_best(typed, number))
        message = await self._submission.submit(
            requester, title, variations(recipe, number), origin
        )
        return Queued(message)

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
        async with self._files.turn(requester.user_id) as turn:
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
