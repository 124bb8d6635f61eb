"""Delete a job's pictures from the store and its messages from Discord."""

import logging
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum

import discord

from bot.jobs.job import JobLocation, message_url
from bot.jobs.records import JobRecord
from bot.languages.catalogue import Language, language_of
from bot.languages.message import Message
from bot.storage import Store
from bot.ui.discord_errors import CALL_ERRORS, bounded

log = logging.getLogger(__name__)

_ARCHIVED = 50083
_ANONYMOUS_NAME = Message("removed")
"""The new name of a thread that was named after its prompt."""
_NOTICE_WITHIN = 20
"""Number of messages after a thread's start that are searched for Discord's notice about it."""


@dataclass
class Removal:
    """What became of the messages about a job."""

    deleted: int = 0
    undeleted: list[str] = field(default_factory=list[str])
    """Links to messages that could not be deleted."""
    kept: int = 0
    """Number of messages in channels in which none may be deleted."""


async def remove_job(
    client: discord.Client, store: Store, record: JobRecord, channel_ids: Collection[int]
) -> Removal:
    """Delete the pictures of a job that has ended, and the bot's messages about it.

    Only messages in the channels `channel_ids` are deleted; while others remain, the pictures do
    too. The job's thread is renamed but stays, because others may have written there.
    """
    job_id, messages = record.job.id, await _messages(store, record)
    may = {each: set(places) <= set(channel_ids) for each, places in messages.items()}
    if all(may.values()):
        await store.lifecycle.delete_pictures(job_id)
    if record.location is not None and record.location.post_id in channel_ids:
        await _rename_thread(client, record, record.location)
    removal = Removal(kept=len(messages) - sum(may.values()))
    for message_id in filter(may.__getitem__, messages):
        outcome = await _delete(client, record, message_id, messages[message_id])
        removal.deleted += outcome is _Outcome.DELETED
        if outcome is _Outcome.UNDELETED:
            url = message_url(record.job.guild_id, messages[message_id][0], message_id)
            removal.undeleted.append(url)
        else:
            await store.jobs.remove_post(message_id)
    counts = {"messages": removal.deleted, "undeleted": len(removal.undeleted)}
    extra = {"job": job_id, "kept": removal.kept, **counts}
    log.info("a job's messages were deleted", extra=extra)
    return removal


async def _rename_thread(client: discord.Client, record: JobRecord, location: JobLocation) -> None:
    """Remove the prompt from the name of a job's thread, if it has one; log a failure."""
    if not location.has_thread:
        return
    try:
        channel_id, language = location.channel_id, record.job.language
        await anonymize_thread(client, channel_id, location.post_id, language)
    except CALL_ERRORS as error:
        cause = {"job": record.job.id, "cause": str(error)}
        log.warning("a thread could not be renamed", extra=cause)


class _Outcome(Enum):
    DELETED = "deleted"
    GONE = "gone before"
    UNDELETED = "could not be deleted"


async def _messages(store: Store, record: JobRecord) -> dict[int, list[int]]:
    """Map the messages about a job to the channels in which each may be.

    Those with the buttons, which are the oldest, come last, so that deleting can be repeated after
    a crash.
    """
    messages: dict[int, list[int]] = {}
    location = record.location
    likely = [] if location is None else [location.post_id, location.channel_id]
    if location is not None:
        messages[location.message_id] = [location.channel_id]
        if record.progress_id is not None:
            messages[record.progress_id] = [location.post_id]
    for post in await store.jobs.posts(record.job.id):
        messages[post.message_id] = likely if post.channel_id is None else [post.channel_id]
    return dict(sorted(messages.items(), reverse=True))


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
        await bounded(message.delete())
    except discord.HTTPException as error:
        if error.code != _ARCHIVED:
            raise
        await bounded(client.http.edit_channel(channel_id, archived=False))
        await bounded(message.delete())


async def anonymize_thread(
    client: discord.Client, channel_id: int, thread_id: int, language: Language | None = None
) -> None:
    """Remove the prompt from a thread's name and from Discord's notice about the thread.

    The new name is in a language, by default that of the server on Discord.
    Raises the errors of `delete_message`. An archived thread is reopened.
    """
    name = _ANONYMOUS_NAME.in_language(language or _server_language(client, channel_id))
    with suppress(discord.NotFound):  # the notice can outlive the thread
        await bounded(client.http.edit_channel(thread_id, name=name, archived=False))
    channel = client.get_partial_messageable(channel_id)
    start = discord.Object(thread_id)  # a thread has the id of its first message
    async for message in channel.history(after=start, limit=_NOTICE_WITHIN, oldest_first=True):
        if message.type is not discord.MessageType.thread_created or message.reference is None:
            continue
        # Discord documents that the notice refers to the thread; its message has the same id.
        if thread_id in (message.reference.channel_id, message.reference.message_id):
            await bounded(message.delete())


def _server_language(client: discord.Client, channel_id: int) -> Language:
    guild: discord.Guild | None = getattr(client.get_channel(channel_id), "guild", None)
    return language_of(None if guild is None else guild.preferred_locale.value)
