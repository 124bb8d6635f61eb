"""The ledger: what the engine tells is stored before anybody hears of it.

Events are taken from the engine thread and stored one after the other, in their order. The end of
a job is stored with its pictures, as often as it takes; then the reporter tells of it. If a job has
ended otherwise in the meantime, because somebody cancelled it, the store says so, and what the
engine still tells of it is dropped.
"""

import asyncio
import logging
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import replace

from sqlalchemy.exc import DBAPIError

from bot.delivery.encoding import encode_checkpoint, encode_picture
from bot.delivery.reporter import Reporter
from bot.errors import FAULT
from bot.jobs.events import (
    Checkpoint,
    Event,
    Failed,
    Finished,
    NoticeEvent,
    ProgressEvent,
    Started,
)
from bot.jobs.job import Job
from bot.jobs.records import StoredCheckpoint, StoredPicture
from bot.storage import Store, with_retry

log = logging.getLogger(__name__)


class EventOutbox:
    """Stores the course of jobs, and hands it on to the reporter."""

    def __init__(self, store: Store, reporter: Reporter) -> None:
        self._store = store
        self._reporter = reporter
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._checkpoints: dict[tuple[int, int], Checkpoint] = {}
        """The newest of each picture that waits among the events."""
        self._recalling: Future[list[StoredCheckpoint]] | None = None
        self._closed = False

    def publish(self, event: Event) -> None:
        """Take an event, from any thread."""
        with suppress(RuntimeError):  # the loop has ended; the next start goes on from the store
            self._loop.call_soon_threadsafe(self._receive, event)

    def load_checkpoints(self, job: Job) -> list[StoredCheckpoint]:
        """What is kept of a job; waits for it, in another thread than the event loop's.

        Raises `CancelledError` once the ledger is closed.
        """
        if self._closed:
            raise CancelledError
        reading = with_retry(
            lambda: self._store.lifecycle.checkpoints(job.id), "reading checkpoints"
        )
        self._recalling = asyncio.run_coroutine_threadsafe(reading, self._loop)
        return self._recalling.result()

    async def run(self) -> None:
        """Store events until cancelled."""
        while True:
            event = await self._events.get()
            try:
                await self.store_event(event)
            except Exception:
                log.exception("an event was lost", extra={"job": event.job_id})
            finally:
                self._events.task_done()

    def close(self) -> None:
        """Let nobody wait in `recall` any more."""
        self._closed = True
        if self._recalling is not None:
            self._recalling.cancel()

    async def drain(self) -> None:
        """Wait until all events so far are stored."""
        await self._events.join()

    def _receive(self, event: Event) -> None:
        if isinstance(event, ProgressEvent):
            self._reporter.on_event(event)
            return
        if isinstance(event, Checkpoint):
            picture = event.job_id, event.picture
            older = self._checkpoints.get(picture)
            self._checkpoints[picture] = event
            if older is not None:  # still waiting, because the store takes its time
                frames = (*older.frames, *event.frames)
                self._checkpoints[picture] = replace(event, frames=frames)
                return
        self._events.put_nowait(event)

    async def store_event(self, event: Event) -> None:
        """Store an event and hand it on."""
        job_id = event.job_id
        match event:
            case Started():
                await with_retry(
                    lambda: self._store.lifecycle.mark_running(job_id), "storing a beginning"
                )
                self._reporter.on_event(event)
            case NoticeEvent(text=text):
                await with_retry(
                    lambda: self._store.lifecycle.set_notice(job_id, text), "storing a notice"
                )
                self._reporter.on_event(event)
            case Checkpoint():
                await self._store_checkpoint(event)
            case Finished():
                await self._finish(event)
            case Failed(reason=reason):
                if await with_retry(
                    lambda: self._store.lifecycle.fail(job_id, reason), "storing a failure"
                ):
                    self._reporter.on_end(job_id)
            case _:
                pass

    async def _store_checkpoint(self, event: Checkpoint) -> None:
        """Without one, the job goes on from the one before: this is tried once."""
        event = self._checkpoints.pop((event.job_id, event.picture), event)
        checkpoint, frames = await asyncio.to_thread(encode_checkpoint, event)
        try:
            await self._store.lifecycle.add_checkpoint(event.job_id, checkpoint, frames)
        except DBAPIError as error:
            cause = {"job": event.job_id, "cause": str(error.orig)}
            log.warning("a checkpoint was not stored", extra=cause)

    async def _finish(self, event: Finished) -> None:
        job_id = event.job_id
        try:
            pictures = await asyncio.to_thread(_pictures, event)
        except Exception:
            log.exception("pictures could not be made", extra={"job": job_id})
            pictures = None
        if pictures is None:
            ended = await with_retry(
                lambda: self._store.lifecycle.fail(job_id, FAULT), "storing a failure"
            )
        else:
            seconds, stopped = event.seconds, event.stopped
            ended = await with_retry(
                lambda: self._store.lifecycle.finish(job_id, pictures, seconds, stopped=stopped),
                "storing pictures",
            )
        if ended:
            self._reporter.on_end(job_id)


def _pictures(event: Finished) -> list[StoredPicture]:
    return [
        encode_picture(number, painting, event.digests)
        for number, painting in enumerate(event.pictures, 1)
    ]
