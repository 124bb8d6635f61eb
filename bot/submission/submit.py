"""Turn a request into a job that is stored, announced in Discord and queued.

A request is checked before it is stored, and stored before it is announced.
"""

import asyncio
import logging
from dataclasses import dataclass, field, replace

import discord
from sqlalchemy.exc import DBAPIError

from bot.config import BotSettings
from bot.delivery.job_end import log_end
from bot.delivery.moderation_log import ModerationLog
from bot.delivery.reporter import Reporter
from bot.errors import RESTARTING, UserError
from bot.jobs.job import NEW_JOB, UNFINISHED, Job, JobLocation, JobOrigin
from bot.jobs.records import JobRecord
from bot.languages.message import Message
from bot.monitoring.call_counts import CallCount
from bot.picture_check import PictureCheck
from bot.scheduling.queue import GpuQueue
from bot.storage import Store
from bot.submission.places import is_spoiler_place
from bot.submission.policy import SubmissionPolicy
from bot.submission.questions import Questions
from bot.submission.requester import Requester
from bot.submission.sources import check_recipes_sources
from bot.submission.threads import JobThreads
from bot.timings import Timings
from bot.ui import job_text
from bot.ui.discord_errors import (
    NETWORK_ERRORS,
    bounded,
    describe,
    is_transient,
    wait_before_repeating,
)
from engine.recipes.kinds import AnyRecipe

log = logging.getLogger(__name__)

NEVER_ANNOUNCED = "it was never announced"
_LONGEST_PAUSE = 60.0
"""Maximum seconds between two attempts to announce a job."""
_DRAINING = Message(
    "I'm about to be restarted, so I take no new pictures at the moment. Please try again in a few "
    "minutes."
)
_NOT_STORED = Message(
    "I cannot store anything at the moment, so nothing was queued. The cause is in my log. Try "
    "again in a few minutes."
)
_UNCONFIRMED = Message(
    "My storage did not say if your job is stored. As soon as I know that it is, I announce it "
    "here and begin. If nothing comes in a few minutes, ask again."
)
_NO_ANSWER = Message(
    "Discord does not answer me at the moment. Your job is stored: I announce it here and begin as "
    "soon as Discord answers."
)


@dataclass(frozen=True)
class Queued:
    """A job that was accepted."""

    message: discord.Message
    """The message that announces it."""
    notice: Message | str = ""
    """A sentence about something that the user may not expect, or ""."""


@dataclass(frozen=True)
class JobSubmission:
    """Accepts jobs."""

    _settings: BotSettings
    _policy: SubmissionPolicy
    _store: Store
    _queue: GpuQueue
    _reporter: Reporter
    _pictures: PictureCheck
    _moderation_log: ModerationLog
    _timings: Timings = field(default_factory=Timings)
    _questions: Questions = field(default_factory=Questions)
    _admission: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    """The lock that keeps other jobs out between counting jobs and adding one."""
    _unannounced: asyncio.Queue[tuple[Requester, Job]] = field(
        default_factory=asyncio.Queue["tuple[Requester, Job]"], init=False
    )
    """Jobs of which no message is known yet, or not even whether they are stored."""

    async def submit(
        self,
        requester: Requester,
        prompt: str,
        recipes: tuple[AnyRecipe, ...],
        origin: JobOrigin = NEW_JOB,
    ) -> discord.Message:
        """Queue a job for the requester, and return the message that announces it.

        Raises `UserError` if the requester may not, the channel does not allow it, or the recipes
        exceed a limit, and `UnknownWordsError` if the models do not know words that are new.
        """
        try:
            job = await self._admit(requester, prompt, recipes, origin)
        except DBAPIError as error:
            log.error("a job could not be stored", extra={"cause": str(error.orig)})
            raise UserError(_NOT_STORED) from error
        return await self._announce_and_queue(requester, job)

    async def repeat(self, record: JobRecord) -> Job:
        """Store a job anew, of the same person in the same channel, and announce it later.

        Nothing is checked: it is the host who asks. Raises `DBAPIError` if it cannot be stored.
        """
        old, channel_id = record.job, record.channel_id
        assert channel_id is not None
        origin = JobOrigin(
            "rerun", old.id, spoiler=old.spoiler, keeps_best=old.keeps_best, has_new_words=False
        )
        async with self._admission:
            job = await self._store.jobs.add(
                *(old.author_id, old.prompt, old.recipes, origin),
                guild_id=old.guild_id,
                channel_id=channel_id,
                weight=old.weight,
                locale=old.locale,
                author_locale=old.author_locale,
            )
        self._announce_soon(job, channel_id)
        return job

    async def restore(self) -> None:
        """Continue the jobs that the last run of the program left, in their order."""
        records = await self._store.jobs.list_open(self._settings.discord.own_shards)
        steps, runs = await self._store.jobs.steps_stored(), await self._store.jobs.runs_stored()
        for record in records:
            if record.location is None:
                await self._announce_again(record)
                continue
            job_id = record.job.id
            self._track_and_queue(record, steps.get(job_id, 0), runs.get(job_id, ""))
            self._reporter.show(record, is_restored=True)
            if record.stop_requested:
                self._queue.stop(record.job.id)

    async def run(self) -> None:
        """Announce jobs for which Discord or the store gave no answer, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                tasks.create_task(self._announce_later(*await self._unannounced.get()))

    async def _admit(
        self, requester: Requester, prompt: str, recipes: tuple[AnyRecipe, ...], origin: JobOrigin
    ) -> Job:
        """Store a job if nothing forbids it."""
        if self._queue.closed:
            raise UserError(RESTARTING)
        if self._queue.draining:
            raise UserError(_DRAINING)
        guild = await self._policy.check(requester, prompt, recipes)
        with self._policy.noting_refusals(requester, prompt):
            await check_recipes_sources(self._pictures, requester, recipes)
        self._questions.check_words(requester, prompt, recipes, origin)
        if is_spoiler_place(guild, requester):
            origin = replace(origin, spoiler=True)
        job = None
        async with self._admission:
            try:
                async with self._store.admission():
                    await self._policy.check_quota(requester, guild, len(recipes))
                    job = await self._store.jobs.add(
                        requester.user_id,
                        prompt,
                        recipes,
                        origin,
                        guild_id=requester.guild_id,
                        channel_id=requester.channel.id,
                        weight=self._settings.queue.share(requester.roles),
                        locale=guild.language or requester.locale,
                        author_locale=requester.own_locale,
                    )
            except DBAPIError:
                if job is None or not await self._was_stored(requester, job):
                    raise
        return job

    async def _was_stored(self, requester: Requester, job: Job) -> bool:
        """Return whether a job is stored whose transaction failed at its end.

        The connection may have broken just before the end was confirmed. Raises `UserError` if the
        store does not answer soon: then the job is announced later, if it is there.
        """
        try:
            async with asyncio.timeout(self._timings.announce_seconds):
                return await self._store.jobs.is_stored(job)
        except TimeoutError as error:
            log.warning("a job was not confirmed", extra={"job": job.id})
            self._unannounced.put_nowait((requester, job))
            raise UserError(_UNCONFIRMED) from error

    async def _announce_and_queue(self, requester: Requester, job: Job) -> discord.Message:
        """Post a job's message, queue the job, and open its thread.

        If Discord refuses the message, the job ends; if it does not answer, the job waits until it
        does. Both raise `UserError`.
        """
        calls = CallCount()
        try:
            async with asyncio.timeout(self._timings.announce_seconds):
                with self._reporter.call_counts.counting(calls):
                    message = await self._announce(requester, job)
        except TimeoutError as error:
            self._unannounced.put_nowait((requester, job))
            raise UserError(_NO_ANSWER) from error
        except Exception as error:
            await self._abandon(job.id, str(error), calls)
            if not isinstance(error, discord.HTTPException):
                raise
            raise UserError(_refused_text(error)) from error
        await self._queue_announced(requester, job, message, calls)
        self._moderation_log.painted(job, message.jump_url)
        return message

    async def _announce(self, requester: Requester, job: Job) -> discord.Message:
        """Post a job's message; repeat that until Discord answers.

        Discord returns the same message if it had been posted before without an answer.
        """
        text = job_text.headline(job).in_language(job.language)
        pause = self._timings.post_pause
        while True:
            wait = pause
            try:
                return await bounded(requester.channel.send(text, nonce=f"{job.id}-a"))
            except (discord.HTTPException, *NETWORK_ERRORS) as error:
                if isinstance(error, discord.HTTPException) and not is_transient(error):
                    raise
                wait = wait_before_repeating(error, pause)
                cause = {"job": job.id, "cause": describe(error), "seconds": wait}
                log.warning("a job was not announced, trying again", extra=cause)
            await asyncio.sleep(wait)
            pause = min(_LONGEST_PAUSE, 2 * pause)

    async def _announce_later(self, requester: Requester, job: Job) -> None:
        """Announce and queue a job for which Discord or the store gave no answer yet."""
        calls = CallCount()
        try:
            if not await self._store.jobs.is_stored(job):
                log.warning("a job was not stored", extra={"job": job.id})
                return
            with self._reporter.call_counts.counting(calls):
                message = await self._announce(requester, job)
        except discord.HTTPException as error:
            await self._abandon(job.id, str(error), calls)
        except Exception:
            log.exception("a job was not announced", extra={"job": job.id})
        else:
            await self._queue_announced(requester, job, message, calls)
            self._moderation_log.painted(job, message.jump_url)

    async def _queue_announced(
        self, requester: Requester, job: Job, message: discord.Message, calls: CallCount
    ) -> None:
        """Queue a job, and report on it in a thread if there is one soon, else in the channel.

        `calls` are those to Discord that it has taken so far.
        """
        channel_id = requester.channel.id
        location = JobLocation(requester.guild_id, channel_id, channel_id, message.id)
        record = await self._store.jobs.set_location(job, location)
        if record is None:
            return
        extra = {
            "job": job.id,
            "person": job.author_id,
            "server": job.guild_id,
            "channel": channel_id,
            "kind": job.kind,
        }
        log.info("job accepted", extra=extra)
        runs = {} if job.parent_id is None else await self._store.jobs.runs_stored(job.id)
        self._track_and_queue(record, runs=runs.get(job.id, ""), calls=calls)
        threads = JobThreads(self._settings.discord.threads, self._store, self._timings)
        try:
            with self._reporter.call_counts.counting(calls):
                thread_id = await threads.open(message, job, requester.permissions)
            if thread_id is not None:
                moved = replace(location, post_id=thread_id)
                record = await self._store.jobs.set_location(job, moved) or record
        finally:
            self._reporter.show(record)

    def _track_and_queue(
        self,
        record: JobRecord,
        steps_done: int = 0,
        runs: str = "",
        calls: CallCount | None = None,
    ) -> None:
        """Report on a job, and queue it unless it has ended, for instance by a quick cancel."""
        self._reporter.track(record, calls)
        if record.state in UNFINISHED:
            self._queue.put(record.job, steps_done, runs)

    async def _announce_again(self, record: JobRecord) -> None:
        """Announce a job that the program stored but had no time to announce."""
        job, channel_id = record.job, record.channel_id
        if record.state not in UNFINISHED or channel_id is None:
            await self._abandon(job.id, NEVER_ANNOUNCED)
            return
        self._announce_soon(job, channel_id)

    def _announce_soon(self, job: Job, channel_id: int) -> None:
        """Announce and queue a job of which only the channel is known."""
        client, permissions = self._reporter.client, discord.Permissions.none()
        channel = client.get_channel(channel_id)
        if isinstance(channel, discord.TextChannel):  # where there can be a thread
            permissions = channel.permissions_for(channel.guild.me)
        else:
            channel = client.get_partial_messageable(channel_id, guild_id=job.guild_id)
        requester = Requester(job.author_id, job.guild_id, channel, permissions)
        self._unannounced.put_nowait((requester, job))

    async def _abandon(self, job_id: int, reason: str, calls: CallCount | None = None) -> None:
        """End a job that has no channel in which anyone could be notified."""
        await self._store.lifecycle.fail(job_id, reason)
        await self._store.lifecycle.mark_notified(job_id)
        log.warning("a job was not announced", extra={"job": job_id, "cause": reason})
        record = await self._store.jobs.get(job_id)
        if record is not None:
            log_end(record, calls=calls)


def _refused_text(error: discord.HTTPException) -> Message:
    return Message(
        "I could not post in this channel, so nothing was queued. Discord says: {reason}",
        reason=error.text or Message("error {code}", code=error.status),
    )
