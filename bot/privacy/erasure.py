"""Erase everything that is stored about a user, here and on Discord.

The request is stored first. Then unfinished jobs are cancelled, jobs are deleted one by one, and
their messages are deleted slowly. After a restart this continues where it was. In the end the user
is notified by the response to their command, or by direct message if that is no longer possible.
"""

import asyncio
import logging
from collections.abc import Generator
from contextlib import contextmanager, suppress

import discord
from sqlalchemy.exc import DBAPIError

from bot.delivery.moderation_log import ModerationLog
from bot.delivery.removal import anonymize_thread, delete_message
from bot.delivery.reporter import Reporter
from bot.errors import UserError
from bot.jobs.personal_data import ErasureRequest, PendingMessageDeletion
from bot.languages.catalogue import language_of
from bot.languages.message import Message
from bot.privacy.text import erasure_text
from bot.scheduling.queue import GpuQueue
from bot.shards import ALL_SERVERS, Shards
from bot.storage import Store
from bot.timings import Timings
from bot.ui.discord_errors import CALL_ERRORS, NETWORK_ERRORS, describe, is_transient

log = logging.getLogger(__name__)

ATTEMPTS = 4
"""Maximum number of attempts of a call that fails temporarily."""
_RETRY_SECONDS = 60.0
"""Seconds before trying again after an unexpected error."""
_LOOK_SECONDS = 5.0
"""Seconds after which a process looks for requests that others have stored."""


class ErasureService:
    """Processes erasure requests, one after the other."""

    def __init__(
        self,
        store: Store,
        queue: GpuQueue,
        reporter: Reporter,
        moderation_log: ModerationLog,
        timings: Timings,
        shards: Shards = ALL_SERVERS,
    ) -> None:
        self._store = store
        self._shards = shards
        self._queue = queue
        self._reporter = reporter
        self._moderation_log = moderation_log
        self._timings = timings
        self._requested = asyncio.Event()
        self._client: discord.Client | None = None
        self._attached = asyncio.Event()
        self._waiting: dict[int, asyncio.Future[ErasureRequest]] = {}
        """Futures of the commands that wait for their request, by user id."""
        self._exporting: set[int] = set()
        """Ids of users whose export is being sent."""

    def attach(self, client: discord.Client) -> None:
        """Set the client to delete messages with; nothing is deleted before."""
        self._client = client
        self._attached.set()

    async def request(
        self, user_id: int, locale: str | None = None
    ) -> asyncio.Future[ErasureRequest]:
        """Store a request to erase a user's current data; return a future with its totals.

        `locale` is Discord's name of the user's language. Raises `DBAPIError` if the request
        cannot be stored.
        """
        await self._store.personal_data.request_erasure(user_id, locale)
        future: asyncio.Future[ErasureRequest] = asyncio.get_running_loop().create_future()
        done = self._waiting.setdefault(user_id, future)
        self._requested.set()
        return done

    @property
    def is_completed_here(self) -> bool:
        """Whether this process completes requests; else another one answers by direct message."""
        return self._shards.have_first

    def notify_by_dm(self, user_id: int) -> None:
        """Notify the user by direct message, because their command can no longer respond."""
        self._waiting.pop(user_id, None)

    @contextmanager
    def exporting(self, user_id: int) -> Generator[None]:
        """Allow one export at a time for each user; raise `UserError` for a second one."""
        if user_id in self._exporting:
            raise UserError(Message("Your files are already being sent."))
        self._exporting.add(user_id)
        try:
            yield
        finally:
            self._exporting.remove(user_id)

    async def run(self) -> None:
        """Process requests until cancelled, at first those of earlier runs of the program."""
        await self._attached.wait()
        while True:
            self._requested.clear()
            pause = None if self._shards.are_all else _LOOK_SECONDS
            for request in await self._store.personal_data.erasures():
                try:
                    if not await self._process(request.author_id):
                        pause = self._timings.erasure_seconds
                except Exception:
                    log.exception("an erasure failed, trying again")
                    pause = _RETRY_SECONDS
            with suppress(TimeoutError):
                await asyncio.wait_for(self._requested.wait(), pause)

    async def _process(self, author_id: int) -> bool:
        """Delete everything that can be deleted now; return whether the request is completed.

        Of several processes, each ends the jobs of its own servers, and one deletes them all.
        """
        await self._end_jobs(author_id)
        self._moderation_log.forget(author_id)
        if not self.is_completed_here:
            return False
        await self._delete_jobs(author_id)
        forbidden: set[tuple[int, bool]] = set()
        async for deletion in self._store.personal_data.pending_deletions(author_id):
            succeeded = await self._delete_message(deletion, forbidden)
            await self._store.personal_data.finish_deletion(deletion, succeeded=succeeded)
        done = await self._store.personal_data.finish_erasure(author_id)
        if done is None:
            return False
        counts = {"jobs": done.jobs, "undeleted": done.undeleted}
        log.info("a user's data was erased", extra=counts)
        with suppress(DBAPIError):  # the next retention run does it then
            await self._store.retention.vacuum()
        await self._notify(done)
        return True

    async def _end_jobs(self, author_id: int) -> None:
        """Cancel the unfinished jobs of this process's servers."""
        request = await self._store.personal_data.erasure(author_id)
        if request is None:
            return
        for job_id in await self._store.personal_data.unfinished(request, self._shards):
            if await self._store.lifecycle.cancel(job_id):
                self._queue.remove(job_id)
                self._reporter.on_end(job_id)

    async def _delete_jobs(self, author_id: int) -> None:
        """Delete jobs whose end was announced, drafts, and lines of moderation logs."""
        request = await self._store.personal_data.erasure(author_id)
        if request is None:
            return
        for job_id in await self._store.personal_data.erasable(request):
            await self._store.personal_data.delete_job(job_id, author_id)
        await self._store.personal_data.delete_drafts(request)
        await self._store.personal_data.delete_log_messages(author_id)

    async def _delete_message(
        self, deletion: PendingMessageDeletion, forbidden: set[tuple[int, bool]]
    ) -> bool:
        """Delete a message or rename a thread; return False if that is impossible.

        Channels that deny access are added to `forbidden` and not tried again.
        """
        channel = (deletion.channel_id, deletion.is_thread)
        if channel in forbidden:
            return False
        for number in range(ATTEMPTS):
            await asyncio.sleep(self._timings.deletion_seconds * 4**number)
            try:
                await asyncio.wait_for(self._call(deletion), self._timings.call_seconds)
                return True
            except discord.NotFound:
                return True
            except discord.Forbidden as error:
                forbidden.add(channel)
                self._log(deletion, error)
                return False
            except discord.HTTPException as error:
                self._log(deletion, error)
                if not is_transient(error):
                    return False
            except NETWORK_ERRORS as error:
                self._log(deletion, error)
        return False

    async def _call(self, deletion: PendingMessageDeletion) -> None:
        assert self._client is not None
        if deletion.is_thread:
            await anonymize_thread(self._client, deletion.channel_id, deletion.message_id)
            # The thread stays, because others may have written there.
            await self._client.http.edit_channel(deletion.message_id, archived=True)
        else:
            await delete_message(self._client, deletion.channel_id, deletion.message_id)

    async def _notify(self, done: ErasureRequest) -> None:
        waiting = self._waiting.pop(done.author_id, None)
        if waiting is not None:
            waiting.set_result(done)
            return
        assert self._client is not None
        try:
            channel = await self._client.create_dm(discord.Object(done.author_id))
            text = erasure_text(done).in_language(language_of(done.locale))
            await asyncio.wait_for(channel.send(text), self._timings.call_seconds)
        except CALL_ERRORS as error:
            log.warning("a user could not be notified of an erasure", extra={"cause": str(error)})

    def _log(self, deletion: PendingMessageDeletion, error: Exception) -> None:
        extra = {"channel": deletion.channel_id, "cause": describe(error)}
        log.warning("a message could not be deleted", extra=extra)
