"""Again: from a job that has ended to a new one that differs in its seed, start, steps or words.

The new job is of whoever asks for it, with their limits. Who may ask is for others to check.
"""

import asyncio
import time
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from math import inf

import discord

from bot.config import BotSettings
from bot.errors import UserError
from bot.jobs.records import JobRecord
from bot.submission.control import JobControl
from bot.submission.policy import check_models, check_prompt
from bot.submission.requester import Requester
from bot.submission.seeds import reseeded, seed_or_any
from bot.submission.submit import JobSubmission
from engine.editing.followups import variation_of, with_extra_steps
from engine.recipes.prompts import parse_prompts
from engine.recipes.recipe import Recipe

DEBOUNCE_SECONDS = 3.0
"""Within which a person who wants the same once more has pressed a button twice."""


class FollowupJobs:
    """Queues jobs that come from others.

    Every method returns the new job's message, and raises `UserError` or `EngineError` for what
    is not allowed.
    """

    def __init__(self, settings: BotSettings, intake: JobSubmission, control: JobControl) -> None:
        self._settings = settings
        self._intake = intake
        self._control = control
        self._taken: dict[Hashable, float] = {}
        """What was asked for a moment ago, and when; infinity while it is being queued."""

    async def rerun(self, asker: Requester, record: JobRecord) -> discord.Message:
        """Paint a job again with other seeds."""
        with self.debounce(asker.user_id, "rerun", record.job.id):
            recipes = reseeded(record.job.recipes)
            return await self._accept(asker, record, recipes, kind="rerun")

    async def vary(
        self, asker: Requester, record: JobRecord, number: int, picture: bytes
    ) -> discord.Message:
        """Start from one of a job's pictures, moved at random."""
        origin, seed = _recipe(record, number), seed_or_any(None)
        self._check_models((origin,))
        with self.debounce(asker.user_id, "vary", record.job.id, number):
            recipe = await asyncio.to_thread(variation_of, origin, picture, seed)
            return await self._accept(asker, record, (recipe,), kind="vary")

    async def add_steps(
        self, asker: Requester, record: JobRecord, number: int | None, steps: int
    ) -> discord.Message:
        """Give one of a job's pictures, or all of them, further steps."""
        recipes = record.job.recipes if number is None else (_recipe(record, number),)
        self._check_models(recipes)
        with self.debounce(asker.user_id, "more", record.job.id, number):
            longer = tuple(with_extra_steps(recipe, steps) for recipe in recipes)
            return await self._control.resume(record.job.id, asker, longer, picture=number)

    async def resume(self, asker: Requester, record: JobRecord) -> discord.Message:
        """Give a job that was stopped the rest of its steps."""
        self._check_models(record.job.recipes)
        with self.debounce(asker.user_id, "go on", record.job.id):
            return await self._control.resume(record.job.id, asker, kind="go-on")

    async def edit_prompt(self, asker: Requester, record: JobRecord, words: str) -> discord.Message:
        """Paint a job with other prompts and the same seeds."""
        check_prompt(words, self._settings.limits)
        prompts, job = parse_prompts(words), record.job
        if all(recipe.prompts == prompts for recipe in job.recipes):
            raise UserError(
                "These are the same words, and with the same seed they paint the same picture. "
                "Change them, or press Rerun."
            )
        with self.debounce(asker.user_id, "reword", job.id, words):
            recipes = tuple(replace(recipe, prompts=prompts) for recipe in job.recipes)
            return await self._accept(asker, record, recipes, kind="reword", prompt=words)

    async def _accept(
        self,
        asker: Requester,
        record: JobRecord,
        recipes: tuple[Recipe, ...],
        *,
        kind: str,
        prompt: str | None = None,
    ) -> discord.Message:
        self._check_models(recipes)
        prompt = record.job.prompt if prompt is None else prompt
        return await self._intake.submit(asker, prompt, recipes, kind=kind, parent_id=record.job.id)

    def _check_models(self, recipes: Sequence[Recipe]) -> None:
        for each in recipes:
            check_models(each, self._settings.engine.models)

    @contextmanager
    def debounce(self, *what: Hashable) -> Iterator[None]:
        """Refuse what was asked for a moment ago, unless it was refused or failed."""
        now = time.monotonic()
        self._taken = {w: when for w, when in self._taken.items() if now - when < DEBOUNCE_SECONDS}
        if what in self._taken:
            raise UserError("You asked for that a moment ago, and once is enough.")
        self._taken[what] = inf
        try:
            yield
        except BaseException:
            del self._taken[what]
            raise
        self._taken[what] = time.monotonic()


def _recipe(record: JobRecord, number: int) -> Recipe:
    """That of picture `number`, from 1."""
    if not 1 <= number <= len(record.job.recipes):
        raise UserError("There is no such picture.")
    return record.job.recipes[number - 1]
