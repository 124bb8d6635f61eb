"""What takes room, and removing it, oldest first, in transactions that are over soon.

Only of jobs that have ended and were told about. The jobs themselves stay: they are small.
"""

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, text, update

from bot.jobs.job import UNFINISHED
from bot.storage.base import Repository
from bot.storage.tables import CheckpointRow, FrameRow, JobRow, PictureRow
from engine.files import MEBIBYTE

BATCH_JOBS, BATCH_BYTES = 50, 16 * MEBIBYTE
"""Of which something is removed in one transaction, at most; one job may have more."""
_BATCH_PAGES, _REST_SECONDS = 1024, 0.02
"""Given back to the file system in one transaction, and the time before the next one."""


class BlobKind(StrEnum):
    """What takes room, in the order in which it is missed least."""

    CHECKPOINTS = "checkpoints"
    FRAMES = "frames"
    PICTURES = "pictures"
    SOURCES = "sources"
    """The pictures inside recipes, which are what somebody uploaded."""


_TABLES = {
    BlobKind.CHECKPOINTS: (CheckpointRow, CheckpointRow.state),
    BlobKind.FRAMES: (FrameRow, FrameRow.content),
    BlobKind.PICTURES: (PictureRow, PictureRow.content),
}


class RetentionRepository(Repository):
    """Removes what is old."""

    async def used_bytes(self) -> int:
        """What the database holds, without the pages that are free."""
        pages, free = await self._pragma("page_count"), await self._pragma("freelist_count")
        return (pages - free) * await self._pragma("page_size")

    async def remove_oldest(
        self, bulk: BlobKind, before: datetime | None = None, most: int = BATCH_BYTES
    ) -> int:
        """Remove what some of the oldest jobs have, of those that ended `before` if that is given.

        It has at most so many bytes, or is that of one job. Returns how many jobs were looked at; 0
        if there is nothing left to remove.
        """
        if bulk is BlobKind.SOURCES:
            return await self._remove_sources(before)
        table, content = _TABLES[bulk]
        size = func.sum(func.length(content))
        sizes = select(table.job_id, size).group_by(table.job_id).order_by(table.job_id)
        async with self._read() as session:
            oldest = list(await session.scalars(_oldest(table, before).limit(BATCH_JOBS)))
            found = await session.execute(sizes.where(table.job_id.in_(oldest)))
            chosen = _fit_budget([(job_id, size) for job_id, size in found], min(most, BATCH_BYTES))
        if chosen:
            async with self._write.begin() as session:
                await session.execute(delete(table).where(table.job_id.in_(chosen)))
        return len(chosen)

    async def vacuum(self) -> None:
        """Make the file as small as what it holds; readers of the old pages may delay that."""
        free = await self._pragma("freelist_count")
        while free:
            await self._run(f"incremental_vacuum({_BATCH_PAGES})")
            before, free = free, await self._pragma("freelist_count")
            if free >= before:  # a database that cannot shrink
                break
            await asyncio.sleep(_REST_SECONDS)
        await self._run("wal_checkpoint(TRUNCATE)")

    async def _remove_sources(self, before: datetime | None) -> int:
        others = [exists().where(table.job_id == JobRow.id) for table, _ in _TABLES.values()]
        is_meant = and_(_is_over(before), ~or_(*others))  # they go first
        rows = select(JobRow.id).where(is_meant).order_by(JobRow.ended_at).limit(BATCH_JOBS)
        changes: dict[int, dict[str, Any]] = {}
        async with self._read() as session:
            for job_id in await session.scalars(rows):
                # One by one, since each may hold megabytes.
                recipes = await session.scalar(select(JobRow.recipes).where(JobRow.id == job_id))
                bare = await asyncio.to_thread(_without_pictures, recipes or [])
                changes[job_id] = {"sources_removed": bare is not None}
                if bare is not None:
                    changes[job_id]["recipes"] = bare
        async with self._write.begin() as session:
            for job_id, values in changes.items():
                await session.execute(update(JobRow).where(JobRow.id == job_id).values(values))
        return len(changes)

    async def _pragma(self, pragma: str) -> int:
        """What SQLite says of itself."""
        async with self._outside.connect() as connection:
            return int(await connection.scalar(text(f"PRAGMA {pragma}")) or 0)

    async def _run(self, pragma: str) -> None:
        """Have SQLite do something to its end: told in the usual way it only begins."""
        async with self._outside.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None
            await driver.executescript(f"PRAGMA {pragma}")


def _oldest(table: type[CheckpointRow | FrameRow | PictureRow], before: datetime | None) -> Any:
    """The numbers of jobs that are over and have something in a table, oldest first.

    Asked from that end where few of those that are looked at are passed over.
    """
    if before is not None:
        has_some = exists().where(table.job_id == JobRow.id)
        return select(JobRow.id).where(_is_over(before), has_some).order_by(JobRow.ended_at)
    is_over = exists().where(JobRow.id == table.job_id, _is_over(None))
    return select(table.job_id).distinct().where(is_over).order_by(table.job_id)


def _is_over(before: datetime | None) -> ColumnElement[bool]:
    """Which jobs have ended, `before` if that is given, and nobody has to be told of any more.

    Not those of which nothing is left that takes room.
    """
    over = and_(
        JobRow.sources_removed.is_(None),
        JobRow.state.not_in(UNFINISHED),
        JobRow.told_at.is_not(None),
    )
    return over if before is None else and_(over, JobRow.ended_at < before)


def _fit_budget(found: Sequence[tuple[int, int]], most: int) -> list[int]:
    """The first jobs whose sizes are together small enough, at least one."""
    chosen: list[int] = []
    total = 0
    for job_id, size in found:
        total += size
        if chosen and total > most:
            break
        chosen.append(job_id)
    return chosen


def _without_pictures(recipes: Sequence[str]) -> list[str] | None:
    """Recipes as text, without the pictures in them; None if there are none."""
    bare = [_strip_images(text) for text in recipes]
    return (
        None
        if all(each is None for each in bare)
        else [text if each is None else each for text, each in zip(recipes, bare, strict=True)]
    )


def _strip_images(text: str) -> str | None:
    try:
        recipe = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(recipe, dict):
        return None
    holders = [recipe.get("edit"), *_listed(recipe.get("image_prompts")), recipe]
    names = ("init_image", "source", "mask", "picture")
    found = False
    for holder in holders:
        for name in names:
            if isinstance(holder, dict) and holder.get(name) is not None:
                holder[name] = None
                found = True
    return json.dumps(recipe, ensure_ascii=False) if found else None


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
