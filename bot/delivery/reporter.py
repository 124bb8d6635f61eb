"""Show jobs on Discord: their progress, and their result when they have ended.

Each job has one `JobReport`. Progress is coalesced: while Discord is slow, only the latest update
is sent. The end of a job is read from the store, so that it is also announced if the program
restarted in between; it is marked as notified when its last message is posted. The engine thread
never waits for the reporter, which exists before there is a Discord client.
"""

import asyncio
import logging
from contextlib import suppress

import discord

from bot.config import DiscordSettings, PostedRecipes
from bot.delivery.held_back import JobFilter
from bot.delivery.moderation_log import ModerationLog
from bot.delivery.poster import JobPoster, TooLargeError
from bot.jobs.events import JobProgress, NoticeEvent, ProgressEvent, Started
from bot.jobs.job import UNFINISHED, Job, JobLocation, JobState
from bot.jobs.records import JobRecord
from bot.picture_check import PictureCheck
from bot.scheduling.eta import Eta, ThroughputEstimator, estimate
from bot.scheduling.queue import GpuQueue
from bot.storage import Store, retrying
from bot.timings import Timings
from bot.ui import formatting, job_text, picture_filter_text
from bot.ui.attachments import progress_picture, result_files
from bot.ui.buttons import progress_view, result_view

log = logging.getLogger(__name__)

_REFRESH_PAUSE = 0.02
"""Seconds between two jobs within one ETA refresh."""
_SHUTDOWN_SECONDS = 10.0
"""Maximum seconds that the last messages take when the program ends."""
_SMALLEST_LIMIT = 16 * 2**10
"""File size in bytes below which smaller files are not tried."""

_SHUTTING_DOWN = "The bot is shutting down. This job is saved and continues when the bot is back."
_STARTING = "Starting…"
_ENDED = {
    JobState.DONE: "Done.",
    JobState.STOPPED: "Stopped.",
    JobState.CANCELLED: "Cancelled.",
    JobState.FAILED: "Failed.",
}
_NO_FILES = "Discord accepts no files here, not even small ones, so the pictures are missing."
NOT_NOTIFIED = "nobody could be notified"


class Reporter:
    """Posts the progress and the results of jobs."""

    def __init__(
        self,
        store: Store,
        queue: GpuQueue,
        throughput: ThroughputEstimator,
        settings: DiscordSettings,
        timings: Timings,
        picture_check: PictureCheck,
        moderation_log: ModerationLog,
    ) -> None:
        self._store = store
        self._queue = queue
        self._throughput = throughput
        self._progress_seconds = settings.progress_seconds
        self.posted_recipes: PostedRecipes = settings.posted_recipes
        """How much of its recipe the file of a posted picture contains."""
        self._timings = timings
        self._picture_check = picture_check
        self.moderation_log = moderation_log
        self._reports: dict[int, JobReport] = {}
        self._new: asyncio.Queue[tuple[JobReport, JobPoster]] = asyncio.Queue()
        self._client: discord.Client | None = None

    def attach(self, client: discord.Client) -> None:
        """Set the client to post with; call it before `show`."""
        self._client = client

    @property
    def client(self) -> discord.Client:
        """The client that messages are posted with."""
        if self._client is None:
            raise RuntimeError("the reporter has no client yet")
        return self._client

    def track(self, record: JobRecord) -> None:
        """Collect the events of a job that was announced. Call it before the job is queued."""
        report = self._reports[record.job.id] = JobReport(self, record)
        if record.state not in UNFINISHED:
            report.on_end()

    def show(self, record: JobRecord) -> None:
        """Start posting about a job that is tracked, at the location in `record`."""
        job, location = record.job, record.location
        assert location is not None
        report = self._reports.get(job.id)
        if report is None:
            return
        report.location = location
        poster = JobPoster(
            self.client, job, location, self._store, self._timings, record.progress_id
        )
        self._new.put_nowait((report, poster))

    def on_event(self, event: Started | NoticeEvent | ProgressEvent) -> None:
        """Show an event, unless a newer one arrives first."""
        report = self._reports.get(event.job_id)
        if report is not None:
            report.on_event(event)

    def on_end(self, job_id: int) -> None:
        """Announce a job's end, which is stored."""
        report = self._reports.get(job_id)
        if report is not None:
            report.on_end()

    async def run(self) -> None:
        """Report on jobs until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._refresh_etas())
            while True:
                report, poster = await self._new.get()
                tasks.create_task(self._run_report(report, poster))

    async def announce_shutdown(self) -> None:
        """Announce in the messages of unfinished jobs that they are saved, as time allows."""
        if self._client is None or self._client.is_closed():
            return
        for report in self._reports.values():
            report.on_shutdown()
        with suppress(TimeoutError):
            async with asyncio.timeout(_SHUTDOWN_SECONDS):
                while self._reports:
                    await asyncio.sleep(0.05)

    def eta(self, job_id: int) -> Eta | None:
        """Estimate when a job starts and ends; None if it is not in the queue."""
        return estimate(self._queue.position(job_id), self._throughput)

    def progress_of(self, job_id: int) -> JobProgress | None:
        """Return a job's location and progress; None if it is not tracked."""
        report = self._reports.get(job_id)
        if report is None or report.location is None:
            return None
        return JobProgress(report.location, report.begun, report.progress)

    def job_filter(self, job: Job, location: JobLocation) -> JobFilter:
        """Return the picture filter for the messages of a job."""
        return JobFilter(self._picture_check, self.client, job, location, self._timings)

    def edit_pause(self, *, waiting: bool) -> float:
        """Return the minimum seconds between two edits of a message."""
        return self._timings.waiting_seconds if waiting else self._progress_seconds

    async def _refresh_etas(self) -> None:
        """Update messages whose ETA is no longer true, spread over time."""
        while True:
            await asyncio.sleep(self._timings.refresh_seconds)
            for report in list(self._reports.values()):
                report.refresh_eta()
                await asyncio.sleep(_REFRESH_PAUSE)

    async def _run_report(self, report: "JobReport", poster: JobPoster) -> None:
        try:
            await report.run(poster, self._store)
        except Exception:
            # The job is not marked as notified, so the next start reports on it.
            if not self.client.is_closed():
                log.exception("a report failed", extra={"job": report.job.id})
        finally:
            del self._reports[report.job.id]


class JobReport:
    """The latest state of one job, and the loop that posts it."""

    def __init__(self, reporter: Reporter, record: JobRecord) -> None:
        self.job = record.job
        self.location = record.location
        self._was_begun = record.state is JobState.RUNNING
        self._reporter = reporter
        self._latest: Started | ProgressEvent | None = None
        self._notice = record.notice
        self._shown: ProgressEvent | None = None
        self._shown_eta: Eta | None = None
        self._is_held_back = False
        """Whether the picture filter holds back the picture of `_shown`."""
        self._ended = False
        self._shutdown = asyncio.Event()
        self._changed = asyncio.Event()
        self._changed.set()
        self._urgent = asyncio.Event()

    @property
    def begun(self) -> bool:
        """Whether the job has begun, in this run of the program or an earlier one."""
        return self._was_begun or self._latest is not None

    @property
    def progress(self) -> ProgressEvent | None:
        """The latest progress in this run of the program; None before the first."""
        return self._latest if isinstance(self._latest, ProgressEvent) else None

    def on_event(self, event: Started | NoticeEvent | ProgressEvent) -> None:
        """Store an event in place of the previous one."""
        if isinstance(event, NoticeEvent):
            self._notice = event.text
        elif isinstance(event, ProgressEvent) or self._latest is None:  # a start is stored first
            if self._latest is None:
                self._urgent.set()
            self._latest = event
        self._changed.set()

    def on_end(self) -> None:
        """Post the result, which is stored."""
        self._ended = True
        self._urgent.set()
        self._changed.set()

    def on_shutdown(self) -> None:
        """Announce the shutdown and stop."""
        self._shutdown.set()
        self._urgent.set()
        self._changed.set()

    def refresh_eta(self) -> None:
        """Update the message if the ETA that it shows is no longer true."""
        eta = self._reporter.eta(self.job.id)
        begun = self._latest is not None
        if eta is not None and not eta.is_close_to(self._shown_eta, begun=begun):
            self._changed.set()

    async def run(self, poster: JobPoster, store: Store) -> None:
        """Post updates until the job's result is posted, or the program shuts down."""
        self._filter = self._reporter.job_filter(self.job, poster.location)
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._ended:
                return await self._announce_end(poster, store)
            if self._shutdown.is_set():
                return await poster.update_progress(_SHUTTING_DOWN, keep_picture=True)
            event = self._latest
            try:
                await self._show(event, poster)
            except Exception:
                log.exception("progress could not be shown", extra={"job": self.job.id})
            pause = self._reporter.edit_pause(waiting=event is None)
            with suppress(TimeoutError):  # a job's start and end are shown at once
                await asyncio.wait_for(self._urgent.wait(), pause)
            self._urgent.clear()

    async def _show(self, event: Started | ProgressEvent | None, poster: JobPoster) -> None:
        self._shown_eta = eta = self._reporter.eta(self.job.id)
        picture = None
        match event:
            case ProgressEvent():
                text = job_text.progress_text(self.job, event, eta and eta.end)
                if event is not self._shown:  # else only the ETA has changed
                    self._is_held_back = not await self._filter.may_show(event)
                    if not self._is_held_back:
                        picture = await asyncio.to_thread(progress_picture, self.job, event)
                self._shown = event
                if self._is_held_back:
                    held_back = picture_filter_text.progress_text(self.job.guild_id)
                    text = formatting.with_notice(text, held_back)
            case None if eta is not None:
                text = job_text.waiting_text(eta.jobs_ahead, eta.start, eta.end)
            case _:
                text = _STARTING
        text = formatting.with_notice(text, self._notice)
        buttons = progress_view(self.job.id, begun=self.begun)
        await poster.update_progress(text, picture, keep_picture=True, buttons=buttons)

    async def _announce_end(self, poster: JobPoster, store: Store) -> None:
        job_id = self.job.id
        record = await retrying(store.jobs.get)(job_id)
        if record is None or record.state in UNFINISHED:
            return  # deleted in the meantime
        notified = True
        if record.state in (JobState.DONE, JobState.STOPPED):
            notified = await self._post_pictures(record, poster, store)
        elif record.state is JobState.FAILED:
            text = f"{job_text.headline(self.job)}\n{record.reason}"
            notified = await poster.post_result(text, buttons=result_view(record, ()))
        await poster.update_progress(_ENDED[record.state], buttons=None)
        reason = None if notified else NOT_NOTIFIED
        await store.lifecycle.mark_notified(job_id, reason)
        succeeded = notified and record.state is not JobState.FAILED
        level = logging.INFO if succeeded else logging.WARNING
        cause = reason or record.reason
        log.log(level, "job ended", extra={"job": job_id, "state": record.state, "cause": cause})

    async def _post_pictures(self, record: JobRecord, poster: JobPoster, store: Store) -> bool:
        """Post a job's pictures as large as Discord accepts; return False if nothing was posted."""
        job_id = self.job.id
        pictures = await retrying(store.lifecycle.pictures)(job_id)
        frames = await retrying(store.lifecycle.frames)(job_id)
        steps = [each.steps for each in pictures]
        allowed = await self._filter.wait_for_allowed(
            pictures,
            frames,
            lambda: poster.update_progress(picture_filter_text.FAULT_OF_RESULT, buttons=None),
            self._shutdown,
        )
        held_back = allowed.held_back_text(self.job.guild_id)
        if held_back:
            counts = (allowed.held_back, len(pictures))
            self._reporter.moderation_log.held_back(self.job, self.location, *counts)
        if not allowed.pictures:
            text = f"{job_text.headline(self.job)}\n{held_back}"
            return await poster.post_result(text, buttons=result_view(record, ()))
        numbers = [each.number for each in allowed.pictures]
        limit, buttons = poster.file_limit, result_view(record, numbers)
        while True:
            files = await asyncio.to_thread(
                result_files,
                *(self.job, allowed.pictures, allowed.frames),
                *(limit, self._reporter.posted_recipes),
            )
            lines = (job_text.result_text(record, steps, files.size), held_back, *files.notices)
            text = "\n".join(filter(None, lines))
            try:
                return await poster.post_result(text, files, buttons=buttons)
            except TooLargeError:
                limit = min(limit, max(len(f.content) for g in files.groups for f in g)) // 2
                if limit < _SMALLEST_LIMIT:
                    return await poster.post_result(f"{text}\n{_NO_FILES}", buttons=buttons)
