"""What takes room, and removing it, oldest first, in transactions that are over soon.

Only of jobs that have ended and were told about. The jobs themselves stay: they are small.
"""

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, literal_column, select, text, update

from bot.jobs import UNFINISHED
from bot.store.parts import Part
from bot.store.tables import CheckpointRow, FrameRow, JobRow, PictureRow
from engine.files import MEBIBYTE

BATCH_ROWS, BATCH_BYTES = 100, 16 * MEBIBYTE
"""What is removed in one transaction, at most; one row may be larger."""
_BATCH_SOURCES = 4
"""Jobs whose recipes are read at a time: each may hold megabytes."""
_BATCH_PAGES = 4096
"""Given back to the file system in one transaction."""


class Bulk(StrEnum):
    """What takes room, in the order in which it is missed least."""

    CHECKPOINTS = "checkpoints"
    FRAMES = "frames"
    PICTURES = "pictures"
    SOURCES = "sources"
    """The pictures inside recipes, which are what somebody uploaded."""


_TABLES = {
    Bulk.CHECKPOINTS: (CheckpointRow, CheckpointRow.state),
    Bulk.FRAMES: (FrameRow, FrameRow.content),
    Bulk.PICTURES: (PictureRow, PictureRow.content),
}


class Retention(Part):
    """Removes what is old."""

    async def used_bytes(self) -> int:
        """What the database holds, without the pages that are free."""
        pages, free = await self._pragma("page_count"), await self._pragma("freelist_count")
        return (pages - free) * await self._pragma("page_size")

    async def remove_oldest(
        self, bulk: Bulk, before: datetime | None = None, most: int = BATCH_BYTES
    ) -> int:
        """Remove some of the oldest, of jobs that have ended `before` if that is given.

        They have at most so many bytes, or are one row. Returns how many rows were looked at; 0 if
        there is nothing left to remove.
        """
        if bulk is Bulk.SOURCES:
            return await self._remove_sources(before)
        table, content = _TABLES[bulk]
        row_id: ColumnElement[int] = literal_column(f"{table.__tablename__}.rowid")
        # By the key that the table is kept in, so that nothing is sorted; it rises with time.
        rows = (
            select(row_id, func.length(content))
            .join(JobRow, JobRow.id == table.job_id)
            .where(_is_over(before))
            .order_by(table.job_id)
            .limit(BATCH_ROWS)
        )
        async with self._write.begin() as session:
            found = [(number, size) for number, size in await session.execute(rows)]
            chosen = _within(found, min(most, BATCH_BYTES))
            await session.execute(delete(table).where(row_id.in_(chosen)))
        return len(chosen)

    async def give_back(self) -> None:
        """Make the file as small as what it holds; readers of the old pages may delay that."""
        free = await self._pragma("freelist_count")
        while free:
            await self._run(f"incremental_vacuum({_BATCH_PAGES})")
            before, free = free, await self._pragma("freelist_count")
            if free >= before:  # a database that cannot shrink
                break
        await self._run("wal_checkpoint(TRUNCATE)")

    async def _remove_sources(self, before: datetime | None) -> int:
        is_meant = and_(JobRow.sources_removed.is_(None), _is_over(before))
        rows = select(JobRow.id, JobRow.recipes).where(is_meant).order_by(JobRow.id)
        async with self._read() as session:
            found = (await session.execute(rows.limit(_BATCH_SOURCES))).all()
        for job_id, recipes in found:
            bare = await asyncio.to_thread(_without_pictures, recipes)
            values: dict[str, Any] = {"sources_removed": bare is not None}
            if bare is not None:
                values["recipes"] = bare
            async with self._write.begin() as session:
                await session.execute(update(JobRow).where(JobRow.id == job_id).values(values))
        return len(found)

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


def _is_over(before: datetime | None) -> ColumnElement[bool]:
    """Which jobs have ended, `before` if that is given, and nobody has to be told of any more."""
    over = and_(JobRow.state.not_in(UNFINISHED), JobRow.told_at.is_not(None))
    return over if before is None else and_(over, JobRow.ended_at < before)


def _within(found: Sequence[tuple[int, int]], most: int) -> list[int]:
    """The first rows that are together small enough, at least one."""
    chosen: list[int] = []
    total = 0
    for number, size in found:
        total += size
        if chosen and total > most:
            break
        chosen.append(number)
    return chosen


def _without_pictures(recipes: Sequence[str]) -> list[str] | None:
    """Recipes as text, without the pictures in them; None if there are none."""
    bare = [_bare(text) for text in recipes]
    return (
        None
        if all(each is None for each in bare)
        else [text if each is None else each for text, each in zip(recipes, bare, strict=True)]
    )


def _bare(text: str) -> str | None:
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
