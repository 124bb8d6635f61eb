"""Find the pictures that a message is about, whichever of a job's messages it is."""

import discord

from bot.errors import UserError
from bot.jobs.job import UNFINISHED
from bot.jobs.records import JobRecord
from bot.languages.message import Message
from bot.storage import Store
from bot.ui.discord_errors import CALL_ERRORS, bounded
from bot.ui.uploads import is_own, pictures_in

_UNFINISHED = Message(
    "This picture isn't finished yet. Wait until I post it, or press *Stop here* to get it as it "
    "is now. Then use the message with the picture."
)
_NO_PICTURE = Message(
    "I don't find this job's picture any more. Use a message that holds the picture itself, or "
    "attach it to `/edit`."
)


async def message_with_pictures(
    client: discord.Client, store: Store, message: discord.Message
) -> discord.Message:
    """Return the message with a job's pictures, if the message is another one about the job.

    All other messages are returned as they are. Raises `UserError` if there is no picture yet, or
    none any more.
    """
    if not is_own(message) or pictures_in(message):
        return message
    record = await store.jobs.by_message(message.id)
    if record is None:
        return message
    if record.state in UNFINISHED:
        raise UserError(_UNFINISHED)
    for channel_id, message_id in await _results(store, record):
        found = await _fetched(client, channel_id, message_id)
        if found is not None and pictures_in(found):
            return found
    raise UserError(_NO_PICTURE)


async def _results(store: Store, record: JobRecord) -> list[tuple[int, int]]:
    """Return the channels and ids of a job's results, where it was announced."""
    place = record.location
    if place is None:
        return []
    posts = await store.jobs.posts(record.job.id)
    return [
        (place.post_id if each.channel_id is None else each.channel_id, each.message_id)
        for each in posts
        if each.channel_id in (None, place.post_id, place.channel_id)
    ]


async def _fetched(
    client: discord.Client, channel_id: int, message_id: int
) -> discord.Message | None:
    try:
        channel = client.get_channel(channel_id) or await client.fetch_channel(channel_id)
        if isinstance(channel, discord.abc.Messageable):
            return await bounded(channel.fetch_message(message_id))
    except CALL_ERRORS:
        pass
    return None
