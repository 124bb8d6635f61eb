"""The reporter: turns the engine's events into messages, one report for each job.

The engine thread never waits for it. Of the events that arrive while Discord is slow or away,
only the newest is shown. A report ends when its job does, and when its last message has arrived
the store knows. The reporter belongs to the program, and is given a client once there is one.
"""

import asyncio
import logging
from contextlib import suppress
from itertools import takewhile

import discord

from bot import phrases
from bot.attach import parcel, progress_picture
from bot.delivery import Delivery, TooLargeError
from bot.jobs import (
    Event,
    Failed,
    Finished,
    Job,
    JobState,
    Place,
    Progress,
    PutBack,
    Started,
)
from bot.pace import Pace
from bot.queue import GpuQueue
from bot.store import Store

log = logging.getLogger(__name__)

WAITING_SECONDS = 10.0
"""Time between two edits of a waiting job's message."""
FAREWELL_SECONDS = 10.0
"""What the last messages may take when the program ends."""
_SMALLEST_LIMIT = 16 * 2**10
"""Bytes of a file below which making it smaller still is no use."""

_Ending = Finished | Failed | PutBack
_PUT_BACK = "The bot is shutting down. This job is kept, and painted when it is back."
_STARTING = "Starting…"
_DONE = "Done."
_NO_FILES = "Discord takes no files here, not even small ones, so the pictures are missing."
_NOBODY = "nobody could be told"


class Reporter:
    """Follows jobs and tells of them."""

    def __init__(self, store: Store, queue: GpuQueue, pace: Pace, progress_seconds: float) -> None:
        self._store = store
        self._queue = queue
        self._pace = pace
        self._progress_seconds = progress_seconds
        self._loop = asyncio.get_running_loop()
        self._reports: dict[int, _Report] = {}
        self._new: asyncio.Queue[tuple[_Report, Delivery]] = asyncio.Queue()
        self._client: discord.Client | None = None

    def attach(self, client: discord.Client) -> None:
        """Say what to post with; before any job is followed."""
        self._client = client

    def follow(self, job: Job, place: Place) -> None:
        """Tell of a job from now on. Call it before the job is put into the queue."""
        if self._client is None:
            raise RuntimeError("the reporter has no client yet")
        report = self._reports[job.id] = _Report(self, job)
        self._new.put_nowait((report, Delivery(self._client, job, place, self._store)))

    def publish(self, event: Event) -> None:
        """Take an event, from any thread."""
        with suppress(RuntimeError):  # the loop has ended, and nobody is left to tell
            self._loop.call_soon_threadsafe(self._take, event)

    async def run(self) -> None:
        """Tell of jobs until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                report, delivery = await self._new.get()
                tasks.create_task(self._tell(report, delivery))

    async def say_farewell(self) -> None:
        """Say of every job that is left that it is kept, as far as time allows."""
        for job_id in self._reports:
            self._take(PutBack(job_id))
        with suppress(TimeoutError):
            async with asyncio.timeout(FAREWELL_SECONDS):
                while self._reports:
                    await asyncio.sleep(0.05)

    def waiting_text(self, job: Job) -> str:
        """What to say of a job that the engine has not begun with."""
        ahead = list(takewhile(lambda other: other.id != job.id, self._queue.jobs()))
        return phrases.waiting(len(ahead), self._pace.seconds(ahead) if ahead else None)

    async def _tell(self, report: "_Report", delivery: Delivery) -> None:
        try:
            await report.tell(delivery, self._store, self._progress_seconds)
        except Exception:
            log.exception("a report failed", extra={"job": report.job.id})
            with suppress(Exception):  # the store may be what failed
                await self._store.set_state(report.job.id, JobState.FAILED, "a fault")
        finally:
            del self._reports[report.job.id]

    def _take(self, event: Event) -> None:
        report = self._reports.get(event.job_id)
        if report is not None:
            report.take(event)
        if isinstance(event, Started):  # everybody behind it has moved up
            for each in self._reports.values():
                each.wake()


class _Report:
    """What is told of one job: the newest of what has happened."""

    def __init__(self, reporter: Reporter, job: Job) -> None:
        self.job = job
        self._reporter = reporter
        self._newest: Event | None = None
        self._news = asyncio.Event()
        self._news.set()
        self._urgent = asyncio.Event()

    def take(self, event: Event) -> None:
        """Note an event, in place of the one before, unless the job has ended."""
        if isinstance(self._newest, _Ending):
            return
        if self._newest is None or isinstance(event, _Ending):
            self._urgent.set()
        self._newest = event
        self._news.set()

    def wake(self) -> None:
        """Look again at the place in the queue."""
        if self._newest is None:
            self._news.set()

    async def tell(self, delivery: Delivery, store: Store, progress_seconds: float) -> None:
        """Show what happens until the job has ended and its end was told."""
        running = False
        while True:
            await self._news.wait()
            self._news.clear()
            event = self._newest
            if isinstance(event, _Ending):
                return await self._end(event, delivery, store)
            if event is not None and not running:
                running = True
                await store.set_state(self.job.id, JobState.RUNNING)
            await self._show(event, delivery)
            pause = WAITING_SECONDS if event is None else progress_seconds
            with suppress(TimeoutError):  # the beginning and the end of a job are told at once
                await asyncio.wait_for(self._urgent.wait(), pause)
            self._urgent.clear()

    async def _show(self, event: Event | None, delivery: Delivery) -> None:
        match event:
            case None:
                await delivery.show(self._reporter.waiting_text(self.job))
            case Progress():
                picture = await asyncio.to_thread(progress_picture, self.job, event)
                await delivery.show(phrases.progress(self.job, event), picture)
            case _:
                await delivery.show(_STARTING)

    async def _end(self, event: _Ending, delivery: Delivery, store: Store) -> None:
        match event:
            case Finished():
                arrived = await self._deliver(event, delivery)
                state, reason = JobState.DONE, None if arrived else _NOBODY
                await delivery.show(_DONE)
            case Failed():
                await delivery.deliver(f"{phrases.headline(self.job)}\n{event.reason}")
                state, reason = JobState.FAILED, event.reason
                await delivery.show("Failed.")
            case PutBack():
                await delivery.show(_PUT_BACK)
                state, reason = JobState.QUEUED, None
        await store.set_state(self.job.id, state, reason)
        level = logging.INFO if reason is None else logging.WARNING
        log.log(level, "job ended", extra={"job": self.job.id, "state": state, "cause": reason})

    async def _deliver(self, event: Finished, delivery: Delivery) -> bool:
        """Post a finished job's pictures, as large as they may be."""
        limit = delivery.file_limit
        while True:
            files = await asyncio.to_thread(parcel, self.job, event, limit)
            text = "\n".join((phrases.finished(self.job, event, files.size), *files.notices))
            try:
                return await delivery.deliver(text, files)
            except TooLargeError:
                limit = min(limit, max(len(f.content) for g in files.groups for f in g)) // 2
                if limit < _SMALLEST_LIMIT:
                    return await delivery.deliver(f"{text}\n{_NO_FILES}")
