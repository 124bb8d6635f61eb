"""Turn a request into a job that is stored, announced in Discord and queued.

A request is checked before it is stored, and stored before it is announced.
"""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field

import aiohttp
import discord
from sqlalchemy.exc import DBAPIError

from bot.config import BotSettings
from bot.delivery.reporter import Reporter
from bot.errors import RESTARTING, UserError
from bot.jobs.job import NEW_JOB, UNFINISHED, Job, JobLocation, JobOrigin
from bot.jobs.records import JobRecord
from bot.scheduling.queue import GpuQueue
from bot.storage import Store
from bot.submission.permissions import FOR_A_THREAD
from bot.submission.policy import SubmissionPolicy
from bot.submission.requester import Requester
from bot.ui import job_text
from engine.recipes.recipe import Recipe

log = logging.getLogger(__name__)

NEVER_ANNOUNCED = "it was never announced"
_ARCHIVE_MINUTES = 1440
_NOT_STORED = (
    "I cannot store anything at the moment, so nothing was queued. The cause is in my log. Try "
    "again in a few minutes."
)


@dataclass(frozen=True)
class Queued:
    """A job that was accepted."""

    message: discord.Message
    """The message that announces it."""
    notice: str = ""
    """A sentence about something that the user may not expect, or ""."""

    def __str__(self) -> str:
        return f"Queued: {self.message.jump_url}" + (f"\n{self.notice}" if self.notice else "")


@dataclass(frozen=True)
class JobSubmission:
    """Accepts jobs."""

    _settings: BotSettings
    _policy: SubmissionPolicy
    _store: Store
    _queue: GpuQueue
    _reporter: Reporter
    _admission: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    """The lock that keeps other jobs out between counting jobs and adding one."""

    async def submit(
        self,
        requester: Requester,
        prompt: str,
        recipes: tuple[Recipe, ...],
        origin: JobOrigin = NEW_JOB,
    ) -> discord.Message:
        """Queue a job for the requester, and return the message that announces it.

        Raises `UserError` if the requester may not, the channel does not allow it, or the recipes
        exceed a limit.
        """
        try:
            job = await self._admit(requester, prompt, recipes, origin)
        except DBAPIError as error:
            log.error("a job could not be stored", extra={"cause": str(error.orig)})
            raise UserError(_NOT_STORED) from error
        message = await self._announce_and_queue(requester, job)
        log.info("job accepted", extra={"job": job.id, "author": job.author_id})
        return message

    async def restore(self) -> None:
        """Continue the jobs that the last run of the program left, in their order."""
        records = await self._store.jobs.list_open()
        steps_stored = await self._store.jobs.steps_stored()
        for record in records:
            if record.location is None:
                await self._reannounce(record)
                continue
            self._track_and_queue(record, steps_stored.get(record.job.id, 0))
            if record.stop_requested:
                self._queue.stop(record.job.id)

    async def _admit(
        self, requester: Requester, prompt: str, recipes: tuple[Recipe, ...], origin: JobOrigin
    ) -> Job:
        """Store a job if nothing forbids it."""
        if self._queue.closed:
            raise UserError(RESTARTING)
        guild = await self._policy.check(requester, prompt, recipes)
        async with self._admission:
            await self._policy.check_quota(requester, guild, len(recipes))
            return await self._store.jobs.add(
                requester.user_id,
                prompt,
                recipes,
                origin,
                guild_id=requester.guild_id,
                channel_id=requester.channel.id,
                weight=self._settings.queue.share(requester.roles),
            )

    async def _announce_and_queue(self, requester: Requester, job: Job) -> discord.Message:
        """Post a job's message and queue the job; if it cannot be posted, end the job."""
        try:
            message, location = await self._announce(requester, job)
        except Exception as error:
            await self._abandon(job.id, str(error))
            if not isinstance(error, discord.HTTPException | aiohttp.ClientError | OSError):
                raise
            raise UserError(
                "I could not post in this channel, so nothing was queued. Discord says: "
                f"{getattr(error, 'text', '') or 'no answer'}"
            ) from error
        record = await self._store.jobs.set_location(job, location)
        if record is not None:
            self._track_and_queue(record)
        return message

    def _track_and_queue(self, record: JobRecord, steps_done: int = 0) -> None:
        """Report on a job, and queue it unless it has ended, for instance by a quick cancel."""
        self._reporter.track(record)
        if record.state in UNFINISHED:
            self._queue.put(record.job, steps_done)

    async def _reannounce(self, record: JobRecord) -> None:
        """Announce a job that the program stored but had no time to announce.

        Discord returns the same message if it had been posted a moment before.
        """
        job, channel_id = record.job, record.channel_id
        if record.state not in UNFINISHED or channel_id is None:
            await self._abandon(job.id, NEVER_ANNOUNCED)
            return
        channel = self._reporter.client.get_partial_messageable(channel_id, guild_id=job.guild_id)
        requester = Requester(job.author_id, job.guild_id, channel, discord.Permissions.none())
        with suppress(UserError):
            await self._announce_and_queue(requester, job)

    async def _abandon(self, job_id: int, reason: str) -> None:
        """End a job that has no channel in which anyone could be notified."""
        await self._store.lifecycle.fail(job_id, reason)
        await self._store.lifecycle.mark_notified(job_id)
        log.warning("a job was not announced", extra={"job": job_id, "cause": reason})

    async def _announce(
        self, requester: Requester, job: Job
    ) -> tuple[discord.Message, JobLocation]:
        """Post the job's message and open its thread."""
        channel = requester.channel
        message = await channel.send(job_text.headline(job), nonce=f"{job.id}-a")
        thread = await self._open_thread(message, job, requester.permissions)
        post_id = channel.id if thread is None else thread.id
        return message, JobLocation(requester.guild_id, channel.id, post_id, message.id)

    async def _open_thread(
        self, message: discord.Message, job: Job, permissions: discord.Permissions
    ) -> discord.Thread | None:
        """Open a thread on the job's message; return None where there can be none."""
        may = all(getattr(permissions, name) for name in FOR_A_THREAD)
        has_threads = isinstance(message.channel, discord.TextChannel)
        if not (self._settings.discord.threads and may and has_threads):
            return None
        try:
            return await message.create_thread(
                name=job_text.thread_name(job.prompt), auto_archive_duration=_ARCHIVE_MINUTES
            )
        except discord.HTTPException as error:
            log.warning("no thread was opened", extra={"job": job.id, "cause": str(error)})
            return None
