"""Transactional outbox: engine events are stored before the reporter sees them.

Events come from the engine thread and are stored one by one, in their order. The end of a job is
stored together with its pictures. If the job has ended otherwise in the meantime, because someone
cancelled it, the store rejects the change and later events of the job are dropped.

While nothing can be stored, because the disk is full or the database locked, events wait in memory.
People hear of it, and when too much waits, painting waits too.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import replace
from functools import partial

from sqlalchemy.exc import DBAPIError

from bot.delivery.encoding import encode_checkpoint, encode_picture
from bot.delivery.reporter import Reporter
from bot.delivery.space import once_there_is_space
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
from bot.jobs.records import StoredCheckpoint, StoredFrame, StoredPicture
from bot.storage import Store, retrying
from bot.timings import Timings
from engine.files import MEBIBYTE

log = logging.getLogger(__name__)


MOST_WAITING = 64 * MEBIBYTE
"""Size of the pictures and frames that wait to be stored, above which painting waits."""


class EventOutbox:
    """Stores events of jobs, then passes them to the reporter.

    `hold` is called with True when painting should wait, and with False when it can go on.
    """

    def __init__(
        self, store: Store, reporter: Reporter, timings: Timings, hold: Callable[[bool], None]
    ) -> None:
        self._store = store
        self._reporter = reporter
        self._timings = timings
        self._hold = hold
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._checkpoints: dict[tuple[int, int], Checkpoint] = {}
        """The newest queued checkpoint by job id and picture number."""
        self._late_frames: dict[int, list[StoredFrame]] = {}
        """Frames by job id that could not be stored: with the next ones, or after a pause."""
        self._late_at = 0.0
        """Monotonic time at which they are tried again."""
        self._queued: Counter[int] = Counter()
        """Number of queued events by job id."""
        self._all_stored: dict[int, asyncio.Event] = {}
        """Set when all queued events of a job, by its id, are stored; only if someone waits."""
        self._queued_bytes = 0
        self._loading: set[Future[list[StoredCheckpoint]]] = set()
        self._closed = False

    def publish(self, event: Event) -> None:
        """Queue an event, from any thread."""
        with suppress(RuntimeError):  # the loop has ended; the next start resumes from the store
            self._loop.call_soon_threadsafe(self._receive, event)

    def load_checkpoints(self, job: Job) -> list[StoredCheckpoint]:
        """Return a job's checkpoints; block until they are read. Call it off the event loop.

        What was published about the job before is stored first.

        Raises `CancelledError` once the outbox is closed.
        """
        if self._closed:
            raise CancelledError
        loading = asyncio.run_coroutine_threadsafe(self._read(job.id), self._loop)
        self._loading.add(loading)
        try:
            return loading.result()
        finally:
            self._loading.discard(loading)

    @property
    def waiting_bytes(self) -> int:
        """The size of the pictures and frames that are painted and not stored yet."""
        late = sum(len(each.content) for frames in self._late_frames.values() for each in frames)
        return self._queued_bytes + late

    async def _read(self, job_id: int) -> list[StoredCheckpoint]:
        if self._queued[job_id]:
            stored = self._all_stored.setdefault(job_id, asyncio.Event())
            await stored.wait()
        return await self._store.lifecycle.checkpoints(job_id)

    async def run(self) -> None:
        """Store events until cancelled."""
        while True:
            event = await self._next_event()
            if event is not None:
                await self._store_next(event)
            if self._late_frames and time.monotonic() >= self._late_at:
                await self._store_late_frames()
            self._reporter.on_storage(is_behind=bool(self._late_frames))
            self._hold(self.waiting_bytes > MOST_WAITING)

    async def _next_event(self) -> Event | None:
        """Wait for an event; return None when frames should be tried again before it comes."""
        if not self._late_frames:
            return await self._events.get()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._timings.store_seconds):
                return await self._events.get()
        return None

    async def _store_next(self, event: Event) -> None:
        """Store an event; say that nothing can be stored if that takes long."""
        tell = partial(self._reporter.on_storage, is_behind=True)
        late = self._loop.call_later(self._timings.store_seconds, tell)
        try:
            await self.store_event(event)
        except Exception:
            log.exception("an event was lost", extra={"job": event.job_id})
        finally:
            late.cancel()
            self._count_stored(event.job_id)
            self._events.task_done()

    def _count_stored(self, job_id: int) -> None:
        self._queued[job_id] -= 1
        if not self._queued[job_id]:
            del self._queued[job_id]
            if (stored := self._all_stored.pop(job_id, None)) is not None:
                stored.set()

    def close(self) -> None:
        """Cancel `load_checkpoints`, now and in future."""
        self._closed = True
        for each in self._loading.copy():
            each.cancel()

    async def drain(self) -> None:
        """Wait until all queued events are stored."""
        await self._events.join()

    def _receive(self, event: Event) -> None:
        if isinstance(event, ProgressEvent):
            self._reporter.on_event(event)
            return
        self._queued_bytes += _size(event)
        self._hold(self.waiting_bytes > MOST_WAITING)
        if isinstance(event, Checkpoint):
            picture = event.job_id, event.picture
            older = self._checkpoints.get(picture)
            self._checkpoints[picture] = event
            if older is not None:  # still queued, because the store is slow: replace it
                frames = (*older.frames, *event.frames)
                self._checkpoints[picture] = replace(event, frames=frames)
                return
        self._queued[event.job_id] += 1
        self._events.put_nowait(event)

    async def store_event(self, event: Event) -> None:
        """Store an event and pass it to the reporter."""
        lifecycle = self._store.lifecycle
        match event:
            case Started(job_id):
                await lifecycle.mark_running(job_id)
                self._reporter.on_event(event)
            case NoticeEvent(job_id, text):
                await lifecycle.set_notice(job_id, text)
                self._reporter.on_event(event)
            case Checkpoint():
                await self._store_checkpoint(event)
            case Finished(job_id):
                if await self._finish(event):
                    self._reporter.on_end(job_id)
            case Failed(job_id, reason):
                self._late_frames.pop(job_id, None)
                if await lifecycle.fail(job_id, reason):
                    self._reporter.on_end(job_id)
            case ProgressEvent():
                pass

    async def _store_checkpoint(self, event: Checkpoint) -> None:
        """Store a checkpoint, in one attempt: without it the job resumes from the previous one."""
        event = self._checkpoints.pop((event.job_id, event.picture), event)
        frames = list[StoredFrame]()
        try:
            checkpoint, new = await asyncio.to_thread(encode_checkpoint, event)
            frames = [*self._late_frames.get(event.job_id, ()), *new]
            await self._store.lifecycle.add_checkpoint(event.job_id, checkpoint, frames)
            self._late_frames.pop(event.job_id, None)
        except DBAPIError as error:
            self._keep(event.job_id, frames)
            _log_not_stored("a checkpoint was not stored", event.job_id, error)
        finally:
            self._queued_bytes -= _size(event)

    def _keep(self, job_id: int, frames: list[StoredFrame]) -> None:
        """Keep frames that could not be stored."""
        if frames:
            self._late_frames[job_id] = frames
            self._late_at = time.monotonic() + self._timings.store_seconds

    async def _store_late_frames(self) -> None:
        """Store frames that could not be stored before; drop those of jobs that have ended."""
        for job_id in tuple(self._late_frames):
            frames = self._late_frames[job_id]
            try:
                await self._store.lifecycle.add_frames(job_id, frames)
                del self._late_frames[job_id]
            except DBAPIError as error:
                self._keep(job_id, frames)
                _log_not_stored("frames were not stored", job_id, error)
                return

    async def _finish(self, event: Finished) -> bool:
        """Store the end of a job; return False if it had ended already."""
        job_id, lifecycle = event.job_id, self._store.lifecycle
        try:
            if late := self._late_frames.get(job_id):
                await retrying(lifecycle.add_frames)(job_id, late)
                self._late_frames.pop(job_id, None)
            try:
                encode = partial(_encode_pictures, event)
                pictures = await once_there_is_space(encode, job_id, self._timings)
            except Exception:
                log.exception("pictures could not be encoded", extra={"job": job_id})
                return await lifecycle.fail(job_id, await self._fault_text(job_id))
            return await lifecycle.finish(
                job_id, pictures, event.seconds, stopped=event.stopped, judge=event.judge
            )
        finally:
            self._queued_bytes -= _size(event)

    async def _fault_text(self, job_id: int) -> str:
        record = await self._store.jobs.get(job_id)
        return str(FAULT) if record is None else FAULT.in_language(record.job.language)


def _encode_pictures(event: Finished) -> list[StoredPicture]:
    return [encode_picture(each) for each in event.pictures]


def _size(event: Event) -> int:
    """Return the bytes of the pixels in an event."""
    match event:
        case Checkpoint():
            return sum(each.pixels.nbytes for each in event.frames)
        case Finished():
            return sum(each.pixels.nbytes for each in event.pictures)
        case _:
            return 0


def _log_not_stored(what: str, job_id: int, error: DBAPIError) -> None:
    log.warning(what, extra={"job": job_id, "cause": str(error.orig)})
