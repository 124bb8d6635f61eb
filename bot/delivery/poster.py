"""Post a job's progress and result to Discord.

A progress update that fails is dropped, because the next one replaces it. Results are delivered at
least once: posting is retried with backoff, first in the job's thread, then in the channel, then as
a direct message.

Discord's error codes: https://docs.discord.com/developers/topics/opcodes-and-status-codes
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

import discord
from discord import ui
from discord.utils import MISSING
from sqlalchemy.exc import DBAPIError

from bot.jobs.job import Job, JobLocation
from bot.storage import Store
from bot.timings import Timings
from bot.ui import job_text
from bot.ui.attachments import Attachment, ResultFiles, discord_files
from bot.ui.discord_errors import (
    NETWORK_ERRORS,
    bounded,
    describe,
    is_too_large,
    is_transient,
    wait_before_repeating,
)

log = logging.getLogger(__name__)

_LONGEST_PAUSE = 60.0
"""Maximum seconds between two attempts to post a result."""

_ELSEWHERE = "I can no longer post where you asked for this, so I am posting it here."
_ONLY_EDITS_REFUSED = (50083, 30046)
"""Discord's codes for an archived thread, which a new message reopens, and a message too old."""


class TooLargeError(Exception):
    """Discord accepts no file of this size in any channel."""


class _RefusedError(Exception):
    """A channel is gone, or no longer accepts the bot's messages."""


class JobPoster:
    """Posts messages about one job, at its location if that is possible."""

    def __init__(
        self,
        client: discord.Client,
        job: Job,
        location: JobLocation,
        store: Store,
        timings: Timings,
        progress_id: int | None = None,
    ) -> None:
        self._client = client
        self._store = store
        self._timings = timings
        self._job = job
        self._location = location
        self._progress_id = progress_id if location.has_thread else location.message_id
        self._shows_progress = True
        self._silent_until = 0.0
        """Monotonic time until which Discord wants no more progress."""
        self._post_count = 0
        """Number of result messages so far, attempts in other channels included."""
        self._stored_posts: set[int] | None = None
        """Numbers of the result messages that were posted before; None until they are read."""

    @property
    def location(self) -> JobLocation:
        """Where the job's messages are."""
        return self._location

    @property
    def file_limit(self) -> int:
        """Maximum size of a file in bytes at the job's location."""
        guild = self._client.get_guild(self._location.guild_id or 0)
        return guild.filesize_limit if guild else discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES

    async def update_progress(
        self,
        text: str,
        picture: Attachment | None = None,
        *,
        keep_picture: bool = False,
        buttons: ui.View | None = MISSING,
    ) -> None:
        """Edit the job's progress message.

        The current picture is removed unless `keep_picture` is set or another one is given; the
        buttons stay unless others, or None, are given. Failures are logged. After a permanent one
        (the message, the thread or a permission is gone) further calls do nothing. While Discord
        wants no more edits, nothing is shown, but the last update, without buttons, waits.
        """
        silence = self._silent_until - time.monotonic()
        if not self._shows_progress or (silence > 0 and buttons is not None):
            return
        await asyncio.sleep(max(silence, 0))
        if not self._location.has_thread:
            text = f"{job_text.headline(self._job)}\n{text}"
        try:
            showing = self._show(text, picture, buttons, keep_picture=keep_picture)
            await bounded(showing, self._timings.call_seconds)
        except (*NETWORK_ERRORS, DBAPIError) as error:
            self._log("progress could not be shown", error)
            self._silent_until = time.monotonic() + wait_before_repeating(error, 0)
        except discord.HTTPException as error:
            self._log("progress was refused", error)
            self._shows_progress = is_transient(error)

    async def post_result(
        self, text: str, files: ResultFiles | None = None, *, buttons: ui.View | None = None
    ) -> bool:
        """Post a result in the first channel that accepts it; return False if none does.

        Temporary failures are retried for ever. The last message has the buttons.

        Raises `TooLargeError` if a file has to be smaller.
        """
        channels = dict.fromkeys((self._location.post_id, self._location.channel_id, None))
        for number, channel_id in enumerate(channels):
            if number == 1:
                text = f"{text}\n-# {_ELSEWHERE}"
            try:
                await self._post_all(channel_id, text, files, buttons)
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
        channel = self._channel(self._location.post_id)
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
        # A message that can no longer be edited is replaced.
        nonce = f"{self._job.id}-0" if self._progress_id is None else f"0-{self._progress_id}"
        files = discord_files(picture)
        message = await channel.send(text, files=files, nonce=nonce, view=buttons or MISSING)
        self._progress_id = message.id
        await self._store.jobs.set_progress_message(self._job.id, message.id)

    async def _post_all(
        self, channel_id: int | None, text: str, files: ResultFiles | None, buttons: ui.View | None
    ) -> None:
        """Post a result's messages in a channel, or as direct messages if `channel_id` is None."""
        groups = files.groups if files is not None else ((),)
        job_id = self._job.id
        if self._stored_posts is None:
            self._stored_posts = await self._store.jobs.post_numbers(job_id)
        for index, group in enumerate(groups):
            number = self._post_count = self._post_count + 1
            if number in self._stored_posts:
                continue
            send = partial(
                self._post,
                channel_id,
                text if index == 0 else "",
                group,
                nonce=f"{job_id}-{number}",
                buttons=buttons if index == len(groups) - 1 else None,
            )
            message = await self._retry(send)
            await self._store.jobs.add_post(job_id, message.channel.id, message.id, number)

    async def _retry(
        self, post: Callable[[], Coroutine[Any, Any, discord.Message]]
    ) -> discord.Message:
        """Post one message; repeat temporary failures."""
        pause = self._timings.post_pause
        while True:
            wait = pause
            try:
                return await bounded(post(), self._timings.call_seconds)
            except NETWORK_ERRORS as error:
                wait = wait_before_repeating(error, pause)
                self._log("a result could not be posted, trying again", error)
            except discord.HTTPException as error:
                if is_too_large(error):
                    raise TooLargeError from error
                if not is_transient(error):
                    raise _RefusedError(str(error)) from error
                self._log("a result was delayed, trying again", error)
            await asyncio.sleep(wait)
            pause = min(_LONGEST_PAUSE, 2 * pause)

    async def _post(
        self,
        channel_id: int | None,
        text: str,
        group: Sequence[Attachment],
        *,
        nonce: str,
        buttons: ui.View | None,
    ) -> discord.Message:
        if channel_id is None:
            channel = await self._client.create_dm(discord.Object(self._job.author_id))
        else:
            channel = self._channel(channel_id)
        # With the same nonce, Discord does not post a message again whose response was lost.
        files = discord_files(*group)
        return await channel.send(text, files=files, nonce=nonce, view=buttons or MISSING)

    def _channel(self, channel_id: int) -> discord.PartialMessageable:
        return self._client.get_partial_messageable(channel_id, guild_id=self._location.guild_id)

    def _log(self, what: str, error: Exception) -> None:
        log.warning(what, extra={"job": self._job.id, "cause": describe(error)})
