"""Files that people attach to commands and messages, fetched at once because URLs expire.

Files are fetched from Discord's own hosts only (in local mode from the one in memory), and never
more of them than is allowed: what is announced about a file counts for nothing. `engine` checks
what the bytes are.
"""

import asyncio
import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import aiohttp
import discord

from bot.errors import UserError
from bot.languages.message import Message
from bot.ui.attachments import MAX_MESSAGE_BYTES
from bot.ui.discord_errors import CALL_ERRORS, bounded
from bot.ui.filenames import is_film, plain_name, recipe_filename, result_stem
from bot.ui.media import gallery_files
from engine.files import MEBIBYTE

DISCORD_HOSTS = frozenset(("cdn.discordapp.com", "media.discordapp.net"))
_MAX_MESSAGE_MIB = MAX_MESSAGE_BYTES // MEBIBYTE
_FETCH_SECONDS = 60.0
_MAX_REDIRECTS = 3
_PART_BYTES = 65_536
_IN_MEMORY = ".invalid"
"""End of the names of hosts that exist only in memory; no real host can have it (RFC 2606)."""
_GONE = (discord.NotFound, discord.Forbidden)
"""Errors of a URL that expired, and of a message that was deleted or can't be read."""
_ELSEWHERE = Message("I only read pictures that are attached to a message on Discord.")


@dataclass(frozen=True)
class Upload:
    """A file that was attached to a command, or to `message` before; it is not fetched yet."""

    file: discord.Attachment
    message: discord.Message | None = None


class UploadReader:
    """Fetches attached files of up to `limit_mib` mebibytes from Discord's hosts."""

    def __init__(
        self, limit_mib: int, hosts: frozenset[str], session: aiohttp.ClientSession
    ) -> None:
        self._limit_mib = limit_mib
        self._hosts = hosts
        self._session = session

    async def read(self, upload: Upload, *, is_text: bool = False) -> bytes:
        """Return the bytes of an attached file.

        The address of a message's file may have expired. Pictures and films of the bot's own, and
        files of which only the text is read (`is_text`), may be as large as the bot posts them.
        Raises `UserError` if the file is too large, is on another host or can't be fetched.
        """
        file, message = upload.file, upload.message
        is_result = result_stem(file.filename) is not None or is_film(file.filename)
        is_large = is_text or (is_result and message is not None and is_own(message))
        limit_mib = _MAX_MESSAGE_MIB if is_large else self._limit_mib
        try:
            try:
                return await self._fetch(file, limit_mib)
            except _GONE:
                if message is None:
                    raise
                return await self._fetch(await _refetched(message, file), limit_mib)
        except CALL_ERRORS as error:
            raise UserError(
                Message(
                    "I couldn't fetch {file} from Discord. Try again in a minute, or attach it "
                    "again.",
                    file=file.filename,
                )
            ) from error

    async def _fetch(self, file: discord.Attachment, limit_mib: int) -> bytes:
        limit = limit_mib * MEBIBYTE
        _check_size(file, file.size, limit)
        if urlsplit(file.url).netloc not in self._hosts:
            raise UserError(_ELSEWHERE)
        async with asyncio.timeout(_FETCH_SECONDS):
            if _is_in_memory(file.url):
                content = await file.read()
            else:
                content = await self._download(file.url, limit)
        _check_size(file, len(content), limit)
        return content

    async def _download(self, url: str, limit: int) -> bytes:
        """Return the first `limit` + 1 bytes of a file at most."""
        for _ in range(1 + _MAX_REDIRECTS):
            async with self._session.get(url, allow_redirects=False) as response:
                target = response.headers.get("Location")
                if response.status // 100 != 3 or target is None:
                    return await _content(response, limit)
            url = self._checked_target(url, target)
        raise UserError(_ELSEWHERE)

    def _checked_target(self, url: str, target: str) -> str:
        """Return the address to which a host redirects; raise `UserError` if it is elsewhere."""
        absolute = urljoin(url, target)
        parts = urlsplit(absolute)
        if parts.scheme != urlsplit(url).scheme or parts.netloc not in self._hosts:
            raise UserError(_ELSEWHERE)
        return absolute


def upload_session() -> aiohttp.ClientSession:
    """Return a session that keeps no connections, and unpacks nothing on the way.

    A few kilobytes that are unpacked could become gigabytes.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(force_close=True),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Encoding": "identity"},
    )


def pictures_in(message: discord.Message) -> list[discord.Attachment]:
    """Return a message's pictures, forwarded ones too; for the bot's own only full-size ones."""
    if is_own(message):
        return [file for file in message.attachments if result_stem(file.filename)]
    return [file for file in _files(message) if _is_kind(file, "image/")]


def videos_in(message: discord.Message) -> list[discord.Attachment]:
    """Return a message's videos, forwarded ones too; of the bot's own only finished films."""
    if is_own(message):
        return [file for file in message.attachments if is_film(file.filename)]
    return [file for file in _files(message) if _is_kind(file, "video/")]


def recipe_beside(message: discord.Message, picture: discord.Attachment) -> discord.Attachment:
    """Return the file of a message that holds the recipe of one of its pictures.

    That is the picture, or a JSON file beside it if the picture was too large for a PNG.
    """
    name = recipe_filename(result_stem(picture.filename) or "")
    return next((file for file in _files(message) if plain_name(file.filename) == name), picture)


def is_spoiler(*files: discord.Attachment | None) -> bool:
    """Return True if one of the files is marked as a spoiler."""
    return any(file is not None and file.is_spoiler() for file in files)


def is_own(message: discord.Message) -> bool:
    """Return True if the bot wrote a message."""
    # Only the state knows the bot's user if the message's guild or channel is not cached.
    return message.author == message._state.user  # pyright: ignore[reportPrivateUsage]


def choose_picture(
    pictures: Sequence[discord.Attachment], number: int | None
) -> discord.Attachment:
    """Return picture `number`, from 1, or the only one; raise `UserError` if there is none."""
    if not pictures:
        raise UserError(Message("That message has no picture that I could edit."))
    if number is None and len(pictures) > 1:
        raise UserError(
            Message(
                "That message has {count} pictures. Start with the number of the one that you "
                "mean, from #1 to #{count}.",
                count=len(pictures),
            )
        )
    if number is not None and not 1 <= number <= len(pictures):
        raise UserError(
            Message.counted(
                "That message has only one picture, so there is no number {number}.",
                "That message has only {count} pictures, so there is no number {number}.",
                len(pictures),
                number=number,
            )
        )
    return pictures[(number or 1) - 1]


def choose_video(videos: Sequence[discord.Attachment]) -> discord.Attachment:
    """Return the only one of some videos; raise `UserError` if there are several."""
    if len(videos) > 1:
        raise UserError(
            Message(
                "That message has {count} videos. Send the one that you mean by itself, or use "
                "`/restyle`.",
                count=len(videos),
            )
        )
    return videos[0]


async def _content(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Return the first `limit` + 1 bytes of a response at most; raise an error of discord.py."""
    if response.status != 200:
        error = {403: discord.Forbidden, 404: discord.NotFound}.get(
            response.status, discord.HTTPException
        )
        raise error(response, "the file can't be fetched")
    content = bytearray()
    async for part in response.content.iter_chunked(_PART_BYTES):
        content += part
        if len(content) > limit:
            break
    return bytes(content[: limit + 1])


def _is_in_memory(url: str) -> bool:
    return (urlsplit(url).hostname or "").endswith(_IN_MEMORY)


def _check_size(file: discord.Attachment, size: int, limit: int) -> None:
    if size > limit:
        limit_mib = limit // MEBIBYTE
        raise UserError(
            Message(
                "The file {file} is too large; files can be at most {most} MiB here.",
                file=file.filename,
                most=limit_mib,
            )
        )


async def _refetched(
    message: discord.Message, attachment: discord.Attachment
) -> discord.Attachment:
    """Return the same file with a fresh URL."""
    try:
        current = await bounded(message.channel.fetch_message(message.id))
    except CALL_ERRORS as error:
        raise UserError(
            Message(
                "I couldn't fetch that picture: its message was deleted, or I'm not allowed to "
                "read it. Please send the picture again."
            )
        ) from error
    for file in _files(current):
        if file.id == attachment.id:
            return file
    raise UserError(Message("I couldn't fetch that picture: it was removed. Please send it again."))


def _files(message: discord.Message) -> list[discord.Attachment]:
    """Return the files attached to a message, in its galleries, or in those that it forwards."""
    forwarded = (file for each in message.message_snapshots for file in each.attachments)
    files = (*message.attachments, *forwarded, *gallery_files(message))
    by_id: dict[int, discord.Attachment] = {}
    for file in files:  # a gallery's files can be listed as attachments too
        by_id.setdefault(file.id, file)
    return list(by_id.values())


def _is_kind(file: discord.Attachment, start: str) -> bool:
    kind = file.content_type or mimetypes.guess_type(file.filename)[0] or ""
    return kind.startswith(start)
