"""Forgetting people: removes what is kept of them, here and on Discord, whatever happens meanwhile.

The wish is stored first. Then open jobs are cancelled, jobs removed one by one, and messages taken
away slowly, each noted until it is gone. What a restart interrupts goes on after it. Whoever wished
it is told at the end: by the answer to their command while they wait, else by a direct message.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import discord
from sqlalchemy.exc import DBAPIError

from bot.delivery.removal import anonymize_thread, delete_message
from bot.delivery.reporter import Reporter
from bot.errors import UserError
from bot.jobs.personal_data import ErasureRequest, PendingMessageDeletion
from bot.privacy.text import erasure_text
from bot.scheduling.queue import GpuQueue
from bot.storage import Store, with_retry
from bot.ui.discord_errors import CALL_ERRORS, NETWORK_ERRORS, describe, is_transient

log = logging.getLogger(__name__)

MESSAGE_SECONDS = 0.5
"""Between two calls that remove messages, beside what Discord itself demands."""
CALL_SECONDS = 60.0
TRIES = 4
"""Of a call that may succeed later."""
REFRESH_SECONDS = 2.0
"""Between two looks at jobs of which somebody is just being told."""
_RETRY_SECONDS = 60.0


class ErasureService:
    """Carries out deletions, one after the other."""

    def __init__(self, store: Store, queue: GpuQueue, reporter: Reporter) -> None:
        self._store = store
        self._queue = queue
        self._reporter = reporter
        self._wished = asyncio.Event()
        self._client: discord.Client | None = None
        self._attached = asyncio.Event()
        self._waiting: dict[int, asyncio.Future[ErasureRequest]] = {}
        self._exporting: set[int] = set()

    def attach(self, client: discord.Client) -> None:
        """Say what to remove messages with; until then nothing is removed."""
        self._client = client
        self._attached.set()

    async def request(self, user_id: int) -> "asyncio.Future[ErasureRequest]":
        """Have all removed that is kept of a person until now; returns what was done, in the end.

        Raises `DBAPIError` if the wish cannot be stored.
        """
        await self._store.personal_data.request_erasure(user_id)
        future: asyncio.Future[ErasureRequest] = asyncio.get_running_loop().create_future()
        done = self._waiting.setdefault(user_id, future)
        self._wished.set()
        return done

    def notify_by_dm(self, user_id: int) -> None:
        """Nobody waits any more: tell the person by a direct message."""
        self._waiting.pop(user_id, None)

    @contextmanager
    def exporting(self, user_id: int) -> Iterator[None]:
        """Send a person's data, once at a time; raises `UserError` if that is under way."""
        if user_id in self._exporting:
            raise UserError("Your files are on their way already.")
        self._exporting.add(user_id)
        try:
            yield
        finally:
            self._exporting.remove(user_id)

    async def run(self) -> None:
        """Carry out wishes until cancelled; first those that an earlier run has left."""
        await self._attached.wait()
        while True:
            self._wished.clear()
            pause: float | None = None
            for deletion in await with_retry(
                self._store.personal_data.erasures, "reading deletions"
            ):
                try:
                    if not await self._process(deletion.author_id):
                        pause = REFRESH_SECONDS
                except Exception:
                    log.exception("a deletion was interrupted, trying again")
                    pause = _RETRY_SECONDS
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wished.wait(), pause)

    async def _process(self, author_id: int) -> bool:
        """Remove all that can be removed now; say whether that was all."""
        await self._remove_jobs(author_id)
        refusing: set[tuple[int, bool]] = set()
        async for removal in self._store.personal_data.pending_deletions(author_id):
            succeeded = await self._remove(removal, refusing)
            await self._store.personal_data.deleted_message(removal, succeeded=succeeded)
        done = await self._store.personal_data.finish_erasure(author_id)
        if done is None:
            return False
        log.info("a person's data was removed", extra={"jobs": done.jobs, "left": done.left})
        with suppress(DBAPIError):  # else the next look after what is old does so
            await self._store.retention.vacuum()
        await self._notify(done)
        return True

    async def _remove_jobs(self, author_id: int) -> None:
        """Cancel what has not ended, and remove what is over and was told."""
        deletion = await self._store.personal_data.erasure(author_id)
        if deletion is None:
            return
        unfinished, over = await self._store.personal_data.erasable(deletion)
        for job_id in unfinished:
            if await self._store.lifecycle.cancel(job_id):
                self._queue.remove(job_id)
                self._reporter.on_end(job_id)
        for job_id in over:
            await self._store.personal_data.delete_job(job_id, author_id)
        await self._store.personal_data.delete_drafts(deletion)

    async def _remove(
        self, removal: PendingMessageDeletion, refusing: set[tuple[int, bool]]
    ) -> bool:
        """Take something away from Discord; say whether it is gone.

        A channel that is among the `refusing` ones, or has become one, is not asked again.
        """
        where = (removal.channel_id, removal.is_thread)
        if where in refusing:
            return False
        for number in range(TRIES):
            await asyncio.sleep(MESSAGE_SECONDS * 4**number)
            try:
                await asyncio.wait_for(self._call(removal), CALL_SECONDS)
                return True
            except discord.NotFound:
                return True
            except discord.Forbidden as error:
                refusing.add(where)
                self._log(removal, error)
                return False
            except discord.HTTPException as error:
                self._log(removal, error)
                if not is_transient(error):
                    return False
            except NETWORK_ERRORS as error:
                self._log(removal, error)
        return False

    async def _call(self, removal: PendingMessageDeletion) -> None:
        assert self._client is not None
        if removal.is_thread:
            await anonymize_thread(self._client, removal.channel_id, removal.message_id)
            # It stays, since others may have written there.
            await self._client.http.edit_channel(removal.message_id, archived=True)
        else:
            await delete_message(self._client, removal.channel_id, removal.message_id)

    async def _notify(self, done: ErasureRequest) -> None:
        waiting = self._waiting.pop(done.author_id, None)
        if waiting is not None:
            waiting.set_result(done)
            return
        assert self._client is not None
        try:
            channel = await self._client.create_dm(discord.Object(done.author_id))
            await asyncio.wait_for(channel.send(erasure_text(done)), CALL_SECONDS)
        except CALL_ERRORS as error:
            log.warning("nobody could be told of a deletion", extra={"cause": str(error)})

    def _log(self, removal: PendingMessageDeletion, error: Exception) -> None:
        extra = {"channel": removal.channel_id, "cause": describe(error)}
        log.warning("a message could not be removed", extra=extra)
