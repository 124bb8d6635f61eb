"""From what somebody asked for to a queued job: limits, store, message, thread, queue.

What is asked is checked before anything is stored, and stored before anybody is told that it waits.
"""

import asyncio
import logging

import aiohttp
import discord

from bot import phrases
from bot.answers import RESTARTING, RefusalError
from bot.asker import Asker, Channel
from bot.jobs import Job, JobState, Place
from bot.queue import GpuQueue
from bot.reporter import Reporter
from bot.settings import LimitSettings, Settings
from bot.store import Store
from engine.recipe import Recipe

log = logging.getLogger(__name__)

NEEDED = {
    "view_channel": "View Channel",
    "send_messages": "Send Messages",
    "attach_files": "Attach Files",
}
"""Permissions without which nothing can be shown, as Discord's settings name them."""
NEEDED_IN_THREADS = {
    "view_channel": "View Channel",
    "send_messages_in_threads": "Send Messages in Threads",
    "attach_files": "Attach Files",
}
FOR_A_THREAD = ("create_public_threads", "send_messages_in_threads")
FOR_REPLIES = ("read_message_history",)
INVITE = discord.Permissions(**dict.fromkeys((*NEEDED, *FOR_A_THREAD, *FOR_REPLIES), True))
"""What the bot asks for when it is invited."""
_ARCHIVE_MINUTES = 1440


class Intake:
    """Accepts jobs."""

    def __init__(
        self, settings: Settings, store: Store, queue: GpuQueue, reporter: Reporter
    ) -> None:
        self._settings = settings
        self._store = store
        self._queue = queue
        self._reporter = reporter
        self._admission = asyncio.Lock()
        """Between counting a person's jobs and adding one, nobody else adds any."""

    async def accept(
        self, asker: Asker, prompt: str, recipes: tuple[Recipe, ...]
    ) -> discord.Message:
        """Queue pictures for whoever asked for them, and return the job's message.

        Raises `RefusalError` if the person may not, the place does not allow it, or the recipes
        ask for too much.
        """
        if self._queue.closed:
            raise RefusalError(RESTARTING)
        check_recipes(recipes, self._settings.limits)
        check_permissions(asker.channel, asker.permissions)
        async with self._admission:
            await self._check_limits(asker.user_id)
            job = await self._store.add(asker.user_id, prompt, recipes)
        try:
            message, place = await self._announce(asker, job)
        except Exception as error:
            await self._store.set_state(job.id, JobState.FAILED, str(error))
            log.warning("a job was not announced", extra={"job": job.id, "cause": str(error)})
            if not isinstance(error, discord.HTTPException | aiohttp.ClientError | OSError):
                raise
            raise RefusalError(
                "I could not post in this channel, so nothing was queued. Discord says: "
                f"{getattr(error, 'text', '') or 'no answer'}"
            ) from error
        self.enqueue(job, place)
        log.info("job accepted", extra={"job": job.id, "author": job.author_id})
        return message

    def enqueue(self, job: Job, place: Place) -> None:
        """Put a job that is stored, and has its place, into the queue."""
        self._reporter.follow(job, place)
        self._queue.put(job)

    async def resume(self) -> None:
        """Queue again, in their order, the jobs that an earlier run of the program left."""
        for job, place in await self._store.unfinished():
            if place is None:
                await self._store.set_state(job.id, JobState.FAILED, "it was never announced")
            else:
                self.enqueue(job, place)

    async def _check_limits(self, author_id: int) -> None:
        limits = self._settings.limits
        if await self._store.count_unfinished(author_id) >= limits.jobs_per_person:
            raise RefusalError(
                f"You have {limits.jobs_per_person} jobs waiting or running, which is the most "
                "at a time. Wait until one is done."
            )
        if await self._store.count_unfinished() >= limits.jobs:
            raise RefusalError("The queue is full. Try again in a while.")

    async def _announce(self, asker: Asker, job: Job) -> tuple[discord.Message, Place]:
        """Post the job's message, open its thread, and remember where they are."""
        channel = asker.channel
        message = await channel.send(phrases.headline(job))
        thread = await self._open_thread(message, job, asker.permissions)
        post_id = channel.id if thread is None else thread.id
        place = Place(asker.guild_id, channel.id, post_id, message.id)
        await self._store.set_place(job, place)
        return message, place

    async def _open_thread(
        self, message: discord.Message, job: Job, permissions: discord.Permissions
    ) -> discord.Thread | None:
        """A thread on the job's message; None where there can be none."""
        may = all(getattr(permissions, name) for name in FOR_A_THREAD)
        if not (self._settings.discord.threads and may and _takes_threads(message.channel)):
            return None
        try:
            return await message.create_thread(
                name=phrases.thread_name(job.prompt), auto_archive_duration=_ARCHIVE_MINUTES
            )
        except discord.HTTPException as error:
            log.warning("no thread was opened", extra={"job": job.id, "cause": str(error)})
            return None


def check_recipes(recipes: tuple[Recipe, ...], limits: LimitSettings) -> None:
    """Raise `RefusalError`, naming the limit, if a command's recipes ask for too much."""
    if len(recipes) > limits.count:
        raise RefusalError(
            f"At most {limits.count} variations are allowed here, not {len(recipes)}."
        )
    steps = max(recipe.total_steps for recipe in recipes)
    if steps > limits.steps:
        raise RefusalError(
            f"At most {limits.steps} steps are allowed here, not {steps}. Choose fewer with "
            "`steps`."
        )


def check_permissions(channel: Channel, permissions: discord.Permissions) -> None:
    """Raise `RefusalError`, naming what is missing, unless the bot can post pictures there."""
    if isinstance(channel, discord.DMChannel | discord.GroupChannel):
        return
    is_thread = isinstance(channel, discord.Thread)
    if is_thread and channel.locked:
        raise RefusalError("This thread is locked: I cannot post here.")
    needed = NEEDED_IN_THREADS if is_thread else NEEDED
    missing = [label for name, label in needed.items() if not getattr(permissions, name)]
    if missing:
        raise RefusalError(
            "I cannot paint here: somebody who manages this server has to allow me "
            f"{' and '.join(missing)} in this channel."
        )


def _takes_threads(channel: Channel) -> bool:
    return isinstance(channel, discord.TextChannel)
