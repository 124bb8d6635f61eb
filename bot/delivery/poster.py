"""Getting a job's messages to Discord, whatever Discord answers.

Progress may be lost: what cannot be shown now is shown with the next picture. A result may not:
it is tried until it arrives, and if its place is gone or closed, in the next best one: the
thread, then the channel, then a direct message to the person who asked.

Discord's error codes: https://docs.discord.com/developers/topics/opcodes-and-status-codes
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import discord
from discord import ui
from discord.utils import MISSING
from sqlalchemy.exc import DBAPIError

from bot.jobs.job import Job, JobLocation
from bot.storage import Store, with_retry
from bot.ui import job_text
from bot.ui.attachments import Attachment, ResultFiles, discord_files
from bot.ui.discord_errors import NETWORK_ERRORS, describe, is_too_large, is_transient

log = logging.getLogger(__name__)

CALL_SECONDS = 60.0
"""After which a call counts as failed."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds between two tries of a result; the pause doubles."""

_ELSEWHERE = "The place of this picture takes no messages any more, so it comes here."
_ONLY_EDITS_REFUSED = (50083, 30046)
"""The thread is archived, which posting undoes and editing does not; the message is too old."""


class TooLargeError(Exception):
    """Discord takes no file of that size in any place."""


class _RefusedError(Exception):
    """A place is gone, or takes no message of the bot any more."""


class JobPoster:
    """Says things about one job in its `place`."""

    def __init__(
        self,
        client: discord.Client,
        job: Job,
        place: JobLocation,
        store: Store,
        progress_id: int | None = None,
    ) -> None:
        self._client = client
        self._store = store
        self._job = job
        self._place = place
        self._progress_id = progress_id if place.has_thread else place.message_id
        self._shows_progress = True
        self._posted = 0
        self._arrived: set[int] | None = None
        """Which of the job's posts are there already, some from an earlier run of the program."""

    @property
    def file_limit(self) -> int:
        """Bytes that a file may have where the job is told about."""
        guild = self._client.get_guild(self._place.guild_id or 0)
        return guild.filesize_limit if guild else discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES

    async def update_progress(
        self,
        text: str,
        picture: Attachment | None = None,
        *,
        keep_picture: bool = False,
        buttons: ui.View | None = MISSING,
    ) -> None:
        """Put progress where it is looked for: one message, edited in place.

        The picture that is there goes, unless it is kept or another one comes; the buttons stay
        unless others are named, or none. Failures are logged. After one that lasts no progress is
        shown any more: somebody deleted the message or the thread, or took a permission away.
        """
        if not self._shows_progress:
            return
        if not self._place.has_thread:
            text = f"{job_text.headline(self._job)}\n{text}"
        try:
            showing = self._show(text, picture, buttons, keep_picture=keep_picture)
            await asyncio.wait_for(showing, CALL_SECONDS)
        except (*NETWORK_ERRORS, DBAPIError) as error:
            self._log("progress could not be shown", error)
        except discord.HTTPException as error:
            self._log("progress was refused", error)
            self._shows_progress = is_transient(error)

    async def post_result(
        self, text: str, parcel: ResultFiles | None = None, *, buttons: ui.View | None = None
    ) -> bool:
        """Post a result until it arrives, in the first place that takes it; say whether one did.

        The buttons stand under its last message.

        Raises `TooLargeError` if a file has to be smaller.
        """
        places = dict.fromkeys((self._place.post_id, self._place.channel_id, None))
        for number, channel_id in enumerate(places):
            if number == 1:
                text = f"{text}\n-# {_ELSEWHERE}"
            try:
                await self._post_all(channel_id, text, parcel, buttons)
                return True
            except _RefusedError as error:
                self._log("a result was refused", error)
        return False

    async def _show(
        self,
        text: str,
        picture: Attachment | None,
        buttons: ui.View | None,
        *,
        keep_picture: bool,
    ) -> None:
        channel = self._channel(self._place.post_id)
        if self._progress_id is not None:
            message = channel.get_partial_message(self._progress_id)
            try:
                if keep_picture and picture is None:
                    await message.edit(content=text, view=buttons)
                else:
                    files = discord_files(picture)
                    await message.edit(content=text, attachments=files, view=buttons)
                return
            except discord.HTTPException as error:
                if error.code not in _ONLY_EDITS_REFUSED:
                    raise
        # In place of a message that takes no edits any more, another one is made.
        nonce = f"{self._job.id}-0" if self._progress_id is None else f"0-{self._progress_id}"
        files = discord_files(picture)
        message = await channel.send(text, files=files, nonce=nonce, view=buttons or MISSING)
        self._progress_id = message.id
        await self._store.jobs.set_progress_message(self._job.id, message.id)

    async def _post_all(
        self, place: int | None, text: str, parcel: ResultFiles | None, buttons: ui.View | None
    ) -> None:
        """Post a result's messages into a channel, or to the person if `place` is None."""
        groups = parcel.groups if parcel is not None else ((),)
        job_id = self._job.id
        if self._arrived is None:
            self._arrived = await with_retry(
                lambda: self._store.jobs.post_numbers(job_id), "reading posts"
            )
        for index, group in enumerate(groups):
            number = self._posted = self._posted + 1
            if number in self._arrived:
                continue
            nonce = f"{job_id}-{number}"
            words, is_last = text if index == 0 else "", index == len(groups) - 1
            send = partial(
                self._post, place, words, group, nonce=nonce, buttons=buttons if is_last else None
            )
            message = await self._retry(send)
            post = (job_id, message.channel.id, message.id, number)
            await with_retry(lambda post=post: self._store.jobs.add_post(*post), "storing a post")

    async def _retry(self, post: Callable[[], Awaitable[discord.Message]]) -> discord.Message:
        """Post one message, as often as it takes."""
        pause = FIRST_PAUSE
        while True:
            try:
                return await asyncio.wait_for(post(), CALL_SECONDS)
            except NETWORK_ERRORS as error:
                self._log("a result could not be posted, trying again", error)
            except discord.HTTPException as error:
                if is_too_large(error):
                    raise TooLargeError from error
                if not is_transient(error):
                    raise _RefusedError(str(error)) from error
                self._log("a result has to wait, trying again", error)
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, 2 * pause)

    async def _post(
        self,
        place: int | None,
        text: str,
        group: Sequence[Attachment],
        *,
        nonce: str,
        buttons: ui.View | None,
    ) -> discord.Message:
        if place is None:
            channel = await self._client.create_dm(discord.Object(self._job.author_id))
        else:
            channel = self._channel(place)
        # With the nonce a post that did arrive, though its answer did not, is not made twice.
        files = discord_files(*group)
        return await channel.send(text, files=files, nonce=nonce, view=buttons or MISSING)

    def _channel(self, channel_id: int) -> discord.PartialMessageable:
        return self._client.get_partial_messageable(channel_id, guild_id=self._place.guild_id)

    def _log(self, what: str, error: Exception) -> None:
        log.warning(what, extra={"job": self._job.id, "cause": describe(error)})
