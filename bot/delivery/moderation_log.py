"""A channel in which moderators read who painted, deleted, changed or was refused what.

What happens is collected for some seconds. Then each person's lines are posted as one message, so
that a message can be deleted with what is stored about its person. The log never holds up or fails
anything else: entries wait in memory, and those beyond a bound are counted only. A channel that
does not accept messages is logged once.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import discord
from sqlalchemy.exc import DBAPIError

from bot.delivery.held_back import allowed_pictures
from bot.guild_settings import GuildSettings
from bot.jobs.job import Job, JobLocation
from bot.jobs.records import JobRecord, StoredPicture
from bot.languages.catalogue import Language
from bot.languages.message import Message
from bot.picture_check import Audience, PictureCheck, PictureFilterError
from bot.storage import Store
from bot.timings import Timings
from bot.ui import formatting, moderation_text
from bot.ui.attachments import MAX_FILES, MAX_MESSAGE_BYTES, Attachment, discord_files
from bot.ui.discord_errors import CALL_ERRORS, bounded, describe
from bot.ui.log_channel import log_problem
from bot.ui.reader_language import PublicLanguage

log = logging.getLogger(__name__)

NOBODY = 0
"""Stands for a person where a line is about none, such as one about settings."""
_MOST_LINES = 200
"""Maximum number of different lines of one server that wait."""
_MOST_MESSAGES = 5
"""Maximum number of messages in one server at a time; the others wait."""
_POST_SECONDS = 10.0
_SILENT_SECONDS = 300.0
"""Seconds for which nothing is posted in a channel that refused a message."""


@dataclass
class _Pending:
    """What waits to be posted in one server."""

    lines: dict[int, Counter[Message]] = field(default_factory=dict[int, "Counter[Message]"])
    """Lines by person, with how often each happened."""
    dropped: int = 0
    """Number of lines that did not fit."""

    def add(self, person_id: int, line: Message) -> None:
        own = self.lines.setdefault(person_id, Counter())
        if line in own or sum(map(len, self.lines.values())) < _MOST_LINES:
            own[line] += 1
        else:
            self.dropped += 1


class ModerationLog:
    """Writes the moderation logs of all servers."""

    def __init__(
        self, store: Store, timings: Timings, check: PictureCheck, language: PublicLanguage
    ) -> None:
        self._store = store
        self._check = check
        self._language = language
        self._seconds = timings.moderation_seconds
        self._client: discord.Client | None = None
        self._pending: dict[int, _Pending] = {}
        self._filled = asyncio.Event()
        self._refused: dict[int, float] = {}
        """Channels that refused a message, with the monotonic time until which they are left."""

    def attach(self, client: discord.Client) -> None:
        """Set the client to post with; nothing is posted before."""
        self._client = client

    def painted(self, job: Job, url: str) -> None:
        """Note that a person asked for a picture, in the message at `url`."""
        self._add(job.guild_id, job.author_id, moderation_text.painted_line(job, url))

    def refused(
        self,
        guild_id: int | None,
        user_id: int,
        channel_id: int,
        reason: Message | str,
        prompt: str = "",
    ) -> None:
        """Note that a person was refused; `reason` is a sentence for moderators."""
        line = moderation_text.refused_line(user_id, channel_id, str(reason), prompt)
        self._add(guild_id, user_id, line)

    def held_back(
        self, job: Job, location: JobLocation | None, held_back: int, pictures: int
    ) -> None:
        """Note that the picture filter held back so many of a job's pictures."""
        url = location.url if location else ""
        line = moderation_text.held_back_line(job, url, held_back, pictures)
        self._add(job.guild_id, job.author_id, line)

    def changed(self, guild_id: int, actor_id: int, changes: Message) -> None:
        """Note who changed settings; `changes` says which, line by line."""
        self._add(guild_id, NOBODY, moderation_text.changed_text(actor_id, changes))

    async def left(
        self, guild_id: int, before: GuildSettings, actor_id: int, changes: Message
    ) -> None:
        """Post in the channel that was the log before a change who made that change."""
        line = moderation_text.changed_text(actor_id, changes)
        text = formatting.fitting(line, await self._language_in(guild_id))
        await self._post(guild_id, before, NOBODY, text)

    async def deleted(self, record: JobRecord, actor_id: int) -> None:
        """Post that a job is about to be deleted, with its pictures if the server keeps them."""
        if record.job.guild_id is None:
            return
        try:
            await self._post_deleted(record.job, record.job.guild_id, actor_id)
        except DBAPIError as error:
            log.error("a deletion was not logged", extra={"cause": str(error.orig)})

    async def _allowed_pictures(self, job: Job, channel_id: int) -> Sequence[StoredPicture]:
        """Return the pictures of a job that may be shown in a channel; none if nobody knows."""
        assert self._client is not None
        audience = Audience(job.guild_id, self._client.get_channel(channel_id))
        pictures = await self._store.lifecycle.pictures(job.id)
        try:
            return (await allowed_pictures(self._check, audience, job, pictures)).pictures
        except PictureFilterError:
            return ()

    def forget(self, person_id: int) -> None:
        """Drop what waits about a person."""
        for pending in self._pending.values():
            pending.lines.pop(person_id, None)

    async def run(self) -> None:
        """Post what is noted, until cancelled."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            await asyncio.sleep(self._seconds)
            await self.flush()

    async def flush(self) -> None:
        """Post what waits, as much of it as may be posted at a time."""
        pending, self._pending = self._pending, {}
        posting = (self._flush_guild(guild_id, each) for guild_id, each in pending.items())
        for error in await asyncio.gather(*posting, return_exceptions=True):
            if isinstance(error, Exception):
                log.error("a moderation log was not written", exc_info=error)

    def _add(self, guild_id: int | None, person_id: int, line: Message) -> None:
        if guild_id is not None:
            self._pending.setdefault(guild_id, _Pending()).add(person_id, line)
            self._filled.set()

    async def _flush_guild(self, guild_id: int, pending: _Pending) -> None:
        server = await self._store.guild_settings.get(guild_id)
        if server.log_channel is None:
            return
        people, language = list(pending.lines.items()), await self._language_in(guild_id)
        for person_id, lines in people[:_MOST_MESSAGES]:
            text = moderation_text.joined_lines(lines, language)
            await self._post(guild_id, server, person_id, text)
        for person_id, lines in people[_MOST_MESSAGES:]:
            for line, count in lines.items():
                for _ in range(count):
                    self._add(guild_id, person_id, line)
        if pending.dropped:
            text = moderation_text.dropped_text(pending.dropped)
            await self._post(guild_id, server, NOBODY, text.in_language(language))

    async def _post_deleted(self, job: Job, guild_id: int, actor_id: int) -> None:
        server = await self._store.guild_settings.get(guild_id)
        if server.log_channel is None:
            return
        language, files = await self._language_in(guild_id), tuple[Attachment, ...]()
        if server.log_keeps_deleted:
            files = _spoilers(await self._allowed_pictures(job, server.log_channel), language)
        line = moderation_text.deleted_line(job, actor_id, has_pictures=bool(files))
        text = formatting.fitting(line, language)
        await self._post(guild_id, server, job.author_id, text, files)

    async def _language_in(self, guild_id: int) -> Language:
        """Return the language of a server's log."""
        return await self._language(self._client and self._client.get_guild(guild_id))

    async def _post(
        self,
        guild_id: int,
        server: GuildSettings,
        person_id: int,
        text: str,
        files: Sequence[Attachment] = (),
    ) -> None:
        """Post a message in a server's log, and remember it as one about a person."""
        channel_id = server.log_channel or 0
        guild = self._client and self._client.get_guild(guild_id)
        if guild is None or guild.unavailable:
            return
        if time.monotonic() < self._refused.get(channel_id, 0):
            return
        channel = guild.get_channel(channel_id)
        problem = log_problem(channel)
        if problem is not None or not isinstance(channel, discord.TextChannel):
            self._refuse(channel_id, str(problem or ""))
            return
        try:
            message = await bounded(
                channel.send(text, files=discord_files(*files), suppress_embeds=True, silent=True),
                _POST_SECONDS,
            )
            if person_id != NOBODY:
                await self._store.log_messages.add(person_id, channel_id, message.id)
        except (*CALL_ERRORS, DBAPIError) as error:
            self._refuse(channel_id, describe(error))
        else:
            self._refused.pop(channel_id, None)

    def _refuse(self, channel_id: int, cause: str) -> None:
        """Leave a channel alone for a while; log that once until it accepts a message again."""
        if channel_id not in self._refused:
            extra = {"channel": channel_id, "cause": cause}
            log.warning("a moderation log cannot be written", extra=extra)
        self._refused[channel_id] = time.monotonic() + _SILENT_SECONDS


def _spoilers(pictures: Sequence[StoredPicture], language: Language) -> tuple[Attachment, ...]:
    """Return pictures as spoilers, as many as fit into a message."""
    files, size = list[Attachment](), 0
    text = Message("A picture that was deleted").in_language(language)
    for picture in pictures[:MAX_FILES]:
        size += len(picture.content)
        if len(picture.content) > discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES:
            continue
        if size > MAX_MESSAGE_BYTES:
            break
        name = f"deleted-{picture.number}.png"
        files.append(Attachment(name, picture.content, text, spoiler=True))
    return tuple(files)
