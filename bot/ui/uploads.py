"""Pictures that people attach, and those in messages: fetched at once, since addresses expire.

Only Discord's own hosts are ever asked, in local mode the one in memory. What the bytes are is
the engine's to find out.
"""

import asyncio
import mimetypes
from collections.abc import Sequence
from urllib.parse import urlsplit

import discord

from bot.errors import UserError
from bot.ui.attachments import MAX_MESSAGE_BYTES, recipe_filename, result_stem
from bot.ui.discord_errors import CALL_ERRORS
from engine.files import MEBIBYTE

DISCORD_HOSTS = frozenset(("cdn.discordapp.com", "media.discordapp.net"))
_FETCH_SECONDS = 60.0
_GONE = (discord.NotFound, discord.Forbidden)
"""What an address answers that has expired, or a message that was deleted or is out of reach."""


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
    """The pictures in a message, forwarded ones too; of the bot's own those at full size."""
    if is_own(message):
        return [file for file in message.attachments if result_stem(file.filename)]
    return [file for file in _files(message) if _is_picture(file)]


def recipe_beside(message: discord.Message, picture: discord.Attachment) -> discord.Attachment:
    """The file of a message that holds the recipe of one of its pictures: by rights the picture.

    A picture that was too large for a PNG has a file beside it.
    """
    name = recipe_filename(result_stem(picture.filename) or "")
    return next((file for file in _files(message) if file.filename == name), picture)


def is_own(message: discord.Message) -> bool:
    """Whether the bot wrote a message."""
    return message.author == message._state.user  # its guild or channel may not be known


def choose_picture(
    pictures: Sequence[discord.Attachment], number: int | None
) -> discord.Attachment:
    """Picture `number`, from 1, or the only one; raises `UserError` if there is none such."""
    if not pictures:
        raise UserError("That message holds no picture that I could edit.")
    if number is None and len(pictures) > 1:
        raise UserError(
            f"That message holds {len(pictures)} pictures. Begin with the number of the one that "
            f"you mean, from #1 to #{len(pictures)}."
        )
    if number is not None and not 1 <= number <= len(pictures):
        held = "one picture" if len(pictures) == 1 else f"{len(pictures)} pictures"
        raise UserError(f"That message holds {held}, and none with the number {number}.")
    return pictures[(number or 1) - 1]


async def _refetched(
    message: discord.Message, attachment: discord.Attachment
) -> discord.Attachment:
    """The same file under the address that Discord gives now."""
    try:
        anew = await message.channel.fetch_message(message.id)
    except CALL_ERRORS as error:
        raise UserError(
            "That picture cannot be fetched any more: its message was deleted, or I may not read "
            "it. Send the picture once more."
        ) from error
    for file in _files(anew):
        if file.id == attachment.id:
            return file
    raise UserError("That picture cannot be fetched any more. Send it once more.")


def _files(message: discord.Message) -> list[discord.Attachment]:
    """What is attached to a message, or to those that it forwards."""
    forwarded = (file for each in message.message_snapshots for file in each.attachments)
    return [*message.attachments, *forwarded]


def _is_picture(file: discord.Attachment) -> bool:
    kind = file.content_type or mimetypes.guess_type(file.filename)[0] or ""
    return kind.startswith("image/")
