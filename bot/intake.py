"""From an acknowledged command to a queued job: limits, store, message, thread, queue.

A command is checked before anything is stored, and stored before anybody is told that it waits.
"""

import logging

import discord

from bot import phrases
from bot.answers import RefusalError
from bot.jobs import Job, JobState, Place
from bot.queue import GpuQueue
from bot.reporter import Reporter
from bot.settings import Settings
from bot.store import Store
from engine.recipe import Recipe

log = logging.getLogger(__name__)

NEEDED = {
    "view_channel": "View Channel",
    "send_messages": "Send Messages",
    "attach_files": "Attach Files",
}
"""Permissions without which nothing can be shown, as Discord's settings name them."""
NEEDED_IN_THREADS = NEEDED | {"send_messages_in_threads": "Send Messages in Threads"}
FOR_A_THREAD = ("create_public_threads", "send_messages_in_threads")
_ARCHIVE_MINUTES = 1440
_MANY_THREADS = 160006

Channel = (
    discord.TextChannel
    | discord.VoiceChannel
    | discord.StageChannel
    | discord.Thread
    | discord.DMChannel
    | discord.GroupChannel
    | discord.PartialMessageable
)


class Intake:
    """Accepts jobs."""

    def __init__(
        self, settings: Settings, store: Store, queue: GpuQueue, reporter: Reporter
    ) -> None:
        self._settings = settings
        self._store = store
        self._queue = queue
        self._reporter = reporter

    async def accept(
        self,
        interaction: discord.Interaction,
        prompt: str,
        recipes: tuple[Recipe, ...],
    ) -> discord.Message:
        """Queue pictures for whoever gave a command, and return the job's message.

        Raises `RefusalError` if the person may not, or the place does not allow it.
        """
        channel = _channel(interaction)
        check_permissions(channel, interaction.app_permissions)
        await self._check_limits(interaction.user.id)
        job = await self._store.add(interaction.user.id, prompt, recipes)
        try:
            message = await self._post(channel, job)
        except discord.HTTPException as error:
            await self._store.set_state(job.id, JobState.FAILED, str(error))
            log.warning("a job's message was refused", extra={"job": job.id, "cause": str(error)})
            raise RefusalError(
                "I could not post in this channel, so nothing was queued. Discord says: "
                f"{error.text}"
            ) from error
        thread = await self._open_thread(message, job, interaction.app_permissions)
        guild_id = interaction.guild_id
        place = Place(guild_id, channel.id, channel.id if thread is None else thread.id, message.id)
        await self._store.set_place(job, place)
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

    async def _post(self, channel: Channel, job: Job) -> discord.Message:
        nonce = f"job-{job.id}"
        return await channel.send(phrases.headline(job), nonce=nonce)

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


def check_permissions(channel: Channel, permissions: discord.Permissions) -> None:
    """Raise `RefusalError`, naming what is missing, unless the bot can post pictures there."""
    if isinstance(channel, discord.DMChannel | discord.GroupChannel):
        return
    needed = NEEDED_IN_THREADS if isinstance(channel, discord.Thread) else NEEDED
    if isinstance(channel, discord.Thread):
        needed = {name: label for name, label in needed.items() if name != "send_messages"}
        if channel.locked:
            raise RefusalError("This thread is locked: I cannot post here.")
    missing = [label for name, label in needed.items() if not getattr(permissions, name)]
    if missing:
        raise RefusalError(
            "I cannot paint here: somebody who manages this server has to allow me "
            f"{' and '.join(missing)} in this channel."
        )


def _channel(interaction: discord.Interaction) -> Channel:
    channel = interaction.channel
    if channel is None or isinstance(channel, discord.ForumChannel | discord.CategoryChannel):
        raise RefusalError("I cannot post in this place. Try a text channel.")
    return channel


def _takes_threads(channel: Channel) -> bool:
    return isinstance(channel, discord.TextChannel)
