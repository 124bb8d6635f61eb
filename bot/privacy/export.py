"""All that is kept of a person, as ZIP files that Discord takes, by direct message.

They are made one after the other, so that no more than one is in memory. What is larger than a
file may be is cut into pieces, which put together are the file again.
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
from bot.jobs.personal_data import DraftExport, JobExport
from bot.storage import Store
from bot.ui.discord_errors import CALL_ERRORS

log = logging.getLogger(__name__)

PART_BYTES = discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES - 2**16
"""Of a file in a direct message, less some room."""
TRIES, FIRST_PAUSE = 4, 1.0
"""Of a file, and the seconds before the second one; the pause grows."""
_CLOSED = (
    "You take no direct messages from me, and only there I may send this. Allow them in this "
    "server's privacy settings, then ask again."
)
_PER_MEMBER = 512
"""Bytes of a ZIP beside a member's content, at most: our names are short."""
_PER_FILE = 64
_READ_ME = """\
All that this bot keeps of you.

job-N/job.json       what you asked for and when, its state, and where I told of it
job-N/recipe-M.json  all that determines picture M; a picture that you attached is in it, as base64
job-N/picture-M.png  the picture
job-N/frames/        how it looked on the way, by picture and step
draft-N/             a picture and its mask that are not painted yet

Not in here, though kept: checkpoints, the numbers from which a run of the program goes on, as long
as the pictures are kept. job.json says which there are.

A file that was too large for one message is cut into FILE.part1, FILE.part2 and so on. Put together
in this order they are the file: cat FILE.part* > FILE, or on Windows copy /b.
"""
Member = tuple[str, bytes]


async def send_everything(store: Store, user: discord.User | discord.Member) -> int:
    """Send a person all that is kept of them by direct message, and return in how many files.

    Raises `UserError` if they take no direct messages, or Discord does not take the files.
    """
    sent = 0
    async for content in zip_files(store, user.id, PART_BYTES):
        sent += 1
        await _send(user, f"export-{sent}.zip", content)
    return sent


async def zip_files(store: Store, user_id: int, limit: int) -> AsyncIterator[bytes]:
    """ZIP files of at most `limit` bytes with all that is kept of a person; none for nothing."""
    packed: list[Member] = []
    size = _PER_FILE
    async for name, content in _pieces(store, user_id, limit - _PER_FILE - _PER_MEMBER):
        more = len(content) + _PER_MEMBER
        if size + more > limit:
            yield await asyncio.to_thread(_zipped, packed)
            packed, size = [], _PER_FILE
        packed.append((name, content))
        size += more
    if packed:
        yield await asyncio.to_thread(_zipped, packed)


async def _pieces(store: Store, user_id: int, limit: int) -> AsyncIterator[Member]:
    async for name, content in _members(store, user_id):
        if len(content) <= limit:
            yield name, content
            continue
        for number, start in enumerate(range(0, len(content), limit), 1):
            yield f"{name}.part{number}", content[start : start + limit]


async def _members(store: Store, user_id: int) -> AsyncIterator[Member]:
    job_ids, draft_ids = (
        await store.personal_data.job_ids(user_id),
        await store.personal_data.draft_ids(user_id),
    )
    if not (job_ids or draft_ids):
        return
    yield "read-me.txt", _READ_ME.encode()
    for job_id in job_ids:
        job = await store.personal_data.export_job(job_id)
        if job is None:  # removed in the meantime
            continue
        yield f"job-{job_id}/job.json", _json(dict(job.values))
        for member in _recipes(job):
            yield member
        for picture in await store.lifecycle.pictures(job_id):
            yield f"job-{job_id}/picture-{picture.number}.png", picture.content
        for frame in await store.lifecycle.frames(job_id):
            yield f"job-{job_id}/frames/{frame.picture}-{frame.step:06}.webp", frame.content
    for draft_id in draft_ids:
        draft = await store.personal_data.export_draft(draft_id)
        if draft is not None:
            for member in _draft(draft):
                yield member


def _recipes(job: JobExport) -> list[Member]:
    return [
        (f"job-{job.id}/recipe-{number}.json", text.encode())
        for number, text in enumerate(job.recipes, 1)
    ]


def _draft(draft: DraftExport) -> list[Member]:
    folder = f"draft-{draft.id}"
    return [
        (f"{folder}/draft.json", _json(dict(draft.values))),
        (f"{folder}/source.png", draft.source),
        *([] if draft.mask is None else [(f"{folder}/mask.png", draft.mask)]),
    ]


def _json(values: dict[str, Any]) -> bytes:
    return json.dumps(values, ensure_ascii=False, indent=2, default=_plain).encode()


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _zipped(members: list[Member]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members:
            # What pictures are made of has been packed already.
            is_text = name.endswith((".json", ".txt"))
            file.writestr(name, content, zipfile.ZIP_DEFLATED if is_text else zipfile.ZIP_STORED)
    return buffer.getvalue()


async def _send(user: discord.User | discord.Member, name: str, content: bytes) -> None:
    for number in range(TRIES):
        if number:
            await asyncio.sleep(FIRST_PAUSE * 4 ** (number - 1))
        try:
            await user.send(file=discord.File(io.BytesIO(content), name))
            return
        except discord.Forbidden as error:
            raise UserError(_CLOSED) from error
        except CALL_ERRORS as error:
            log.warning("an export could not be sent", extra={"cause": str(error)})
    raise UserError("Discord did not take the files. Try again in a while.")
