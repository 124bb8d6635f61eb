"""Send everything that is stored about a user as ZIP files, by direct message.

The ZIP files are made one at a time to save memory. A file that is too large for Discord is split
into parts.
"""

import asyncio
import io
import json
import logging
import zipfile
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import discord

from bot.errors import UserError
from bot.languages.catalogue import Language
from bot.languages.message import Message
from bot.privacy.read_me import read_me
from bot.storage import Store
from bot.ui.discord_errors import CALL_ERRORS, bounded

log = logging.getLogger(__name__)

PART_BYTES = discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES - 2**16
"""Maximum size of a ZIP file in bytes: Discord's limit for direct messages with a margin."""
_ATTEMPTS = 4
"""Number of attempts to send a file."""
_CLOSED = Message(
    "You don't accept direct messages from me, and I can send your data only there. Allow them in "
    "this server's privacy settings, then try again."
)
_PER_MEMBER = 512
"""Maximum overhead of one member of a ZIP file in bytes; member names are short."""
_PER_FILE = 64
"""Overhead of a ZIP file in bytes, without its members."""
_DRAFT_VALUES = ("author_id", "replace_with", "created_at", "spoiler", "models", "borrowed")
Member = tuple[str, bytes]
"""The name and the content of a file in a ZIP file."""


async def send_everything(
    store: Store, user: discord.User | discord.Member, pause: float, language: Language
) -> int:
    """Send a user everything that is stored about them; return the number of ZIP files.

    A file in their language explains the others.

    `pause` is the time in seconds before a failed attempt is repeated; later pauses are longer.

    Raises `UserError` if they accept no direct messages, or Discord does not accept the files.
    """
    sent = 0
    async for content in zip_files(store, user.id, PART_BYTES, language):
        sent += 1
        await _send(user, f"export-{sent}.zip", content, pause)
    return sent


async def zip_files(
    store: Store, user_id: int, limit: int, language: Language
) -> AsyncIterator[bytes]:
    """Yield ZIP files of at most `limit` bytes with a user's data; none if nothing is stored."""
    packed: list[Member] = []
    size = _PER_FILE
    most = limit - _PER_FILE - _PER_MEMBER
    async for name, content in _split_members(store, user_id, most, language):
        more = len(content) + _PER_MEMBER
        if size + more > limit:
            yield await asyncio.to_thread(_zip, packed)
            packed, size = [], _PER_FILE
        packed.append((name, content))
        size += more
    if packed:
        yield await asyncio.to_thread(_zip, packed)


async def _split_members(
    store: Store, user_id: int, limit: int, language: Language
) -> AsyncIterator[Member]:
    async for name, content in _members(store, user_id, language):
        if len(content) <= limit:
            yield name, content
            continue
        for number, start in enumerate(range(0, len(content), limit), 1):
            yield f"{name}.part{number}", content[start : start + limit]


async def _members(store: Store, user_id: int, language: Language) -> AsyncIterator[Member]:
    job_ids = await store.exports.job_ids(user_id)
    draft_ids = await store.exports.draft_ids(user_id)
    account = await store.exports.account(user_id)
    if not (job_ids or draft_ids or account):
        return
    yield "read-me.txt", read_me(language).encode()
    if account:
        yield "account.json", _json(account)
    for job_id in job_ids:
        job = await store.exports.job(job_id)
        if job is None:  # deleted in the meantime
            continue
        recipes: list[str] = job.pop("recipes")
        yield f"job-{job_id}/job.json", _json(job)
        for number, text in enumerate(recipes, 1):
            yield f"job-{job_id}/recipe-{number}.json", text.encode()
        for picture in await store.lifecycle.pictures(job_id):
            yield f"job-{job_id}/picture-{picture.number}.png", picture.content
        for frame in await store.lifecycle.frames(job_id):
            yield f"job-{job_id}/frames/{frame.picture}-{frame.step:06}.webp", frame.content
    for draft_id in draft_ids:
        draft = await store.drafts.get(draft_id)
        if draft is None:  # expired in the meantime
            continue
        values = {name: getattr(draft, name) for name in _DRAFT_VALUES}
        yield f"draft-{draft_id}/draft.json", _json(values)
        yield f"draft-{draft_id}/source.png", draft.source
        if draft.mask is not None:
            yield f"draft-{draft_id}/mask.png", draft.mask


def _json(values: dict[str, Any]) -> bytes:
    return json.dumps(values, ensure_ascii=False, indent=2, default=_plain).encode()


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _zip(members: list[Member]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members:
            # Pictures are compressed already.
            is_text = name.endswith((".json", ".txt"))
            file.writestr(name, content, zipfile.ZIP_DEFLATED if is_text else zipfile.ZIP_STORED)
    return buffer.getvalue()


async def _send(
    user: discord.User | discord.Member, name: str, content: bytes, pause: float
) -> None:
    for number in range(_ATTEMPTS):
        if number:
            await asyncio.sleep(pause * 4 ** (number - 1))
        try:
            await bounded(user.send(file=discord.File(io.BytesIO(content), name)))
            return
        except discord.Forbidden as error:
            raise UserError(_CLOSED) from error
        except CALL_ERRORS as error:
            log.warning("an export could not be sent", extra={"cause": str(error)})
    raise UserError(Message("Discord did not accept the files. Try again in a few minutes."))
