"""Pictures that people attach: fetched at once, since Discord's addresses expire.

Only Discord's own hosts are ever asked, in local mode the one in memory. What the bytes are is
the engine's to find out.
"""

import asyncio
from urllib.parse import urlsplit

import aiohttp
import discord

from bot.answers import RefusalError
from engine.files import MEBIBYTE

DISCORD_HOSTS = frozenset(("cdn.discordapp.com", "media.discordapp.net"))
_FETCH_SECONDS = 60.0


async def read_upload(
    attachment: discord.Attachment, limit_mib: int, hosts: frozenset[str]
) -> bytes:
    """The bytes of an attached file that lies on one of the `hosts`.

    Raises `RefusalError` if it is too large, lies elsewhere or is not there.
    """
    if attachment.size > limit_mib * MEBIBYTE:
        raise RefusalError(
            f"{attachment.filename} has {attachment.size / MEBIBYTE:.1f} MiB; at most "
            f"{limit_mib} MiB are allowed here."
        )
    if urlsplit(attachment.url).hostname not in hosts:
        raise RefusalError("I only read pictures that are attached to a message on Discord.")
    try:
        return await asyncio.wait_for(attachment.read(), _FETCH_SECONDS)
    except (discord.HTTPException, aiohttp.ClientError, TimeoutError) as error:
        raise RefusalError(
            f"{attachment.filename} could not be fetched from Discord. Attach it once more."
        ) from error
