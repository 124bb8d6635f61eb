"""Tell how a job ended: where it was asked for, in its thread, and to its author."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from functools import partial

from bot.config import PostedRecipes
from bot.delivery.calls import TooLargeError
from bot.delivery.held_back import Allowed
from bot.delivery.job_messages import JobMessage
from bot.delivery.poster import JobPoster
from bot.delivery.space import once_there_is_space
from bot.jobs.job import JobState
from bot.jobs.records import JobRecord, StoredFrame, StoredPicture, best_of
from bot.languages.message import Message, joined
from bot.preferences import Notify
from bot.storage import Store, retrying
from bot.timings import Timings
from bot.ui import formatting, job_text
from bot.ui.attachment_packer import ResultFiles
from bot.ui.buttons import main_view, result_view
from bot.ui.result_files import result_files

_SMALLEST_LIMIT = 16 * 2**10
"""File size in bytes below which smaller files are not tried."""
_NO_FILES = Message(
    "Discord accepts no files here, not even small ones, so the pictures are missing."
)

Allow = Callable[[Sequence[StoredPicture], Sequence[StoredFrame]], Awaitable[Allowed]]
"""Returns those of a job's pictures and frames that may be shown."""


@dataclass(frozen=True)
class Ending:
    """The end of a job."""

    record: JobRecord
    poster: JobPoster
    store: Store
    posted_recipes: PostedRecipes
    allow: Allow
    film_turn: asyncio.Lock
    """Held while a film's file is made: its frames are in memory then, and all cores busy."""
    timings: Timings
    on_full: Callable[[], Awaitable[None]]
    """Called when the disk has no space for the files, which are then made later."""

    async def tell(self) -> str | None:
        """Tell how the job ended; return the URL of that, or None if nobody could be told.

        It can be repeated after an interruption.
        """
        record, location = self.record, self.record.location
        match record.state:
            case JobState.CANCELLED:
                announcement = JobMessage(job_text.cancelled_text(record.job))
                await self.poster.close(JobMessage(job_text.CANCELLED), announcement)
                return location and location.url
            case JobState.FAILED:
                return await self._tell_without_pictures(record.reason or "", has_failed=True)
            case _:
                return await self._tell_result()

    async def _tell_without_pictures(
        self, reason: Message | str, *, has_failed: bool = False
    ) -> str | None:
        text = joined("\n", (job_text.headline(self.record.job), reason))
        message = JobMessage(text, view=result_view(self.record, ()))
        # Of pictures that are held back, the author is told privately anyway.
        return await self._tell([message], message, has_news=has_failed)

    async def _tell_result(self) -> str | None:
        """Show the job's pictures, as large as Discord accepts them."""
        job, limit = self.record.job, self.poster.file_limit
        pictures = await retrying(self.store.lifecycle.pictures)(job.id)
        allowed: Allowed | None = None
        while True:
            # The frames of a film take much memory: they are read and dropped in one turn.
            async with self._turn():
                frames = await retrying(self.store.lifecycle.frames)(job.id)
                if allowed is None:
                    allowed = await self.allow(pictures, frames)
                else:
                    allowed = allowed.with_frames(frames)
                files = await self._make_files(allowed, limit)
                allowed = allowed.without_frames()
                del frames
            if files is None:
                return await self._tell_without_pictures(allowed.held_back_text(job.guild_id))
            try:
                return await self._tell_files(pictures, allowed, files)
            except TooLargeError:
                limit = min(limit, files.largest) // 2
                if limit < _SMALLEST_LIMIT:
                    without = ResultFiles(files.size, (), (*files.notices, _NO_FILES))
                    return await self._tell_files(pictures, allowed, without)

    def _turn(self) -> AbstractAsyncContextManager[None]:
        """Return the turn to make a film's file, of which there is one; pictures need none."""
        is_film = self.record.job.recipes[0].film is not None
        return self.film_turn if is_film else nullcontext()

    async def _make_files(self, allowed: Allowed, limit: int) -> ResultFiles | None:
        """Return the files that show a result, each of at most `limit` bytes; None for none."""
        if not allowed.pictures:
            return None
        job = self.record.job
        make = partial(
            result_files,
            *(job, allowed.pictures, allowed.frames, limit, self.posted_recipes),
            is_stopped=self.record.state is JobState.STOPPED,
        )
        return await once_there_is_space(make, job.id, self.timings, self.on_full)

    async def _tell_files(
        self, pictures: Sequence[StoredPicture], allowed: Allowed, files: ResultFiles
    ) -> str | None:
        record, numbers = self.record, [each.number for each in allowed.pictures]
        best = best_of(record.job, allowed.pictures)
        large = None if best is None else best.number
        facts = job_text.result_text(record, pictures, files.size, allowed.pictures)
        held_back = allowed.held_back_text(record.job.guild_id)
        told = formatting.with_small_print(facts, record.notice)
        first, *others = files.groups or ((),)
        text = joined("\n", (told, held_back, *files.notices))
        whole = JobMessage(text, first, result_view(record, numbers, large))
        messages = [whole, *(JobMessage("", each) for each in others)]
        in_channel = JobMessage(facts, files.preview, main_view(record, numbers, large))
        return await self._tell(messages, in_channel)

    async def _tell(
        self, messages: Sequence[JobMessage], in_channel: JobMessage, *, has_news: bool = True
    ) -> str | None:
        """Show the end where the progress was, and in the channel; call the author.

        `in_channel` is the content of the announcement, if that is in another channel.
        """
        poster, notify = self.poster, await self._notify()
        url = await poster.post(messages, ping=notify == "ping")
        if url is None:
            return None
        await poster.show_in_channel(in_channel)
        if notify == "dm" and has_news:
            # What is age-restricted stays out of direct messages.
            files = () if poster.is_age_restricted else in_channel.files
            await poster.send_copy(JobMessage(job_text.ready_text(self.record, url), files))
        await poster.remove_replaced()
        return url

    async def _notify(self) -> Notify:
        """Return how the author wants to be called; in direct messages that is not needed."""
        if self.record.job.guild_id is None:
            return "none"
        return (await retrying(self.store.preferences.get)(self.record.job.author_id)).notify
