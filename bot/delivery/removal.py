"""Removal: a job's pictures, from the store and from Discord."""

import logging
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

import discord

from bot.jobs.job import message_url
from bot.jobs.records import JobRecord
from bot.storage import Store
from bot.ui.discord_errors import CALL_ERRORS

log = logging.getLogger(__name__)

_ARCHIVED = 50083
_NAME = "removed"
"""Of a thread, which was named by the prompt."""
_NEAR = 20
"""Messages after a job's own, among which Discord's notice of its thread is."""


@dataclass(frozen=True)
class DeletionResult:
    """What came of a removal."""

    messages: int
    """How many were deleted."""
    undeleted: tuple[str, ...]
    """Links to the messages that could not be deleted."""


async def remove_job(client: discord.Client, store: Store, record: JobRecord) -> DeletionResult:
    """Forget the pictures of a job that has ended, and delete the bot's messages about it.

    Its thread stays, without the prompt: others may have written there.
    """
    job_id = record.job.id
    await store.lifecycle.delete_pictures(job_id)
    if record.location is not None and record.location.has_thread:
        try:
            await anonymize_thread(client, record.location.channel_id, record.location.post_id)
        except CALL_ERRORS as error:
            cause = {"job": job_id, "cause": str(error)}
            log.warning("a thread's name could not be cleared", extra=cause)
    removed, left = 0, []
    # The one with the buttons comes last: if the program ends before, it can be pressed again.
    for message_id, channel_ids in (await _messages(store, record)).items():
        outcome = await _delete(client, record, message_id, channel_ids)
        removed += outcome is _Outcome.DELETED
        if outcome is _Outcome.LEFT:
            left.append(message_url(record.job.guild_id, channel_ids[0], message_id))
        else:
            await store.jobs.remove_post(message_id)
    log.info("job removed", extra={"job": job_id, "messages": removed, "left": len(left)})
    return DeletionResult(removed, tuple(left))


class _Outcome(Enum):
    DELETED = "deleted"
    GONE = "gone before"
    LEFT = "could not be deleted"


async def _messages(store: Store, record: JobRecord) -> dict[int, list[int]]:
    """The messages about a job, and the channels in which each may be."""
    messages: dict[int, list[int]] = {}
    place = record.location
    if place is not None:
        messages[place.message_id] = [place.channel_id]
        if record.progress_id is not None:
            messages[record.progress_id] = [place.post_id]
    for post in await store.jobs.posts(record.job.id):
        places = [] if place is None else [place.post_id, place.channel_id]
        messages[post.message_id] = [post.channel_id] if post.channel_id is not None else places
    return messages


async def _delete(
    client: discord.Client, record: JobRecord, message_id: int, channel_ids: list[int]
) -> _Outcome:
    """Delete a message, wherever it is."""
    for channel_id in channel_ids:
        try:
            await delete_message(client, channel_id, message_id)
        except discord.NotFound:
            continue
        except CALL_ERRORS as error:
            cause = {"job": record.job.id, "cause": str(error)}
            log.warning("a message could not be deleted", extra=cause)
            return _Outcome.LEFT
        return _Outcome.DELETED
    return _Outcome.GONE


async def delete_message(client: discord.Client, channel_id: int, message_id: int) -> None:
    """Delete a message of the bot's; a thread that is archived is opened for that.

    Raises `discord.HTTPException`, which is `discord.NotFound` if it is gone, or what a connection
    raises.
    """
    message = client.get_partial_messageable(channel_id).get_partial_message(message_id)
    try:
        await message.delete()
    except discord.HTTPException as error:
        if error.code != _ARCHIVED:
            raise
        await client.http.edit_channel(channel_id, archived=False)
        await message.delete()


async def anonymize_thread(client: discord.Client, channel_id: int, thread_id: int) -> None:
    """Take the prompt from a thread's name, and from what Discord says of it in its channel.

    Raises like `delete_message`. The thread is open afterwards.
    """
    with suppress(discord.NotFound):  # what Discord says of it can outlive it
        await client.http.edit_channel(thread_id, name=_NAME, archived=False)
    channel = client.get_partial_messageable(channel_id)
    start = discord.Object(thread_id)  # the thread has the id of the message that it hangs on
    async for message in channel.history(after=start, limit=_NEAR, oldest_first=True):
        if message.type is not discord.MessageType.thread_created or message.reference is None:
            continue
        # Discord documents that it refers to the thread; the message has the same id.
        if thread_id in (message.reference.channel_id, message.reference.message_id):
            await message.delete()
