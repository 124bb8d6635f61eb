"""What the picture filter leaves of a job's pictures, and telling its author about the rest."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Self

import discord

from bot.jobs.events import ProgressEvent
from bot.jobs.job import Job, JobLocation
from bot.jobs.records import StoredFrame, StoredPicture
from bot.languages.message import Message
from bot.picture_check import Audience, PictureCheck, PictureFilterError
from bot.timings import Timings
from bot.ui import picture_filter_text
from bot.ui.discord_errors import CALL_ERRORS, bounded, describe
from engine.recipes.recipe import Recipe

log = logging.getLogger(__name__)

_LONGEST_PAUSE = 600.0
"""Maximum seconds between two attempts to judge a result."""


@dataclass(frozen=True)
class Allowed:
    """The pictures of a job that its audience may see."""

    pictures: tuple[StoredPicture, ...] = ()
    frames: tuple[StoredFrame, ...] = ()
    """Frames of these pictures."""
    held_back: int = 0
    """Number of the other pictures."""

    def without_frames(self) -> Self:
        """Return the same without what the frames contain, which takes much memory."""
        return replace(self, frames=tuple(replace(each, content=b"") for each in self.frames))

    def with_frames(self, frames: Iterable[StoredFrame]) -> Self:
        """Undo `without_frames`: return the same with those of the job's frames that it has."""
        kept = {(each.picture, each.step) for each in self.frames}
        found = tuple(each for each in frames if (each.picture, each.step) in kept)
        return replace(self, frames=found)

    def held_back_text(self, guild_id: int | None) -> Message | str:
        """Return what is said publicly about the other pictures, or ""."""
        total = len(self.pictures) + self.held_back
        return picture_filter_text.held_back_text(guild_id, self.held_back, total)


async def allowed_pictures(
    check: PictureCheck,
    audience: Audience,
    job: Job,
    pictures: Sequence[StoredPicture],
    frames: Sequence[StoredFrame] = (),
) -> Allowed:
    """Return the pictures of a job that an audience may see.

    A picture is held back with its frames, also if the original is that is posted beside it. The
    film of a clip ends before its first frame that is held back: those between two painted frames
    are made from the clip, and would show what follows there.
    Raises `PictureFilterError` if the filter fails.
    """
    originals = {each.number: _original(job, each.number) for each in pictures}
    files = (each.content for each in (*pictures, *frames))
    unique = list(dict.fromkeys((*files, *filter(None, originals.values()))))
    verdicts = dict(zip(unique, await check.judge(audience, unique), strict=True))
    shown = tuple(
        each
        for each in pictures
        if verdicts[each.content] and verdicts.get(originals[each.number], True)
    )
    numbers = {each.number for each in shown}

    def may_show(frame: StoredFrame) -> bool:
        return frame.picture in numbers and verdicts[frame.content]

    is_of_clip = any(isinstance(each, Recipe) and each.clip for each in job.recipes)
    kept = takewhile(may_show, frames) if is_of_clip else filter(may_show, frames)
    return Allowed(shown, tuple(kept), len(pictures) - len(shown))


class JobFilter:
    """The picture filter for the messages of one job."""

    def __init__(
        self,
        check: PictureCheck,
        client: discord.Client,
        job: Job,
        location: JobLocation,
        timings: Timings,
    ) -> None:
        self._check = check
        self._client = client
        self._job = job
        self._location = location
        self._pause = timings.filter_pause

    async def may_show(self, event: ProgressEvent) -> bool:
        """Return whether the picture of the job's progress may be shown."""
        try:
            return (await self._check.judge(self._audience, [event.pixels]))[0]
        except PictureFilterError:
            return False

    async def wait_for_allowed(
        self,
        pictures: Sequence[StoredPicture],
        frames: Sequence[StoredFrame],
        on_fault: Callable[[], Awaitable[None]],
        shutdown: asyncio.Event,
    ) -> Allowed:
        """Return the pictures that may be shown, and tell the author privately about the others.

        While the filter fails, call `on_fault` and try again later. Raises `PictureFilterError` if
        the program shuts down meanwhile; the next start reports on the job.
        """
        pause = self._pause
        while True:
            try:
                allowed = await allowed_pictures(
                    self._check, self._audience, self._job, pictures, frames
                )
            except PictureFilterError:
                if shutdown.is_set():
                    raise
            else:
                await self._tell_author(allowed)
                return allowed
            await on_fault()
            with suppress(TimeoutError):
                await asyncio.wait_for(shutdown.wait(), pause)
            pause = min(_LONGEST_PAUSE, 2 * pause)

    @property
    def _audience(self) -> Audience:
        channel = self._client.get_channel(self._location.channel_id)
        return Audience(self._location.guild_id, channel)

    async def _tell_author(self, allowed: Allowed) -> None:
        """Send the author a direct message about what was held back, if they accept messages."""
        if not allowed.held_back or self._location.guild_id is None:  # then the result is one
            return
        log.info(
            "pictures were held back", extra={"job": self._job.id, "pictures": allowed.held_back}
        )
        total = len(allowed.pictures) + allowed.held_back
        told = picture_filter_text.private_text(self._location.url, allowed.held_back, total)
        text = told.in_language(self._job.author_language)
        try:
            channel = await bounded(self._client.create_dm(discord.Object(self._job.author_id)))
            await bounded(channel.send(text, nonce=f"{self._job.id}-h"))
        except CALL_ERRORS as error:
            log.info("a person was not told", extra={"job": self._job.id, "cause": describe(error)})


def _original(job: Job, number: int) -> bytes:
    """Return the picture that picture `number` was edited from, or b""."""
    edit = job.recipes[number - 1].edit
    return b"" if edit is None else edit.source
