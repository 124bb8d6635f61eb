"""Delete a job's pictures from the store and its messages from Discord."""

import logging
from contextlib import suppress
from enum import Enum

import discord

from bot.jobs.job import message_url
from bot.jobs.records import JobRecord
from bot.storage import Store
from bot.ui.discord_errors import CALL_ERRORS

log = logging.getLogger(__name__)

_ARCHIVED = 50083
_ANONYMOUS_NAME = "removed"
"""The new name of a thread that was named after its prompt."""
_NOTICE_WITHIN = 20
"""Number of messages after a thread's start that are searched for Discord's notice about it."""


async def remove_job(
    client: discord.Client, store: Store, record: JobRecord
) -> tuple[int, list[str]]:
    """Delete the pictures of a job that has ended, and the bot's messages about it.

    Its thread is renamed but stays, because others may have written there. Returns the number of
    messages that were deleted, and links to those that could not be.
    """
    job_id = record.job.id
    await store.lifecycle.delete_pictures(job_id)
    if record.location is not None and record.location.has_thread:
        try:
            await anonymize_thread(client, record.location.channel_id, record.location.post_id)
        except CALL_ERRORS as error:
            cause = {"job": job_id, "cause": str(error)}
            log.warning("a thread could not be renamed", extra=cause)
    deleted = 0
    undeleted: list[str] = []
    # The message with the buttons comes last, so that deleting can be repeated after a crash.
    for message_id, channel_ids in (await _messages(store, record)).items():
        outcome = await _delete(client, record, message_id, channel_ids)
        deleted += outcome is _Outcome.DELETED
        if outcome is _Outcome.UNDELETED:
            undeleted.append(message_url(record.job.guild_id, channel_ids[0], message_id))
        else:
            await store.jobs.remove_post(message_id)
    counts = {"messages": deleted, "undeleted": len(undeleted)}
    log.info("a job's messages were deleted", extra={"job": job_id, **counts})
    return deleted, undeleted


class _Outcome(Enum):
    DELETED = "deleted"
    GONE = "gone before"
    UNDELETED = "could not be deleted"


async def _messages(store: Store, record: JobRecord) -> dict[int, list[int]]:
    """Map the messages about a job to the channels in which each may be."""
    messages: dict[int, list[int]] = {}
    location = record.location
    likely = [] if location is None else [location.post_id, location.channel_id]
    if location is not None:
        messages[location.message_id] = [location.channel_id]
        if record.progress_id is not None:
            messages[record.progress_id] = [location.post_id]
    for post in await store.jobs.posts(record.job.id):
        messages[post.message_id] = likely if post.channel_id is None else [post.channel_id]
    return messages


async def _delete(
    client: discord.Client, record: JobRecord, message_id: int, channel_ids: list[int]
) -> _Outcome:
    """Delete a message from the first of the channels that has it."""
    for channel_id in channel_ids:
        try:
            await delete_message(client, channel_id, message_id)
        except discord.NotFound:
            continue
        except CALL_ERRORS as error:
            cause = {"job": record.job.id, "cause": str(error)}
            log.warning("a message could not be deleted", extra=cause)
            return _Outcome.UNDELETED
        return _Outcome.DELETED
    return _Outcome.GONE


async def delete_message(client: discord.Client, channel_id: int, message_id: int) -> None:
    """Delete a message of the bot; an archived thread is reopened first.

    Raises `discord.NotFound` if it is gone, other `discord.HTTPException` or a network error.
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
    """Remove the prompt from a thread's name and from Discord's notice about the thread.

    Raises the errors of `delete_message`. An archived thread is reopened.
    """
    with suppress(discord.NotFound):  # the notice can outlive the thread
        await client.http.edit_channel(thread_id, name=_ANONYMOUS_NAME, archived=False)
    channel = client.get_partial_messageable(channel_id)
    start = discord.Object(thread_id)  # a thread has the id of its first message
    async for message in channel.history(after=start, limit=_NOTICE_WITHIN, oldest_first=True):
        if message.type is not discord.MessageType.thread_created or message.reference is None:
            continue
        # Discord documents that the notice refers to the thread; its message has the same id.
        if thread_id in (message.reference.channel_id, message.reference.message_id):
            await message.delete()
