"""Transactional outbox: engine events are stored before whoever tells people sees them.

Events come from the engine thread and are stored one by one, in their order. The end of a job is
stored together with its pictures. If the job has ended otherwise in the meantime, because someone
cancelled it, the store rejects the change and later events of the job are dropped.

While nothing can be stored, because the disk is full or the database locked, events wait in memory.
People hear of it, and when too much waits, painting waits too.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from sqlalchemy.exc import DBAPIError

from bot.delivery.encoding import encode_checkpoint, encode_picture
from bot.delivery.late_frames import LateFrames, log_not_stored
from bot.delivery.space import once_there_is_space
from bot.errors import FAULT, cause_of
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


@dataclass(frozen=True)
class _Cancellation:
    """Someone has cancelled a job, which could not be stored at once."""

    job_id: int


MOST_WAITING = 64 * MEBIBYTE
"""Size of the pictures and frames that wait to be stored, above which painting waits."""


class Listener(Protocol):
    """Whoever tells people what happens to their jobs."""

    def on_event(self, event: Started | NoticeEvent | ProgressEvent) -> None:
        """Show an event, which is stored, unless a newer one arrives first."""
        ...

    def on_end(self, job_id: int) -> None:
        """Announce a job's end, which is stored."""
        ...

    def on_storage(self, *, is_behind: bool) -> None:
        """Say whether what is painted can't be stored."""
        ...


class EventOutbox:
    """Stores events of jobs, then passes them to the listener.

    `hold` is called with True when painting should wait, and with False when it can go on.
    """

    def __init__(self, store: Store, timings: Timings, hold: Callable[[bool], None]) -> None:
        self._store = store
        self._attached: Listener | None = None
        self._timings = timings
        self._hold = hold
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[Event | _Cancellation] = asyncio.Queue()
        self._checkpoints: dict[tuple[int, int], Checkpoint] = {}
        """The newest queued checkpoint by job id and picture number."""
        self._late_frames = LateFrames(store, timings.store_seconds)
        """Frames that could not be stored: with the next ones, or after a pause."""
        self._cancelled: set[int] = set()
        """Ids of the jobs whose cancellation is to be stored."""
        self._queued: Counter[int] = Counter()
        """Number of queued events by job id."""
        self._all_stored: dict[int, asyncio.Event] = {}
        """Set when all queued events of a job, by its id, are stored; only if someone waits."""
        self._queued_bytes = 0
        self._loading: set[Future[list[StoredCheckpoint]]] = set()
        self._closed = False

    def attach(self, listener: Listener) -> None:
        """Set who is told of events; call it before anything is painted."""
        self._attached = listener

    @property
    def _listener(self) -> Listener:
        if self._attached is None:
            raise RuntimeError("nobody listens to the events yet")
        return self._attached

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
        return self._queued_bytes + self._late_frames.bytes

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
            await self._late_frames.store()
            self._listener.on_storage(is_behind=bool(self._late_frames))
            self._hold(self.waiting_bytes > MOST_WAITING)

    async def _next_event(self) -> Event | _Cancellation | None:
        """Wait for an event; return None when frames should be tried again before it comes."""
        if not self._late_frames:
            return await self._events.get()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._timings.store_seconds):
                return await self._events.get()
        return None

    async def _store_next(self, event: Event | _Cancellation) -> None:
        """Store an event; say that nothing can be stored if that takes long."""
        tell = partial(self._listener.on_storage, is_behind=True)
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

    def cancel_later(self, job_id: int) -> None:
        """Cancel a job as soon as that can be stored; what was painted of it is not stored before.

        Call it in the event loop.
        """
        if job_id not in self._cancelled:
            self._cancelled.add(job_id)
            self._late_frames.drop(job_id)
            self._queued[job_id] += 1
            self._events.put_nowait(_Cancellation(job_id))

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
            self._listener.on_event(event)
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

    async def store_event(self, event: Event | _Cancellation) -> None:
        """Store an event and pass it to the listener."""
        lifecycle = self._store.lifecycle
        if event.job_id in self._cancelled and isinstance(event, Checkpoint | Finished):
            self._drop(event)
            return
        match event:
            case Started(job_id, device):
                await lifecycle.mark_running(job_id, device)
                self._listener.on_event(event)
            case NoticeEvent(job_id, text):
                await lifecycle.set_notice(job_id, text)
                self._listener.on_event(event)
            case Checkpoint():
                await self._store_checkpoint(event)
            case Finished(job_id):
                if await self._finish(event):
                    self._listener.on_end(job_id)
            case Failed(job_id, reason, cause):
                self._late_frames.drop(job_id)
                if await lifecycle.fail(job_id, reason, cause):
                    self._listener.on_end(job_id)
            case _Cancellation(job_id):
                await self._cancel(job_id)
            case ProgressEvent():
                pass

    async def _cancel(self, job_id: int) -> None:
        try:
            await retrying(self._store.lifecycle.cancel)(job_id)
        finally:
            self._cancelled.discard(job_id)
        self._listener.on_end(job_id)

    def _drop(self, event: Checkpoint | Finished) -> None:
        if isinstance(event, Checkpoint):
            event = self._checkpoints.pop((event.job_id, event.picture), event)
        self._queued_bytes -= _size(event)

    async def _store_checkpoint(self, event: Checkpoint) -> None:
        """Store a checkpoint, in one attempt: without it the job resumes from the previous one."""
        event = self._checkpoints.pop((event.job_id, event.picture), event)
        frames = list[StoredFrame]()
        try:
            checkpoint, new = await asyncio.to_thread(encode_checkpoint, event)
            frames = [*self._late_frames.of(event.job_id), *new]
            await self._store.lifecycle.add_checkpoint(event.job_id, checkpoint, frames)
            self._late_frames.drop(event.job_id)
        except DBAPIError as error:
            if event.job_id not in self._cancelled:
                self._late_frames.keep(event.job_id, frames)
            log_not_stored("a checkpoint was not stored", event.job_id, error)
        finally:
            self._queued_bytes -= _size(event)

    async def _finish(self, event: Finished) -> bool:
        """Store the end of a job; return False if it had ended already."""
        job_id, lifecycle = event.job_id, self._store.lifecycle
        try:
            if late := self._late_frames.of(job_id):
                await retrying(lifecycle.add_frames)(job_id, late)
                self._late_frames.drop(job_id)
            try:
                encode = partial(_encode_pictures, event)
                pictures = await once_there_is_space(encode, job_id, self._timings)
            except Exception as error:
                log.exception("pictures could not be encoded", extra={"job": job_id})
                text = await self._fault_text(job_id)
                return await lifecycle.fail(job_id, text, cause_of(error))
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
