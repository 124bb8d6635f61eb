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

from bot.config import DiscordSettings
from bot.delivery.job_report import JobReport
from bot.delivery.moderation_log import ModerationLog
from bot.delivery.reporting import Reporting
from bot.jobs.events import JobProgress, NoticeEvent, ProgressEvent, Started
from bot.jobs.job import UNFINISHED
from bot.jobs.records import JobRecord
from bot.monitoring import Metrics
from bot.monitoring.call_counts import CallCount, CallCounts
from bot.picture_check import PictureCheck
from bot.scheduling.eta import Eta, ThroughputEstimator, estimate
from bot.scheduling.loading import ModelLoading
from bot.scheduling.queue import GpuQueue
from bot.storage import Store
from bot.timings import Timings

log = logging.getLogger(__name__)

_REFRESH_PAUSE = 0.02
"""Seconds between two jobs within one ETA refresh."""
_SHUTDOWN_SECONDS = 10.0
"""Maximum seconds that the last messages take when the program ends."""


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
        loading: ModelLoading,
        metrics: Metrics,
    ) -> None:
        self._queue = queue
        self._throughput = throughput
        self._refresh_seconds = timings.refresh_seconds
        self._reporting = Reporting(
            store,
            timings,
            settings.posted_recipes,
            settings.progress_seconds,
            picture_check,
            moderation_log,
            self.eta,
            loading,
            metrics,
        )
        self._metrics = metrics
        self._reports: dict[int, JobReport] = {}
        self._new: asyncio.Queue[tuple[JobReport, JobRecord]] = asyncio.Queue()
        self._client: discord.Client | None = None

    def attach(self, client: discord.Client) -> None:
        """Set the client to post with; call it before `show`."""
        self._client = client

    @property
    def call_counts(self) -> CallCounts:
        """Counts the calls to Discord for a job's messages."""
        return self._metrics.call_counts

    @property
    def client(self) -> discord.Client:
        """The client that messages are posted with."""
        if self._client is None:
            raise RuntimeError("the reporter has no client yet")
        return self._client

    @property
    def client_if_any(self) -> discord.Client | None:
        """The client that messages are posted with; None until there is one."""
        return self._client

    def track(self, record: JobRecord, calls: CallCount | None = None) -> None:
        """Collect the events of a job that was announced. Call it before the job is queued.

        `calls` are those to Discord that it has taken so far.
        """
        report = JobReport(self._reporting, record, calls or CallCount())
        self._reports[record.job.id] = report
        if record.state not in UNFINISHED:
            report.on_end()

    def show(self, record: JobRecord, *, is_restored: bool = False) -> None:
        """Start posting about a job that is tracked, at the location in `record`.

        `is_restored` says that an earlier run of the program may have begun to post about it.
        """
        report = self._reports.get(record.job.id)
        if report is not None:
            report.location, report.is_restored = record.location, is_restored
            if not is_restored:
                self._metrics.job_accepted(record.job.kind)
            self._new.put_nowait((report, record))

    def report_on(self, message_id: int) -> JobReport | None:
        """Return the report on the job that a message announces; None if its end is told."""
        for report in self._reports.values():
            if report.location is not None and report.location.message_id == message_id:
                return report
        return None

    def on_event(self, event: Started | NoticeEvent | ProgressEvent) -> None:
        """Show an event, unless a newer one arrives first."""
        report = self._reports.get(event.job_id)
        if report is not None:
            report.on_event(event)

    @property
    def is_storage_behind(self) -> bool:
        """Whether what is painted can't be stored at the moment."""
        return self._reporting.storage.is_behind

    def on_storage(self, *, is_behind: bool) -> None:
        """Say in the messages of unfinished jobs whether what is painted can't be stored."""
        state = self._reporting.storage
        if state.is_behind != is_behind:
            state.is_behind = is_behind
            for report in self._reports.values():
                report.on_storage()

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
                report, record = await self._new.get()
                tasks.create_task(self._run_report(report, record))

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
        position = self._queue.position(job_id, self._throughput.slowness, self._throughput.speed)
        return estimate(position, self._throughput)

    def progress_of(self, job_id: int) -> JobProgress | None:
        """Return a job's location and progress; None if it is not tracked."""
        report = self._reports.get(job_id)
        if report is None or report.location is None:
            return None
        return JobProgress(report.location, report.begun, report.progress)

    def announced(self, job_id: int) -> Eta | None:
        """Return when a job starts and ends as its message says it; None if it says nothing."""
        report = self._reports.get(job_id)
        return None if report is None else report.shown_eta

    async def _refresh_etas(self) -> None:
        """Update messages whose ETA is no longer true, spread over time."""
        while True:
            await asyncio.sleep(self._refresh_seconds)
            for report in list(self._reports.values()):
                report.refresh_eta()
                await asyncio.sleep(_REFRESH_PAUSE)

    async def _run_report(self, report: JobReport, record: JobRecord) -> None:
        try:
            with self.call_counts.counting(report.calls):
                await report.run(self.client, record)
        except Exception:
            # The job is not marked as notified, so the next start reports on it.
            if not self.client.is_closed():
                log.exception("a report failed", extra={"job": report.job.id})
        finally:
            del self._reports[report.job.id]
