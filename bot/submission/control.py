"""Control: what people do to jobs that are accepted, however they say it.

Of several who do so at the same time, and of the engine, the store lets one win.
"""

import asyncio
from contextlib import suppress

import discord

from bot.delivery.reporter import Reporter
from bot.errors import UserError
from bot.jobs.job import UNFINISHED, JobState
from bot.jobs.records import JobRecord
from bot.scheduling.queue import GpuQueue
from bot.storage import Store
from bot.submission.permissions import Actor
from bot.submission.requester import Requester
from bot.submission.submit import JobSubmission
from engine.recipes.recipe import Recipe

END_SECONDS, _END_PAUSE = 8.0, 0.1
"""How long to wait for the end of a job that is being stopped, and between two looks."""
_GONE = "This job is not there any more."
_NOT_YOURS = "Only the person who asked for this picture, or a moderator, can do that."
_OVER = {
    JobState.DONE: "This job is done already.",
    JobState.STOPPED: "This job was stopped already.",
    JobState.CANCELLED: "This job was cancelled already.",
    JobState.FAILED: "This job has failed already.",
}


class JobControl:
    """Stops, cancels and continues jobs."""

    def __init__(
        self, store: Store, queue: GpuQueue, reporter: Reporter, intake: JobSubmission
    ) -> None:
        self._store = store
        self._queue = queue
        self._reporter = reporter
        self._intake = intake

    async def job(self, job_id: int) -> JobRecord:
        """What is known of a job; raises `UserError` if there is none."""
        record = await self._store.jobs.get(job_id)
        if record is None:
            raise UserError(_GONE)
        return record

    async def require_owner(self, job_id: int, person: Actor) -> JobRecord:
        """A job that a person may change; raises `UserError` if they may not."""
        record = await self.job(job_id)
        if not (person.is_moderator or person.id == record.job.author_id):
            raise UserError(_NOT_YOURS)
        return record

    async def stop(self, job_id: int, person: Actor) -> None:
        """Have a running job end soon, with its pictures as they stand.

        Raises `UserError` if the person may not, or it does not run.
        """
        await self.require_owner(job_id, person)
        if not await self._store.lifecycle.request_stop(job_id):
            state = (await self.job(job_id)).state
            raise UserError(_OVER.get(state, "It has not begun yet: cancel it instead."))
        self._queue.stop(job_id)

    async def wait_for_end(self, job_id: int) -> JobState | None:
        """How a job has ended, or does within a few seconds; None if it has not."""
        with suppress(TimeoutError):
            async with asyncio.timeout(END_SECONDS):
                while (state := await self._store.jobs.state(job_id)) in UNFINISHED:
                    await asyncio.sleep(_END_PAUSE)
                return state
        return None

    async def cancel(self, job_id: int, person: Actor) -> None:
        """End a queued or running job without pictures.

        Raises `UserError` if the person may not, or it has ended.
        """
        await self.require_owner(job_id, person)
        if not await self._store.lifecycle.cancel(job_id):
            raise UserError(_OVER.get((await self.job(job_id)).state, _GONE))
        self._queue.remove(job_id)
        self._reporter.on_end(job_id)

    async def resume(
        self,
        job_id: int,
        asker: Requester,
        recipes: tuple[Recipe, ...] | None = None,
        *,
        kind: str = "more",
        picture: int | None = None,
    ) -> discord.Message:
        """Queue a job that goes on where a stopped or finished one has ended.

        `recipes` are the same, unless said otherwise, or the same with more steps; with `picture`
        there is one, that of this picture. Returns the new job's message. Raises `UserError` if
        the asker may not, or it cannot go on.
        """
        record = await self.job(job_id)
        if recipes is None:
            if record.state is not JobState.STOPPED:
                raise UserError("Only a picture that was stopped can go on.")
            recipes = record.job.recipes
        prompt = record.job.prompt
        return await self._intake.submit(
            asker,
            prompt,
            recipes,
            kind=kind,
            parent_id=job_id,
            goes_on=True,
            picture=picture,
        )
