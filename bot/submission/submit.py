"""From what somebody asked for to a queued job: limits, store, message, thread, queue.

What is asked is checked before anything is stored, and stored before anybody is told that it waits.
"""

import asyncio
import logging
from contextlib import suppress

import aiohttp
import discord
from sqlalchemy.exc import DBAPIError

from bot.config import BotSettings
from bot.delivery.reporter import Reporter
from bot.errors import RESTARTING, UserError
from bot.jobs.job import UNFINISHED, Job, JobLocation
from bot.jobs.records import JobRecord
from bot.scheduling.queue import GpuQueue
from bot.storage import Store, retrying
from bot.submission.permissions import FOR_A_THREAD, check_permissions
from bot.submission.policy import SubmissionPolicy
from bot.submission.requester import Channel, Requester
from bot.ui import job_text
from engine.recipes.recipe import Recipe

log = logging.getLogger(__name__)

NEVER_ANNOUNCED = "it was never announced"
_ARCHIVE_MINUTES = 1440
_NOT_STORED = (
    "I cannot store anything at the moment, so nothing was queued, and whoever runs me finds the "
    "cause in the log. Try again in a few minutes."
)


class JobSubmission:
    """Accepts jobs."""

    def __init__(
        self,
        settings: BotSettings,
        rules: SubmissionPolicy,
        store: Store,
        queue: GpuQueue,
        reporter: Reporter,
    ) -> None:
        self._settings = settings
        self._rules = rules
        self._store = store
        self._queue = queue
        self._reporter = reporter
        self._admission = asyncio.Lock()
        """Between counting a person's jobs and adding one, nobody else adds any."""

    async def submit(
        self,
        asker: Requester,
        prompt: str,
        recipes: tuple[Recipe, ...],
        *,
        kind: str = "imagine",
        parent_id: int | None = None,
        goes_on: bool = False,
        picture: int | None = None,
    ) -> discord.Message:
        """Queue pictures for whoever asked for them, and return the job's message.

        `kind` says how they came about, `parent_id` from which job. One that `goes_on` starts from
        its parent's last checkpoints, which must be of the same recipes, as far as those go; with
        `picture`, from that of this one, for a single recipe.

        Raises `UserError` if the person may not, the place does not allow it, or the recipes
        ask for too much.
        """
        if self._queue.closed:
            raise UserError(RESTARTING)
        check_permissions(asker.channel, asker.permissions)
        try:
            await self._rules.check(asker, prompt, recipes)
            async with self._admission:
                await self._rules.check_usage(asker, len(recipes))
                job = await self._store.jobs.add(
                    asker.user_id,
                    prompt,
                    recipes,
                    guild_id=asker.guild_id,
                    channel_id=asker.channel.id,
                    weight=self._settings.queue.share(asker.roles),
                    kind=kind,
                    parent_id=parent_id,
                    goes_on=goes_on,
                    picture=picture,
                )
        except DBAPIError as error:
            log.error("a job could not be stored", extra={"cause": str(error.orig)})
            raise UserError(_NOT_STORED) from error
        message = await self._announce_or_fail(asker, job)
        log.info("job accepted", extra={"job": job.id, "author": job.author_id})
        return message

    async def restore(self) -> None:
        """Go on with the jobs that an earlier run of the program left, in their order."""
        records = await self._store.jobs.list_open()
        steps_kept = await self._store.jobs.steps_stored()
        for record in records:
            job = record.job
            if record.location is None:
                await self._reannounce(record)
                continue
            self._reporter.track(record)
            if record.state in UNFINISHED:
                self._queue.put(job, steps_kept.get(job.id, 0))
            if record.stop_requested:
                self._queue.stop(job.id)

    async def _announce_or_fail(self, asker: Requester, job: Job) -> discord.Message:
        """Post a job's message and queue it; if that is not possible, the job has ended."""
        try:
            message, place = await self._announce(asker, job)
        except Exception as error:
            await self._abandon(job.id, str(error))
            if not isinstance(error, discord.HTTPException | aiohttp.ClientError | OSError):
                raise
            raise UserError(
                "I could not post in this channel, so nothing was queued. Discord says: "
                f"{getattr(error, 'text', '') or 'no answer'}"
            ) from error
        await retrying(self._store.jobs.set_location)(job, place)
        await self._enqueue(job.id)
        return message

    async def _enqueue(self, job_id: int) -> None:
        record = await retrying(self._store.jobs.get)(job_id)
        if record is None:
            return
        self._reporter.track(record)
        if record.state in UNFINISHED:  # nobody has cancelled it so soon
            self._queue.put(record.job)

    async def _reannounce(self, record: JobRecord) -> None:
        """Announce a job that the program had no time to announce, where it was asked for.

        The message is the same one if it had been posted a moment before.
        """
        job, channel_id = record.job, record.channel_id
        if record.state not in UNFINISHED or channel_id is None:
            await self._abandon(job.id, NEVER_ANNOUNCED)
            return
        channel = self._reporter.client.get_partial_messageable(channel_id, guild_id=job.guild_id)
        asker = Requester(job.author_id, job.guild_id, channel, discord.Permissions.none())
        with suppress(UserError):
            await self._announce_or_fail(asker, job)

    async def _abandon(self, job_id: int, reason: str) -> None:
        """End a job that has no place where anybody could be told about it."""
        await self._store.lifecycle.fail(job_id, reason)
        await self._store.lifecycle.mark_notified(job_id)
        log.warning("a job was not announced", extra={"job": job_id, "cause": reason})

    async def _announce(self, asker: Requester, job: Job) -> tuple[discord.Message, JobLocation]:
        """Post the job's message and open its thread."""
        channel = asker.channel
        message = await channel.send(job_text.headline(job), nonce=f"{job.id}-a")
        thread = await self._open_thread(message, job, asker.permissions)
        post_id = channel.id if thread is None else thread.id
        return message, JobLocation(asker.guild_id, channel.id, post_id, message.id)

    async def _open_thread(
        self, message: discord.Message, job: Job, permissions: discord.Permissions
    ) -> discord.Thread | None:
        """A thread on the job's message; None where there can be none."""
        may = all(getattr(permissions, name) for name in FOR_A_THREAD)
        if not (self._settings.discord.threads and may and _takes_threads(message.channel)):
            return None
        try:
            return await message.create_thread(
                name=job_text.thread_name(job.prompt), auto_archive_duration=_ARCHIVE_MINUTES
            )
        except discord.HTTPException as error:
            log.warning("no thread was opened", extra={"job": job.id, "cause": str(error)})
            return None


def _takes_threads(channel: Channel) -> bool:
    return isinstance(channel, discord.TextChannel)
