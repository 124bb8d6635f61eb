"""The message that shows the progress of a job, in its thread or else in the channel.

An update that fails is dropped, because the next one replaces it.
"""

import logging
import time
from collections.abc import Sequence

import discord
from discord import ui
from discord.utils import MISSING
from sqlalchemy.exc import DBAPIError

from bot.delivery.calls import ARCHIVED, TOO_OLD
from bot.delivery.removal import delete_message
from bot.jobs.job import Job, JobLocation
from bot.languages.message import Message, in_language, joined
from bot.storage import Store
from bot.timings import Timings
from bot.ui import job_text
from bot.ui.attachments import Attachment, discord_files
from bot.ui.buttons import shows_progress
from bot.ui.discord_errors import (
    CALL_ERRORS,
    NETWORK_ERRORS,
    bounded,
    describe,
    is_transient,
    wait_before_repeating,
)

log = logging.getLogger(__name__)

_SEARCHED = 50
"""Number of messages of a thread among which its progress is looked for: it is one of the first."""


class ProgressMessage:
    """The message that shows a job's progress."""

    def __init__(
        self,
        client: discord.Client,
        job: Job,
        location: JobLocation,
        store: Store,
        timings: Timings,
        message_id: int | None = None,
    ) -> None:
        self._client = client
        self._job = job
        self._location = location
        self._store = store
        self._timings = timings
        announcement = None if location.has_thread else location.message_id
        self.message_id = announcement if message_id is None else message_id
        """The message in the channel of the results; None before the first update in a thread."""
        self._is_accepted = True
        self._silent_until = 0.0
        """Monotonic time until which Discord wants no more progress."""

    async def update(
        self,
        text: Message | str,
        pictures: Sequence[Attachment] = (),
        *,
        buttons: ui.View | None = MISSING,
    ) -> None:
        """Show a text, and pictures in place of the current ones if there are others.

        The buttons stay unless others, or None, are given. Failures are logged. After a permanent
        one (the message, the thread or a permission is gone) further calls do nothing, and while
        Discord wants no more edits, nothing is shown.
        """
        if not self._is_accepted or time.monotonic() < self._silent_until:
            return
        if not self._location.has_thread:
            text = joined("\n", (job_text.headline(self._job), text))
        content = in_language(text, self._job.language)
        try:
            await bounded(self._show(content, pictures, buttons), self._timings.call_seconds)
        except (*NETWORK_ERRORS, DBAPIError) as error:
            self._log("progress could not be shown", error)
            self._silent_until = time.monotonic() + wait_before_repeating(error, 0)
        except discord.HTTPException as error:
            self._log("progress was refused", error)
            self._is_accepted = is_transient(error)

    async def find(self) -> None:
        """Find the message that an earlier run of the program posted and could not note any more.

        Only for some minutes Discord itself recognizes the nonce and posts none twice.
        """
        if self.message_id is not None:
            return
        try:
            found = await bounded(self._search(), self._timings.call_seconds)
            if found is not None:
                self.message_id = found
                await self._store.jobs.set_progress_message(self._job.id, found)
        except (*CALL_ERRORS, DBAPIError) as error:
            self._log("progress could not be looked for", error)

    async def _search(self) -> int | None:
        """Return the oldest message of the thread that has the buttons of the job's progress."""
        client, location = self._client, self._location
        thread = client.get_partial_messageable(location.post_id, guild_id=location.guild_id)
        async for message in thread.history(limit=_SEARCHED, oldest_first=True):
            if message.author == client.user and shows_progress(message, self._job):
                return message.id
        return None

    async def _show(
        self, text: str, pictures: Sequence[Attachment], buttons: ui.View | None
    ) -> None:
        channel = self._client.get_partial_messageable(
            self._location.post_id, guild_id=self._location.guild_id
        )
        shown = self.message_id
        if shown is not None:
            files = discord_files(*pictures) or MISSING
            message = channel.get_partial_message(shown)
            try:
                await message.edit(content=text, attachments=files, view=buttons)
                return
            except discord.HTTPException as error:
                if error.code not in (ARCHIVED, TOO_OLD):
                    raise
        # A message that can no longer be edited is replaced.
        nonce = f"{self._job.id}-0" if shown is None else f"0-{shown}"
        files = discord_files(*pictures)
        sent = await channel.send(text, files=files, nonce=nonce, view=buttons or MISSING)
        self.message_id = sent.id
        await self._store.jobs.set_progress_message(self._job.id, sent.id)
        if shown is not None and self._location.has_thread:
            await self._delete(shown)

    async def _delete(self, message_id: int) -> None:
        try:
            await delete_message(self._client, self._location.post_id, message_id)
        except CALL_ERRORS as error:
            self._log("old progress could not be deleted", error)

    def _log(self, what: str, error: Exception) -> None:
        log.warning(what, extra={"job": self._job.id, "cause": describe(error)})
