"""Post the end of a job to Discord, at least once.

The end is posted in the job's thread, else in the channel, else as a direct message: in the first
of these places that accepts it. Its first message takes the place of the progress. An edit of a
known message can be repeated; a new message has a nonce, under which Discord posts it once, and
each message that shows a result is recorded, so that an interrupted end continues where it was.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import discord

from bot.delivery.calls import TOO_OLD, RefusedError
from bot.delivery.job_messages import JobMessage, JobMessages
from bot.jobs.job import Job, JobLocation, message_url
from bot.jobs.records import Post
from bot.languages.message import Message
from bot.storage import Store, retrying
from bot.timings import Timings
from bot.ui.channels import is_age_restricted
from bot.ui.formatting import with_small_print

log = logging.getLogger(__name__)

IN_CHANNEL, COPY = 0, -1
"""The numbers under which the announcement, and the author's copy, are recorded as posts."""
_ELSEWHERE = Message("I can no longer post where you asked for this, so I am posting it here.")


@dataclass(frozen=True)
class _Place:
    """A channel in which the end of a job can be posted."""

    channel_id: int | None
    """None for direct messages to the author."""
    shown_id: int | None = None
    """The message about the job that is there already."""
    suffix: str = ""
    """The end of nonces there: Discord compares nonces across channels."""


class JobPoster:
    """Posts the end of one job.

    Temporary failures are repeated for ever. What shows files raises `TooLargeError` if one of them
    has to be smaller; the call can then be repeated with other files.
    """

    def __init__(
        self,
        client: discord.Client,
        job: Job,
        location: JobLocation,
        store: Store,
        timings: Timings,
        progress_id: int | None,
    ) -> None:
        self._client = client
        self._job = job
        self._location = location
        self._store = store
        self._messages = JobMessages(client, job, timings)
        self._progress_id = progress_id

    @property
    def location(self) -> JobLocation:
        """Where the job's messages are."""
        return self._location

    @property
    def file_limit(self) -> int:
        """Maximum size of a file in bytes at the job's location."""
        guild = self._client.get_guild(self._location.guild_id or 0)
        return guild.filesize_limit if guild else discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES

    @property
    def is_age_restricted(self) -> bool:
        """Whether the channel is known to be for adults only."""
        return is_age_restricted(self._client.get_channel(self._location.channel_id))

    async def post(self, messages: Sequence[JobMessage], *, ping: bool) -> str | None:
        """Post the end in the first place that accepts it; return its URL, or None.

        With `ping`, the first message is a new one that mentions the author. Without it, and as a
        last resort, it is an edit of the message that showed the progress, which pings nobody.
        """
        first, *others = messages
        elsewhere = [replace(first, text=with_small_print(first.text, _ELSEWHERE)), *others]
        attempts = [(place, ping) for place in self._places()]
        if ping:
            attempts += [(place, False) for place in self._places() if place.shown_id is not None]
        for place, mention in attempts:
            content = messages if place.channel_id == self._location.post_id else elsewhere
            try:
                return await self._post_all(place, content, mention=mention)
            except RefusedError as error:
                self._log("a result was refused", error)
        return None

    async def show_in_channel(self, message: JobMessage) -> None:
        """Show the end in the announcement too, unless it was posted in the same channel."""
        location = self._location
        if await self._is_in_channel():
            return
        nonce = f"{self._job.id}-0-c"
        try:  # a moderator may have deleted the announcement, so only an old one is replaced
            message_id = await self._messages.show(
                location.channel_id, location.message_id, message, nonce, replaceable=(TOO_OLD,)
            )
        except RefusedError as error:
            self._log("the announcement could not show the result", error)
        else:
            await self._record(location.channel_id, message_id, IN_CHANNEL)

    async def send_copy(self, message: JobMessage) -> None:
        """Send the author a direct message, if they accept any and have none about the end yet."""
        try:
            channel_id = await self._messages.direct_channel()
            if any(each.channel_id == channel_id for each in await self._posts()):
                return
            message_id = await self._messages.send(channel_id, message, f"{self._job.id}-m")
        except RefusedError as error:
            self._log("a copy was refused", error)
        else:
            await self._record(channel_id, message_id, COPY)

    async def close(self, progress: JobMessage, announcement: JobMessage) -> None:
        """Edit the messages of a job that ended without a result."""
        location = self._location
        known = {location.message_id: (location.channel_id, announcement)}
        if location.has_thread and self._progress_id is not None:
            known[self._progress_id] = (location.post_id, progress)
        for message_id, (channel_id, message) in known.items():
            try:
                await self._messages.edit(channel_id, message_id, message)
            except RefusedError as error:
                self._log("the end of a job was refused", error)
                await self._delete({message_id} - {location.message_id})
        await self._delete({self._progress_id} - known.keys())

    async def remove_replaced(self) -> None:
        """Delete the messages in whose place the end was posted."""
        known = {self._progress_id}
        if await self._is_in_channel():
            known.add(self._location.message_id)
        await self._delete(known - {each.message_id for each in await self._posts()})

    def _places(self) -> list[_Place]:
        location = self._location
        places = [_Place(location.post_id, self._progress_id)]
        if location.has_thread:
            places.append(_Place(location.channel_id, location.message_id, "-c"))
        return [*places, _Place(None, suffix="-d")]

    async def _post_all(
        self, place: _Place, messages: Sequence[JobMessage], *, mention: bool
    ) -> str:
        """Post those messages that are not there yet; return the URL of the first one."""
        channel_id = place.channel_id
        if channel_id is None:
            channel_id = await self._messages.direct_channel()
        posts = await self._posts()
        there = {each.number: each.message_id for each in posts if each.channel_id == channel_id}
        shown_id = None if mention else place.shown_id
        for number, message in enumerate(messages, 1):
            if number in there:
                continue
            there[number] = await self._messages.show(
                channel_id,
                shown_id if number == 1 else None,
                message,
                f"{self._job.id}-{number}{place.suffix}",
                mention=mention and number == 1,
            )
            await self._record(channel_id, there[number], number)
        guild_id = self._location.guild_id if place.channel_id is not None else None
        return message_url(guild_id, channel_id, there[1])

    async def _delete(self, message_ids: Collection[int | None]) -> None:
        """Delete messages about the job; log a failure."""
        location = self._location
        for each in message_ids:
            if each is None:
                continue
            is_announcement = each == location.message_id
            place = location.channel_id if is_announcement else location.post_id
            try:
                await self._messages.delete(place, each)
            except RefusedError as error:
                self._log("a replaced message could not be deleted", error)

    async def _is_in_channel(self) -> bool:
        """Return True if the end was posted in the channel of the announcement."""
        channel_id = self._location.channel_id
        return any(
            each.channel_id == channel_id and (each.number or IN_CHANNEL) > IN_CHANNEL
            for each in await self._posts()
        )

    async def _posts(self) -> list[Post]:
        """List the messages that show the end."""
        return await retrying(self._store.jobs.posts)(self._job.id)

    async def _record(self, channel_id: int, message_id: int, number: int) -> None:
        await self._store.jobs.add_post(self._job.id, channel_id, message_id, number)

    def _log(self, what: str, error: Exception) -> None:
        log.warning(what, extra={"job": self._job.id, "cause": str(error)})
