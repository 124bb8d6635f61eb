"""Make new jobs from jobs that have ended, with another seed, start, size, steps or prompt.

A new job belongs to the user who asks for it and counts towards their limits. Callers check who may
ask.
"""

import asyncio
import time
from collections.abc import Generator, Hashable, Sequence
from contextlib import contextmanager
from math import inf

import discord

from bot.config import BotSettings
from bot.errors import UserError
from bot.jobs.job import JobOrigin
from bot.jobs.records import JobRecord
from bot.languages.message import Message
from bot.submission.control import JobControl
from bot.submission.policy import SubmissionPolicy, check_models, check_prompt
from bot.submission.requester import Requester
from bot.submission.seeds import reseeded, seed_or_any
from bot.submission.submit import JobSubmission
from bot.timings import Timings
from engine.editing.enlarging import enlarged
from engine.editing.followups import reworded, variation_of, with_extra_steps
from engine.errors import EngineError
from engine.provenance import read_provenance
from engine.recipes.kinds import AnyRecipe, vqgan_clip_recipe
from engine.recipes.recipe import Recipe


class FollowupJobs:
    """Queues jobs that come from other jobs.

    Every method returns the new job's message, and raises `UserError` or `EngineError` for what
    is not allowed.
    """

    def __init__(
        self,
        settings: BotSettings,
        policy: SubmissionPolicy,
        submission: JobSubmission,
        control: JobControl,
        timings: Timings,
    ) -> None:
        self._settings = settings
        self._policy = policy
        self._submission = submission
        self._control = control
        self._debounce_seconds = timings.debounce_seconds
        self._recent: dict[Hashable, float] = {}
        """When each recent request was queued; infinity while it is being queued."""

    async def rerun(
        self, requester: Requester, record: JobRecord, number: int | None = None
    ) -> discord.Message:
        """Paint a job, or one of its pictures, again with other seeds."""
        with self.debounce(requester.user_id, "rerun", record.job.id, number):
            recipes = reseeded(_recipes(record, number))
            return await self._submit(requester, record, recipes, "rerun")

    async def vary(
        self, requester: Requester, record: JobRecord, number: int, picture: bytes
    ) -> discord.Message:
        """Start from one of a job's pictures, with noise added."""
        origin, seed = _recipe(record, number), seed_or_any(None)
        self._check_models((origin,))
        with self.debounce(requester.user_id, "vary", record.job.id, number):
            recipe = await asyncio.to_thread(_variation, vqgan_clip_recipe(origin), picture, seed)
            return await self._submit(requester, record, (recipe,), "vary")

    async def enlarge(
        self, requester: Requester, record: JobRecord, number: int, picture: bytes
    ) -> discord.Message:
        """Paint one of a job's pictures twice as wide and high, tile by tile."""
        origin = _recipe(record, number)
        self._check_models((origin,))
        with self.debounce(requester.user_id, "enlarge", record.job.id, number):
            recipe = await asyncio.to_thread(_enlarged, vqgan_clip_recipe(origin), picture)
            return await self._submit(requester, record, (recipe,), "enlarge")

    async def add_steps(
        self, requester: Requester, record: JobRecord, number: int | None, steps: int
    ) -> discord.Message:
        """Give more steps to one of a job's pictures, or to all of them."""
        recipes = _recipes(record, number)
        self._check_models(recipes)
        with self.debounce(requester.user_id, "more", record.job.id, number):
            longer = tuple(with_extra_steps(vqgan_clip_recipe(recipe), steps) for recipe in recipes)
            return await self._control.resume(record.job.id, requester, longer, picture=number)

    async def resume(self, requester: Requester, record: JobRecord) -> discord.Message:
        """Give a stopped job the rest of its steps."""
        self._check_models(record.job.recipes)
        with self.debounce(requester.user_id, "go on", record.job.id):
            return await self._control.resume(record.job.id, requester, kind="go-on")

    async def edit_prompt(
        self, requester: Requester, record: JobRecord, prompt: str, number: int | None = None
    ) -> discord.Message:
        """Paint a job, or one of its pictures, with another prompt and the same seeds."""
        check_prompt(prompt, self._settings.limits)
        before = _recipes(record, number)
        after = tuple(reworded(recipe, prompt) for recipe in before)
        if before == after:
            raise UserError(
                Message(
                    "This is the same prompt, and with the same seed it paints the same picture. "
                    "Change it, or press Rerun."
                )
            )
        with self.debounce(requester.user_id, "reword", record.job.id, number, prompt):
            return await self._submit(requester, record, after, "reword", prompt)

    async def _submit(
        self,
        requester: Requester,
        record: JobRecord,
        recipes: tuple[AnyRecipe, ...],
        kind: str,
        prompt: str | None = None,
    ) -> discord.Message:
        self._check_models(recipes)
        recipes, lowered = await self._policy.fit(requester.guild_id, recipes, count=True)
        words = _told(record, recipes) if prompt is None else prompt
        origin = JobOrigin(
            kind,
            record.job.id,
            spoiler=record.job.spoiler,
            notice=lowered,
            keeps_best=record.job.keeps_best and len(recipes) > 1,
            has_new_words=prompt is not None,
        )
        return await self._submission.submit(requester, words, recipes, origin)

    def _check_models(self, recipes: Sequence[AnyRecipe]) -> None:
        for each in recipes:
            check_models(each, self._settings.engine.all_installed)

    @contextmanager
    def debounce(self, *request: Hashable) -> Generator[None]:
        """Refuse a request that was made a moment ago, unless it was refused or failed."""
        now = time.monotonic()
        self._recent = {
            key: when for key, when in self._recent.items() if now - when < self._debounce_seconds
        }
        if request in self._recent:
            raise UserError(Message("You asked for that a moment ago, and once is enough."))
        self._recent[request] = inf
        try:
            yield
        except BaseException:
            del self._recent[request]
            raise
        self._recent[request] = time.monotonic()


def _variation(origin: Recipe, picture: bytes, seed: int) -> Recipe:
    return variation_of(origin, picture, seed, _steps_of(origin, picture))


def _enlarged(origin: Recipe, picture: bytes) -> Recipe:
    return enlarged(origin, picture, _steps_of(origin, picture))


def _steps_of(origin: Recipe, picture: bytes) -> int:
    """Return the number of steps that a picture took: all, unless its file says otherwise."""
    try:
        return read_provenance(picture).steps
    except EngineError:
        return origin.total_steps


def _told(record: JobRecord, recipes: Sequence[AnyRecipe]) -> str:
    """Return the words of a job that comes from another one.

    A job that goes on from one chapter of a story is named by that chapter.
    """
    before, after = record.job.recipes[0], recipes[0]
    if not isinstance(before, Recipe) or not isinstance(after, Recipe):
        return record.job.prompt
    is_of_a_chapter = before.story is not None and after.story is None
    return after.title if is_of_a_chapter else record.job.prompt


def _recipes(record: JobRecord, number: int | None) -> tuple[AnyRecipe, ...]:
    """Return a job's recipes, or only that of picture `number`."""
    return record.job.recipes if number is None else (_recipe(record, number),)


def _recipe(record: JobRecord, number: int) -> AnyRecipe:
    """Return the recipe of picture `number`, counted from 1."""
    if not 1 <= number <= len(record.job.recipes):
        raise UserError(Message("There is no such picture."))
    return record.job.recipes[number - 1]
