"""The reporter: turns the course of jobs into messages, one report for each job.

The engine thread never waits for it. Of what happens while Discord is slow or away, only the newest
is shown. The end of a job is read from the store, whether it came just now or before the program
was started; when its last message has arrived, the store knows. The reporter belongs to the
program, and is given a client once there is one.
"""

import asyncio
import logging
from contextlib import suppress

import discord

from bot.delivery.poster import JobPoster, TooLargeError
from bot.jobs.events import JobProgress, NoticeEvent, ProgressEvent, Started
from bot.jobs.job import UNFINISHED, JobState
from bot.jobs.records import JobRecord
from bot.scheduling.eta import Eta, ThroughputEstimator, estimate
from bot.scheduling.queue import GpuQueue
from bot.storage import Store, with_retry
from bot.ui import formatting, job_text
from bot.ui.attachments import progress_picture, result_files
from bot.ui.buttons import progress_view, result_view

log = logging.getLogger(__name__)

REFRESH_SECONDS, REFRESH_PAUSE = 10.0, 0.02
"""Time between two looks at whether the announced times of all jobs still hold, and of two jobs."""
WAITING_SECONDS = 10.0
"""Time between two edits of a waiting job's message."""
SHUTDOWN_SECONDS = 10.0
"""What the last messages may take when the program ends."""
_SMALLEST_LIMIT = 16 * 2**10
"""Bytes of a file below which making it smaller still is no use."""

_KEPT = "The bot is shutting down. This job is kept, and goes on when it is back."
_STARTING = "Starting…"
_ENDED = {
    JobState.DONE: "Done.",
    JobState.STOPPED: "Stopped.",
    JobState.CANCELLED: "Cancelled.",
    JobState.FAILED: "Failed.",
}
_NO_FILES = "Discord takes no files here, not even small ones, so the pictures are missing."
NOBODY = "nobody could be told"


class Reporter:
    """Follows jobs and tells of them."""

    def __init__(
        self, store: Store, queue: GpuQueue, pace: ThroughputEstimator, progress_seconds: float
    ) -> None:
        self._store = store
        self._queue = queue
        self._pace = pace
        self._progress_seconds = progress_seconds
        self._reports: dict[int, JobReport] = {}
        self._new: asyncio.Queue[tuple[JobReport, JobPoster]] = asyncio.Queue()
        self._client: discord.Client | None = None

    def attach(self, client: discord.Client) -> None:
        """Say what to post with; before any job is followed."""
        self._client = client

    @property
    def client(self) -> discord.Client:
        """What messages are posted with."""
        if self._client is None:
            raise RuntimeError("the reporter has no client yet")
        return self._client

    def track(self, record: JobRecord) -> None:
        """Tell of a job that has a place from now on. Call it before the job is queued."""
        job, place = record.job, record.location
        assert place is not None
        delivery = JobPoster(self.client, job, place, self._store, record.progress_id)
        report = self._reports[job.id] = JobReport(self, record)
        if record.state not in UNFINISHED:
            report.on_end()
        self._new.put_nowait((report, delivery))

    def on_event(self, event: Started | NoticeEvent | ProgressEvent) -> None:
        """Show what has happened, unless something newer comes."""
        report = self._reports.get(event.job_id)
        if report is not None:
            report.on_event(event)

    def on_end(self, job_id: int) -> None:
        """Tell of a job's end, which is stored."""
        report = self._reports.get(job_id)
        if report is not None:
            report.on_end()

    async def run(self) -> None:
        """Tell of jobs until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._refresh_etas())
            while True:
                report, delivery = await self._new.get()
                tasks.create_task(self._report_ends(report, delivery))

    async def announce_shutdown(self) -> None:
        """Say of every job that is left that it is kept, as far as time allows."""
        for report in self._reports.values():
            report.on_shutdown()
        with suppress(TimeoutError):
            async with asyncio.timeout(SHUTDOWN_SECONDS):
                while self._reports:
                    await asyncio.sleep(0.05)

    def eta(self, job_id: int) -> Eta | None:
        """When a job's turn and its end come; None if it is not in the queue."""
        return estimate(self._queue.position(job_id), self._pace)

    def progress_of(self, job_id: int) -> JobProgress | None:
        """Where a job is told about and how far it is; None if nothing is told of it now."""
        report = self._reports.get(job_id)
        if report is None or report.place is None:
            return None
        return JobProgress(report.place, report.begun, report.progress)

    async def _refresh_etas(self) -> None:
        """Have announced times corrected that do not hold any more, some each moment."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            for report in list(self._reports.values()):
                report.refresh_eta()
                await asyncio.sleep(REFRESH_PAUSE)

    async def _report_ends(self, report: "JobReport", delivery: JobPoster) -> None:
        try:
            await report.run(delivery, self._store, self._progress_seconds)
        except Exception:
            # What is not told now is told after the next start.
            log.exception("a report failed", extra={"job": report.job.id})
        finally:
            del self._reports[report.job.id]


class JobReport:
    """What is told of one job: the newest of what has happened."""

    def __init__(self, reporter: Reporter, record: JobRecord) -> None:
        self.job = record.job
        self.place = record.location
        self._was_begun = record.state is JobState.RUNNING
        self._reporter = reporter
        self._newest: Started | ProgressEvent | None = None
        self._notice = record.notice
        self._shown: ProgressEvent | None = None
        self._announced: Eta | None = None
        self._ended = self._leaves = False
        self._news = asyncio.Event()
        self._news.set()
        self._urgent = asyncio.Event()

    @property
    def begun(self) -> bool:
        """Whether the job has begun, be it in an earlier run of the program."""
        return self._was_begun or self._newest is not None

    @property
    def progress(self) -> ProgressEvent | None:
        """How far the job is, once that is known."""
        return self._newest if isinstance(self._newest, ProgressEvent) else None

    def on_event(self, event: Started | NoticeEvent | ProgressEvent) -> None:
        """Note what has happened, in place of what was before."""
        if isinstance(event, NoticeEvent):
            self._notice = event.text
        else:
            if self._newest is None:
                self._urgent.set()
            self._newest = event
        self._news.set()

    def on_end(self) -> None:
        """The job's end is stored."""
        self._ended = True
        self._urgent.set()
        self._news.set()

    def on_shutdown(self) -> None:
        """The program ends."""
        self._leaves = True
        self._urgent.set()
        self._news.set()

    def refresh_eta(self) -> None:
        """Show the announced times anew if they do not hold any more."""
        now = self._reporter.eta(self.job.id)
        begun = self._newest is not None
        if now is not None and not now.is_close_to(self._announced, begun=begun):
            self._news.set()

    async def run(self, delivery: JobPoster, store: Store, progress_seconds: float) -> None:
        """Show what happens until the job has ended and its end was told."""
        while True:
            await self._news.wait()
            self._news.clear()
            if self._ended:
                return await self._end(delivery, store)
            if self._leaves:
                return await delivery.update_progress(_KEPT, keep_picture=True)
            event = self._newest
            try:
                await self._show(event, delivery)
            except Exception:
                log.exception("progress could not be shown", extra={"job": self.job.id})
            pause = WAITING_SECONDS if event is None else progress_seconds
            with suppress(TimeoutError):  # the beginning and the end of a job are told at once
                await asyncio.wait_for(self._urgent.wait(), pause)
            self._urgent.clear()

    async def _show(self, event: Started | ProgressEvent | None, delivery: JobPoster) -> None:
        self._announced = when = self._reporter.eta(self.job.id)
        picture = None
        match event:
            case ProgressEvent():
                if event is not self._shown:  # else only the announced time has changed
                    picture = await asyncio.to_thread(progress_picture, self.job, event)
                self._shown = event
                text = job_text.progress_text(self.job, event, when and when.end)
            case None if when is not None:
                text = job_text.waiting_text(when.jobs_ahead, when.start, when.end)
            case _:
                text = _STARTING
        text = formatting.with_notice(text, self._notice)
        buttons = progress_view(self.job.id, begun=self.begun)
        await delivery.update_progress(text, picture, keep_picture=True, buttons=buttons)

    async def _end(self, delivery: JobPoster, store: Store) -> None:
        job_id = self.job.id
        record = await with_retry(lambda: store.jobs.get(job_id), "reading an end")
        if record is None or record.state in UNFINISHED:
            return  # deleted in the meantime
        arrived = True
        match record.state:
            case JobState.DONE | JobState.STOPPED:
                arrived = await self._deliver(record, delivery, store)
            case JobState.FAILED:
                text = f"{job_text.headline(self.job)}\n{record.reason}"
                arrived = await delivery.post_result(
                    text, buttons=result_view(job_id, record.state)
                )
        await delivery.update_progress(_ENDED[record.state], buttons=None)
        reason = None if arrived else NOBODY
        await with_retry(
            lambda: store.lifecycle.mark_notified(job_id, reason), "storing that an end was told"
        )
        is_well = arrived and record.state is not JobState.FAILED
        level = logging.INFO if is_well else logging.WARNING
        cause = reason or record.reason
        log.log(level, "job ended", extra={"job": job_id, "state": record.state, "cause": cause})

    async def _deliver(self, record: JobRecord, delivery: JobPoster, store: Store) -> bool:
        """Post a job's pictures, as large as they may be."""
        job_id = self.job.id
        pictures = await with_retry(lambda: store.lifecycle.pictures(job_id), "reading pictures")
        frames = await with_retry(lambda: store.lifecycle.frames(job_id), "reading frames")
        steps = [each.steps for each in pictures]
        limit, buttons = delivery.file_limit, result_view(job_id, record.state)
        while True:
            files = await asyncio.to_thread(result_files, self.job, pictures, frames, limit)
            text = "\n".join((job_text.result_text(record, steps, files.size), *files.notices))
            try:
                return await delivery.post_result(text, files, buttons=buttons)
            except TooLargeError:
                limit = min(limit, max(len(f.content) for g in files.groups for f in g)) // 2
                if limit < _SMALLEST_LIMIT:
                    return await delivery.post_result(f"{text}\n{_NO_FILES}", buttons=buttons)
