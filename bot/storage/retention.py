"""Delete the images and checkpoints of old jobs, oldest first, in short transactions.

Only jobs whose end was announced are affected. Their rows stay, because they are small.
"""

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from itertools import accumulate
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, and_, delete, exists, func, or_, select, text, update

from bot.jobs.job import UNFINISHED
from bot.storage.base import Database, Repository, read_json_object
from bot.storage.tables import CheckpointRow, FrameRow, JobRow, PictureRow
from engine.files import MEBIBYTE

BATCH_JOBS, BATCH_BYTES = 50, 16 * MEBIBYTE
"""Maximum number of jobs, and of bytes unless one job has more, in one transaction."""
_BATCH_PAGES, _REST_SECONDS = 1024, 0.02
"""Database pages given back in one transaction, and seconds before the next transaction."""


class BlobKind(StrEnum):
    """The kinds of large content, the least valuable first."""

    CHECKPOINTS = "checkpoints"
    FRAMES = "frames"
    PICTURES = "pictures"
    SOURCES = "sources"
    """The images inside recipes, which users have uploaded."""


_IMAGE_KEYS = ("init_image", "source", "mask", "picture")
"""The keys of a recipe, its edit and its image prompts that hold an image."""
_TABLES = {
    BlobKind.CHECKPOINTS: (CheckpointRow, CheckpointRow.state),
    BlobKind.FRAMES: (FrameRow, FrameRow.content),
    BlobKind.PICTURES: (PictureRow, PictureRow.content),
}


class RetentionRepository(Repository):
    """Deletes large content of old jobs."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._autocommit = database.autocommit

    async def used_bytes(self) -> int:
        """Return the size of the database in bytes, without free pages."""
        pages, free = await self._pragma("page_count"), await self._pragma("freelist_count")
        return (pages - free) * await self._pragma("page_size")

    async def remove_oldest(
        self, kind: BlobKind, before: datetime | None = None, max_bytes: int = BATCH_BYTES
    ) -> int:
        """Delete one kind of content of some of the oldest jobs, or of those that ended `before`.

        At least one job is processed, and no more than `max_bytes` allows. Returns the number of
        processed jobs; 0 if nothing is left.
        """
        if kind is BlobKind.SOURCES:
            return await self._remove_sources(before)
        table, content = _TABLES[kind]
        size = func.sum(func.length(content))
        rows = select(table.job_id, size).group_by(table.job_id).order_by(table.job_id)
        async with self._read() as session:
            oldest = list(await session.scalars(_oldest(table, before).limit(BATCH_JOBS)))
            found = await session.execute(rows.where(table.job_id.in_(oldest)))
            sizes = [(job_id, size) for job_id, size in found]
        chosen = _fit_budget(sizes, min(max_bytes, BATCH_BYTES))
        if chosen:
            async with self._write.begin() as session:
                await session.execute(delete(table).where(table.job_id.in_(chosen)))
        return len(chosen)

    async def vacuum(self) -> None:
        """Give free pages back to the file system, unless readers still use them."""
        free = await self._pragma("freelist_count")
        while free:
            await self._run(f"incremental_vacuum({_BATCH_PAGES})")
            before, free = free, await self._pragma("freelist_count")
            if free >= before:  # the database cannot shrink
                break
            await asyncio.sleep(_REST_SECONDS)
        await self._run("wal_checkpoint(TRUNCATE)")

    async def _remove_sources(self, before: datetime | None) -> int:
        others = [exists().where(table.job_id == JobRow.id) for table, _ in _TABLES.values()]
        is_meant = and_(_is_expendable(before), ~or_(*others))  # those are deleted first
        rows = select(JobRow.id).where(is_meant).order_by(JobRow.ended_at).limit(BATCH_JOBS)
        changes: dict[int, dict[str, Any]] = {}
        async with self._read() as session:
            for job_id in await session.scalars(rows):
                # One by one, because each may contain megabytes.
                recipes = await session.scalar(select(JobRow.recipes).where(JobRow.id == job_id))
                stripped = await asyncio.to_thread(_strip_recipes, recipes or [])
                changes[job_id] = {"sources_removed": stripped is not None}
                if stripped is not None:
                    changes[job_id]["recipes"] = stripped
        async with self._write.begin() as session:
            for job_id, values in changes.items():
                await session.execute(update(JobRow).where(JobRow.id == job_id).values(values))
        return len(changes)

    async def _pragma(self, pragma: str) -> int:
        """Return a number that SQLite reports."""
        async with self._autocommit.connect() as connection:
            return int(await connection.scalar(text(f"PRAGMA {pragma}")) or 0)

    async def _run(self, pragma: str) -> None:
        """Run a PRAGMA to its end; a plain `execute` would only take its first step."""
        async with self._autocommit.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None
            await driver.executescript(f"PRAGMA {pragma}")


def _oldest(
    table: type[CheckpointRow | FrameRow | PictureRow], before: datetime | None
) -> Select[int]:
    """Select the ids of jobs that can lose their rows in a table, oldest first.

    The query starts at the table of which fewer rows are skipped.
    """
    if before is not None:
        has_rows = exists().where(table.job_id == JobRow.id)
        return select(JobRow.id).where(_is_expendable(before), has_rows).order_by(JobRow.ended_at)
    is_expendable = exists().where(JobRow.id == table.job_id, _is_expendable(None))
    return select(table.job_id).distinct().where(is_expendable).order_by(table.job_id)


def _is_expendable(before: datetime | None) -> ColumnElement[bool]:
    """Select jobs that ended (`before` if given), were announced, and still have large content."""
    is_expendable = and_(
        JobRow.sources_removed.is_(None),
        JobRow.state.not_in(UNFINISHED),
        JobRow.told_at.is_not(None),
    )
    return is_expendable if before is None else and_(is_expendable, JobRow.ended_at < before)


def _fit_budget(sizes: Sequence[tuple[int, int]], max_bytes: int) -> list[int]:
    """Return the first jobs that fit into `max_bytes` together, at least one."""
    fitting = sum(total <= max_bytes for total in accumulate(size for _, size in sizes))
    return [job_id for job_id, _ in sizes[: max(1, fitting)]]


def _strip_recipes(recipes: Sequence[str]) -> list[str] | None:
    """Return recipes without their images; None if they have none."""
    stripped = [_strip_images(text) for text in recipes]
    if all(each is None for each in stripped):
        return None
    return [text if each is None else each for text, each in zip(recipes, stripped, strict=True)]


def _strip_images(text: str) -> str | None:
    """Return a recipe's JSON without its images; None if it has none or is unreadable."""
    recipe = read_json_object(text)
    if recipe is None:
        return None
    prompts = recipe.get("image_prompts")
    parts: list[Any] = [recipe, recipe.get("edit")]
    if isinstance(prompts, list):
        parts += cast(list[Any], prompts)
    holders = [cast(dict[str, Any], each) for each in parts if isinstance(each, dict)]
    found = False
    for holder in holders:
        for name in _IMAGE_KEYS:
            if holder.get(name) is not None:
                holder[name] = None
                found = True
    return json.dumps(recipe, ensure_ascii=False) if found else None
