"""The report on one job: its latest state, and the loop that shows it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial

import discord

from bot.delivery.ending import Ending
from bot.delivery.held_back import Allowed, JobFilter
from bot.delivery.job_end import NOT_NOTIFIED, log_end
from bot.delivery.job_measures import JobMeasures
from bot.delivery.poster import JobPoster
from bot.delivery.progress_message import ProgressMessage
from bot.delivery.reporting import Reporting, Told
from bot.delivery.space import is_disk_full
from bot.jobs.events import NoticeEvent, ProgressEvent, Started
from bot.jobs.job import UNFINISHED, Job, JobLocation, JobState
from bot.jobs.records import JobRecord, StoredFrame, StoredPicture
from bot.languages.message import Message
from bot.monitoring.call_counts import CallCount
from bot.scheduling.eta import Eta
from bot.storage import retrying
from bot.ui import formatting, job_text, picture_filter_text
from bot.ui.attachments import Attachment, progress_picture
from bot.ui.buttons import progress_view
from bot.ui.discord_errors import bounded, describe
from bot.ui.film_files import SHOWN_FRAMES, film_progress
from bot.ui.loading_text import download_text

log = logging.getLogger(__name__)

_SHUTTING_DOWN = Message(
    "The bot is shutting down. This job is saved and continues when the bot is back."
)
_STARTING = Message("Starting…")
_NOT_STORED = Message(
    "I can't store anything at the moment; the disk may be full. Nothing is lost: your job goes on "
    "when there is space again."
)
_NOT_WRITTEN = Message(
    "This is painted, but the disk is full, so I can't make the files. Nothing is lost: I post it "
    "here when there is space again."
)

_CALL_SECONDS = 10.0
"""Maximum seconds of each call to make when the end of a job is told."""


class JobReport:
    """The latest state of one job, and the loop that posts it."""

    def __init__(self, reporting: Reporting, record: JobRecord, calls: CallCount) -> None:
        self.job: Job = record.job
        self.location: JobLocation | None = record.location
        self.calls = calls
        """The calls to Discord for the job's messages."""
        self.is_restored = False
        """Whether an earlier run of the program may have posted about the job."""
        self._was_begun = record.state is JobState.RUNNING
        self._measures = JobMeasures(reporting.metrics, record)
        self._reporting = reporting
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
        self._calls: list[Told] | None = []
        """The calls to make when the end is told; None once they are made."""

    @property
    def begun(self) -> bool:
        """Whether the job has begun, in this run of the program or an earlier one."""
        return self._was_begun or self._latest is not None

    @property
    def progress(self) -> ProgressEvent | None:
        """The latest progress in this run of the program; None before the first."""
        return self._latest if isinstance(self._latest, ProgressEvent) else None

    @property
    def shown_eta(self) -> Eta | None:
        """What the message says about the start and the end; None if nothing."""
        return self._shown_eta

    def on_event(self, event: Started | NoticeEvent | ProgressEvent) -> None:
        """Store an event in place of the previous one."""
        if isinstance(event, NoticeEvent):
            self._notice = event.text
        elif isinstance(event, ProgressEvent) or self._latest is None:  # a start is stored first
            if self.progress is None:
                self._urgent.set()
            self._latest = event
            self._measures.on_start()
        self._changed.set()

    def on_end(self) -> None:
        """Post the result, which is stored."""
        self._ended = True
        self._urgent.set()
        self._changed.set()

    def on_storage(self) -> None:
        """Show whether what is painted can be stored."""
        self._urgent.set()
        self._changed.set()

    def call_when_told(self, call: Told) -> bool:
        """Make a call when the end is told, unless the program ends before.

        Returns False, and does nothing, if the end is told already.
        """
        if self._calls is None:
            return False
        self._calls.append(call)
        return True

    def on_shutdown(self) -> None:
        """Announce the shutdown and stop."""
        self._shutdown.set()
        self._urgent.set()
        self._changed.set()

    def refresh_eta(self) -> None:
        """Update the message if the ETA or the download that it shows is no longer true."""
        eta = self._reporting.eta(self.job.id)
        begun = self._latest is not None
        if not begun and self._reporting.loading.downloads is not None:
            self._changed.set()
        if eta is not None and not eta.is_close_to(self._shown_eta, begun=begun):
            self._changed.set()

    async def run(self, client: discord.Client, record: JobRecord) -> None:
        """Post updates until the job's result is posted, or the program shuts down."""
        location = record.location
        assert location is not None
        store, timings = self._reporting.store, self._reporting.timings
        check = self._reporting.picture_check
        picture_filter = JobFilter(check, client, self.job, location, timings)
        message = ProgressMessage(client, self.job, location, store, timings, record.progress_id)
        if self.is_restored:
            await message.find()
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._ended:
                shown = message.message_id
                poster = JobPoster(client, self.job, location, store, timings, shown)
                return await self._announce_end(poster, picture_filter, message)
            if self._shutdown.is_set():
                return await message.update(_SHUTTING_DOWN)
            event = self._latest
            try:
                await self._show(event, message, picture_filter)
            except Exception:
                log.exception("progress could not be shown", extra={"job": self.job.id})
            pause = timings.waiting_seconds if event is None else self._reporting.progress_seconds
            with suppress(TimeoutError):  # start, first picture and end are shown at once
                await asyncio.wait_for(self._urgent.wait(), pause)
            self._urgent.clear()

    async def _show(
        self,
        event: Started | ProgressEvent | None,
        message: ProgressMessage,
        picture_filter: JobFilter,
    ) -> None:
        self._shown_eta = eta = self._reporting.eta(self.job.id)
        self._measures.on_eta(eta)
        kept = job_text.kept_text(eta.kept_until) if eta and eta.kept_until else None
        pictures: tuple[Attachment, ...] = ()
        match event:
            case ProgressEvent():
                text = job_text.progress_text(self.job, event, eta and eta.end)
                if event is not self._shown:  # else only the ETA has changed
                    self._is_held_back = not await picture_filter.may_show(event)
                    if not self._is_held_back:
                        pictures = await self._progress_pictures(event)
                self._shown = event
                if self._is_held_back:
                    held_back = picture_filter_text.progress_text(self.job.guild_id)
                    text = formatting.with_small_print(text, held_back)
            case None if (downloads := self._reporting.loading.downloads) is not None:
                text = download_text(downloads)
            case None if kept is not None:
                text, kept = kept, None
            case None if eta is not None:
                text = job_text.waiting_text(eta.jobs_ahead, eta.start, eta.end)
            case _:
                text = _STARTING
        for each in (kept, self._notice):
            text = formatting.with_small_print(text, each)
        if self._reporting.storage.is_behind:
            text = formatting.with_small_print(text, _NOT_STORED)
        await message.update(text, pictures, buttons=progress_view(self.job, begun=self.begun))

    async def _progress_pictures(self, event: ProgressEvent) -> tuple[Attachment, ...]:
        """Return the current picture, and of a film what there is of it so far.

        With a picture filter, a film's earlier frames are shown only when all are judged, at its
        end.
        """
        picture = await asyncio.to_thread(progress_picture, self.job, event)
        check = self._reporting.picture_check
        if self.job.recipes[event.picture - 1].film is None or check.is_on:
            return (picture,)
        lifecycle = self._reporting.store.lifecycle
        frames = await lifecycle.some_frames(self.job.id, SHOWN_FRAMES)
        try:
            return (picture, *await asyncio.to_thread(film_progress, self.job, event, frames))
        except OSError as error:
            if not is_disk_full(error):
                raise
            return (picture,)

    async def _announce_end(
        self, poster: JobPoster, picture_filter: JobFilter, message: ProgressMessage
    ) -> None:
        job_id, store = self.job.id, self._reporting.store
        record = await retrying(store.jobs.get)(job_id)
        if record is None or record.state in UNFINISHED:
            return  # what cannot be read any more ends at the next start
        self._measures.on_end(record)
        fault = partial(message.update, picture_filter_text.FAULT_OF_RESULT, buttons=None)
        ending = Ending(
            record,
            poster,
            store,
            self._reporting.posted_recipes,
            partial(self._allow, picture_filter, fault),
            self._reporting.film_turn,
            self._reporting.timings,
            partial(message.update, _NOT_WRITTEN, buttons=None),
        )
        url = await ending.tell()
        await self._make_calls(record.state, url)
        reason = NOT_NOTIFIED if url is None else None
        steps = await retrying(store.lifecycle.steps)(job_id)
        await store.lifecycle.mark_notified(job_id, reason)
        log_end(record, steps, self.calls, told=url is not None)

    async def _allow(
        self,
        picture_filter: JobFilter,
        on_fault: Callable[[], Awaitable[None]],
        pictures: Sequence[StoredPicture],
        frames: Sequence[StoredFrame],
    ) -> Allowed:
        """Return the pictures that may be shown, and note in the moderation log if others exist."""
        allowed = await picture_filter.wait_for_allowed(pictures, frames, on_fault, self._shutdown)
        if allowed.held_back:
            moderation_log = self._reporting.moderation_log
            moderation_log.held_back(self.job, self.location, allowed.held_back, len(pictures))
        return allowed

    async def _make_calls(self, state: JobState, url: str | None) -> None:
        calls, self._calls = self._calls or [], None
        for call in calls:
            try:
                await bounded(call(state, url), _CALL_SECONDS)
            except Exception as error:  # a job's end does not depend on it
                cause = {"job": self.job.id, "cause": describe(error)}
                log.info("an answer stays as it was", extra=cause)
