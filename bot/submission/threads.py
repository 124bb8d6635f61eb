"""Open a thread for each job where that is possible, without keeping the job waiting for it.

Discord's error codes: https://docs.discord.com/developers/topics/opcodes-and-status-codes
"""

import asyncio
import logging
from dataclasses import dataclass

import discord

from bot.jobs.job import Job
from bot.storage import Store
from bot.submission.permissions import FOR_A_THREAD
from bot.timings import Timings
from bot.ui import job_text
from bot.ui.discord_errors import CALL_ERRORS, NETWORK_ERRORS, bounded, describe, is_transient

log = logging.getLogger(__name__)

_ARCHIVE_MINUTES = 1440
_THREAD_EXISTS, _TOO_MANY_THREADS = 160004, 160006
"""Discord's codes for a message that has a thread, and for a server with 1000 active threads."""
_ROOM = 3
"""Number of finished threads that are archived at a time to make room for others."""


@dataclass(frozen=True)
class JobThreads:
    """Opens threads for jobs."""

    _enabled: bool
    _store: Store
    _timings: Timings

    async def open(
        self, message: discord.Message, job: Job, permissions: discord.Permissions
    ) -> int | None:
        """Open a thread on a job's message; return its id, or None where there is none soon.

        A thread that Discord opens later all the same is left alone and stays empty.
        """
        may = all(getattr(permissions, name) for name in FOR_A_THREAD)
        has_threads = isinstance(message.channel, discord.TextChannel)
        if not (self._enabled and may and has_threads):
            return None
        try:
            async with asyncio.timeout(self._timings.thread_seconds):
                return await self._open(message, job)
        except CALL_ERRORS as error:
            log.warning("no thread was opened", extra={"job": job.id, "cause": describe(error)})
            return None

    async def _open(self, message: discord.Message, job: Job) -> int:
        name = job_text.thread_name(job)
        while True:
            try:
                thread = await bounded(
                    message.create_thread(name=name, auto_archive_duration=_ARCHIVE_MINUTES)
                )
                return thread.id
            except discord.RateLimited:
                raise
            except NETWORK_ERRORS as error:  # the thread may be there all the same
                cause = {"job": job.id, "cause": describe(error)}
                log.info("no answer about a thread, trying again", extra=cause)
            except discord.HTTPException as error:
                if error.code == _THREAD_EXISTS:
                    return message.id  # Discord gives a thread the id of its message
                made_room = error.code == _TOO_MANY_THREADS and await self._make_room(message)
                if not made_room and not is_transient(error):
                    raise
            await asyncio.sleep(self._timings.post_pause)

    async def _make_room(self, message: discord.Message) -> bool:
        """Archive the bot's oldest threads in which no job goes on; return whether one was."""
        guild = message.guild
        if guild is None:
            return False
        own = {each.id: each for each in guild.threads if each.owner_id == guild.me.id}
        archived = 0
        for thread_id in await self._store.jobs.finished_threads(set(own), _ROOM):
            try:
                await bounded(own[thread_id].edit(archived=True))
                archived += 1
            except CALL_ERRORS as error:
                cause = {"thread_id": thread_id, "cause": describe(error)}
                log.warning("a thread could not be archived", extra=cause)
        log.info("made room for threads", extra={"threads": archived, "server": guild.id})
        return archived > 0
