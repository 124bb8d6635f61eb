"""Pictures that people attach to commands and messages, fetched at once because URLs expire.

Files are read from Discord's own hosts only (in local mode from the one in memory). The engine
checks what the bytes are.
"""

import asyncio
import mimetypes
from collections.abc import Sequence
from urllib.parse import urlsplit

import discord

from bot.errors import UserError
from bot.ui.attachments import MAX_MESSAGE_BYTES
from bot.ui.discord_errors import CALL_ERRORS
from bot.ui.filenames import plain_name, recipe_filename, result_stem
from bot.ui.media import gallery_files
from engine.files import MEBIBYTE

DISCORD_HOSTS = frozenset(("cdn.discordapp.com", "media.discordapp.net"))
_FETCH_SECONDS = 60.0
_GONE = (discord.NotFound, discord.Forbidden)
"""Errors of a URL that expired, and of a message that was deleted or can't be read."""


class UploadReader:
    """Fetches attached files of up to `limit_mib` mebibytes from Discord's hosts."""

    def __init__(self, limit_mib: int, hosts: frozenset[str]) -> None:
        self._limit_mib = limit_mib
        self._hosts = hosts

    async def read(
        self, attachment: discord.Attachment, message: discord.Message | None = None
    ) -> bytes:
        """Return the bytes of a file that was attached to a command, or to `message` before.

        The address of a message's file may have expired, and the bot's own pictures may be as
        large as it makes them. Raises `UserError` if the file is too large, is on another host or
        can't be fetched.
        """
        limit_mib = self._limit_mib
        if message is not None and result_stem(attachment.filename) and is_own(message):
            limit_mib = MAX_MESSAGE_BYTES // MEBIBYTE
        try:
            try:
                return await self._fetch(attachment, limit_mib)
            except _GONE:
                if message is None:
                    raise
                return await self._fetch(await _refetched(message, attachment), limit_mib)
        except CALL_ERRORS as error:
            raise UserError(
                f"I couldn't fetch {attachment.filename} from Discord. Try again in a minute, or "
                "attach it again."
            ) from error

    async def _fetch(self, attachment: discord.Attachment, limit_mib: int) -> bytes:
        if attachment.size > limit_mib * MEBIBYTE:
            raise UserError(
                f"{attachment.filename} is {attachment.size / MEBIBYTE:.1f} MiB; files can be at "
                f"most {limit_mib} MiB here."
            )
        if urlsplit(attachment.url).hostname not in self._hosts:
            raise UserError("I only read pictures that are attached to a message on Discord.")
        return await asyncio.wait_for(attachment.read(), _FETCH_SECONDS)


def pictures_in(message: discord.Message) -> list[discord.Attachment]:
    """Return a message's pictures, forwarded ones too; for the bot's own only full-size ones."""
    if is_own(message):
        return [file for file in message.attachments if result_stem(file.filename)]
    return [file for file in _files(message) if _is_picture(file)]


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
        raise UserError("That message has no picture that I could edit.")
    if number is None and len(pictures) > 1:
        raise UserError(
            f"That message has {len(pictures)} pictures. Start with the number of the one that "
            f"you mean, from #1 to #{len(pictures)}."
        )
    if number is not None and not 1 <= number <= len(pictures):
        held = "one picture" if len(pictures) == 1 else f"{len(pictures)} pictures"
        raise UserError(f"That message has only {held}, so there is no number {number}.")
    return pictures[(number or 1) - 1]


async def _refetched(
    message: discord.Message, attachment: discord.Attachment
) -> discord.Attachment:
    """Return the same file with a fresh URL."""
    try:
        current = await message.channel.fetch_message(message.id)
    except CALL_ERRORS as error:
        raise UserError(
            "I couldn't fetch that picture: its message was deleted, or I'm not allowed to read "
            "it. Please send the picture again."
        ) from error
    for file in _files(current):
        if file.id == attachment.id:
            return file
    raise UserError("I couldn't fetch that picture: it was removed. Please send it again.")


def _files(message: discord.Message) -> list[discord.Attachment]:
    """Return the files attached to a message, in its galleries, or in those that it forwards."""
    forwarded = (file for each in message.message_snapshots for file in each.attachments)
    files = (*message.attachments, *forwarded, *gallery_files(message))
    by_id: dict[int, discord.Attachment] = {}
    for file in files:  # a gallery's files can be listed as attachments too
        by_id.setdefault(file.id, file)
    return list(by_id.values())


def _is_picture(file: discord.Attachment) -> bool:
    kind = file.content_type or mimetypes.guess_type(file.filename)[0] or ""
    return kind.startswith("image/")
