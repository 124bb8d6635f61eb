"""Stop, cancel and resume accepted jobs.

Concurrent requests race in the database, with the engine too; the first change of state wins.
"""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import suppress

import discord
from sqlalchemy.exc import DBAPIError

from bot.delivery.reporter import Reporter
from bot.dispatch.painting import EventSource
from bot.errors import UserError
from bot.jobs.events import NoticeEvent
from bot.jobs.job import UNFINISHED, Job, JobOrigin, JobState
from bot.jobs.records import JobRecord
from bot.languages.message import Message
from bot.scheduling.queue import GpuQueue
from bot.storage import Store
from bot.submission.permissions import Actor
from bot.submission.requester import Requester
from bot.submission.submit import JobSubmission
from bot.timings import Timings
from engine.recipes.kinds import AnyRecipe

log = logging.getLogger(__name__)

_END_PAUSE = 0.1
"""Seconds between two reads of the state of a stopped job."""
_GONE = Message("This job is not there any more.")
_NOT_YOURS = Message("Only the person who asked for this picture, or a moderator, can do that.")
_NOT_STARTED = Message("It has not started yet: cancel it instead.")
_STOPPED_LATER = Message(
    "I can't store anything at the moment; the disk may be full. As soon as there is space again, "
    "this stops, and I post the picture as it is then."
)
_CANCELLED_LATER = Message(
    "I can't store anything at the moment; the disk may be full. This is not painted any more, and "
    "it is cancelled as soon as there is space again."
)
_OVER = {
    JobState.DONE: Message("This job is done already."),
    JobState.STOPPED: Message("This job was stopped already."),
    JobState.CANCELLED: Message("This job was cancelled already."),
    JobState.FAILED: Message("This job has failed already."),
}


class NotYetError(UserError):
    """A request that is obeyed later, because nothing can be stored at the moment."""


class JobControl:
    """Stops, cancels and resumes jobs."""

    def __init__(
        self,
        store: Store,
        queue: GpuQueue,
        reporter: Reporter,
        outbox: EventSource,
        submission: JobSubmission,
        timings: Timings,
    ) -> None:
        self._store = store
        self._queue = queue
        self._reporter = reporter
        self._outbox = outbox
        self._submission = submission
        self._end_seconds = timings.end_seconds

    async def job(self, job_id: int) -> JobRecord:
        """Return a job's record; raise `UserError` if there is none."""
        record = await self._store.jobs.get(job_id)
        if record is None:
            raise UserError(_GONE)
        return record

    async def require_owner(self, job_id: int, actor: Actor) -> JobRecord:
        """Return the record of a job that a user may change; raise `UserError` if they may not."""
        record = await self.job(job_id)
        if not (actor.is_moderator or actor.id == record.job.author_id):
            raise UserError(_NOT_YOURS)
        return record

    async def stop(self, job_id: int, actor: Actor) -> None:
        """Have a running job end soon and keep its unfinished pictures.

        Raises `UserError` if the user may not, or it is not running, and `NotYetError` if nothing
        can be stored at the moment, so that it ends later.
        """
        record = await self.require_owner(job_id, actor)
        try:
            is_running = await self._store.lifecycle.request_stop(job_id)
        except DBAPIError as error:
            is_running = record.state is JobState.RUNNING
            if is_running:
                self._queue.stop(job_id)
                raise self._later(record.job, _STOPPED_LATER, error) from error
        if not is_running:
            state = (await self.job(job_id)).state
            raise UserError(_OVER.get(state, _NOT_STARTED))
        self._queue.stop(job_id)
        if self._reporter.is_storage_behind:
            raise NotYetError(_STOPPED_LATER)

    async def wait_for_end(self, job_id: int) -> JobState | None:
        """Return the state in which a job ended, or None if it does not end in a few seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._end_seconds):
                while (state := await self._store.jobs.state(job_id)) in UNFINISHED:
                    await asyncio.sleep(_END_PAUSE)
                return state
        return None

    async def cancel(self, job_id: int, actor: Actor) -> None:
        """End a queued or running job without pictures.

        Raises `UserError` if the user may not, or it has ended, and `NotYetError` if it is not
        painted any more, and that can't be stored at the moment.
        """
        record = await self.require_owner(job_id, actor)
        try:
            is_changed = await self._store.lifecycle.cancel(job_id)
        except DBAPIError as error:
            is_changed = record.state in UNFINISHED
            if is_changed:
                self._queue.remove(job_id)
                self._outbox.cancel_later(job_id)
                raise self._later(record.job, _CANCELLED_LATER, error) from error
        if not is_changed:
            raise UserError(_OVER.get((await self.job(job_id)).state, _GONE))
        self._queue.remove(job_id)
        self._reporter.on_end(job_id)

    async def cancel_all(self, jobs: Iterable[Job], actor: Actor) -> list[Job]:
        """Cancel jobs; return those that the user may cancel and that had not ended."""
        cancelled: list[Job] = []
        for job in jobs:
            try:
                await self.cancel(job.id, actor)
            except UserError as error:
                if not isinstance(error, NotYetError):
                    continue
            cancelled.append(job)
        return cancelled

    def _later(self, job: Job, text: Message, error: DBAPIError) -> "NotYetError":
        """Say in a job's messages what is done with it later; return the error that says so."""
        cause = {"job": job.id, "cause": str(error.orig)}
        log.warning("a request could not be stored", extra=cause)
        self._reporter.on_event(NoticeEvent(job.id, text.in_language(job.language)))
        return NotYetError(text)

    async def resume(
        self,
        job_id: int,
        requester: Requester,
        recipes: tuple[AnyRecipe, ...] | None = None,
        *,
        kind: str = "more",
        picture: int | None = None,
    ) -> discord.Message:
        """Queue a job that continues from the end of a stopped or finished one.

        `recipes` are the same recipes with more steps; None stands for the job's own, if it was
        stopped. With `picture`, there is one recipe, that of this picture. Returns the new job's
        message. Raises `UserError` if the requester may not, or the job cannot be resumed.
        """
        record = await self.job(job_id)
        if recipes is None:
            if record.state is not JobState.STOPPED:
                raise UserError(Message("Only stopped jobs can be resumed."))
            recipes = record.job.recipes
        origin = JobOrigin(
            kind,
            job_id,
            resumes=True,
            picture=picture,
            spoiler=record.job.spoiler,
            keeps_best=record.job.keeps_best and len(recipes) > 1,
            has_new_words=False,
        )
        return await self._submission.submit(requester, record.job.prompt, recipes, origin)
