"""Removal: a job's pictures, from the store and from Discord."""

import logging
from dataclasses import dataclass

import aiohttp
import discord

from bot.jobs import message_url
from bot.records import JobRecord
from bot.store import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Removal:
    """What came of it."""

    removed: int
    """How many messages were deleted."""
    left: tuple[str, ...]
    """Links to the messages that could not be deleted."""
    forgotten: bool
    """Whether there were pictures in the store."""


async def remove_job(client: discord.Client, store: Store, record: JobRecord) -> Removal:
    """Forget the pictures of a job that has ended, and delete the bot's messages about it.

    Its thread stays: others may have written there.
    """
    job_id = record.job.id
    forgotten = await store.forget_pictures(job_id)
    removed, left = 0, []
    # The one with the buttons comes last: if the program ends before, it can be pressed again.
    for message_id, channel_ids in (await _messages(store, record)).items():
        if await _delete(client, record, message_id, channel_ids):
            await store.remove_post(message_id)
            removed += 1
        else:
            left.append(message_url(record.job.guild_id, channel_ids[0], message_id))
    log.info("job removed", extra={"job": job_id, "messages": removed, "left": len(left)})
    return Removal(removed, tuple(left), forgotten)


async def _messages(store: Store, record: JobRecord) -> dict[int, list[int]]:
    """The messages about a job, and the channels in which each may be."""
    messages: dict[int, list[int]] = {}
    place = record.place
    if place is not None:
        messages[place.message_id] = [place.channel_id]
        if record.progress_id is not None:
            messages[record.progress_id] = [place.post_id]
    for post in await store.posts(record.job.id):
        places = [] if place is None else [place.post_id, place.channel_id]
        messages[post.message_id] = [post.channel_id] if post.channel_id is not None else places
    return messages


async def _delete(
    client: discord.Client, record: JobRecord, message_id: int, channel_ids: list[int]
) -> bool:
    """Delete a message; say whether it is gone now."""
    for channel_id in channel_ids:
        channel = client.get_partial_messageable(channel_id, guild_id=record.job.guild_id)
        try:
            await channel.get_partial_message(message_id).delete()
        except discord.NotFound:
            continue
        except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
            cause = {"job": record.job.id, "cause": str(error)}
            log.warning("a message could not be deleted", extra=cause)
            return False
        return True
    return True
