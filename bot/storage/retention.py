"""Delete the images and checkpoints of old jobs, oldest first, in short transactions.

Only jobs whose end was announced are affected. Their rows stay, because they are small. Space is
taken from the user who holds most, so that nobody can push out the pictures of others.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from itertools import accumulate
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, exists, func, or_, select, update

from bot.jobs.job import UNFINISHED
from bot.storage.base import Repository
from bot.storage.holdings import holdings, size_of
from bot.storage.sources import remove_pictures
from bot.storage.tables import CheckpointRow, FrameRow, JobRow, PictureRow, SourceRow
from engine.files import MEBIBYTE

BATCH_JOBS, BATCH_BYTES = 50, 16 * MEBIBYTE
"""Maximum number of jobs, and of bytes unless one job has more, in one transaction."""


class BlobKind(StrEnum):
    """The kinds of large content, the least valuable first."""

    CHECKPOINTS = "checkpoints"
    FRAMES = "frames"
    PICTURES = "pictures"
    SOURCES = "sources"
    """The images inside recipes, which users have uploaded."""


_TABLES = {
    BlobKind.CHECKPOINTS: (CheckpointRow, CheckpointRow.state),
    BlobKind.FRAMES: (FrameRow, FrameRow.content),
    BlobKind.PICTURES: (PictureRow, PictureRow.content),
}


class RetentionRepository(Repository):
    """Deletes large content of old jobs."""

    async def used_bytes(self) -> int:
        """Return the size of the database in bytes, without space that can be used again."""
        return await self._database.dialect.used_bytes(self._database)

    async def holders(self, min_bytes: int = 0) -> list[tuple[int, int]]:
        """List users and the bytes of theirs that can be deleted, more than `min_bytes`.

        The user who holds most comes first.
        """
        held = holdings()
        total = func.sum(held.c.size)
        rows = select(JobRow.author_id, total).join(held, held.c.job_id == JobRow.id)
        rows = rows.where(_is_expendable()).group_by(JobRow.author_id)
        async with self._read() as session:
            found = await session.execute(rows.having(total > min_bytes).order_by(total.desc()))
            return [(author_id, size) for author_id, size in found]

    async def remove_from(self, author_id: int, max_bytes: int) -> tuple[BlobKind, int] | None:
        """Delete the least valuable content of some of a user's oldest jobs.

        Returns its kind and the number of processed jobs; None if nothing is left.
        """
        for kind in BlobKind:
            if count := await self._remove(kind, JobRow.author_id == author_id, max_bytes):
                return kind, count
        return None

    async def remove_before(self, kind: BlobKind, before: datetime) -> int:
        """Delete one kind of content of some of the jobs that ended `before`, oldest first.

        Returns the number of processed jobs; 0 if nothing is left.
        """
        return await self._remove(kind, JobRow.ended_at < before, BATCH_BYTES)

    async def _remove(self, kind: BlobKind, is_meant: ColumnElement[bool], max_bytes: int) -> int:
        """Process at least one job, and no more than `max_bytes` allows."""
        max_bytes = min(max_bytes, BATCH_BYTES)
        if kind is BlobKind.SOURCES:
            return await self._remove_sources(is_meant, max_bytes)
        table, content = _TABLES[kind]
        size = func.sum(size_of(content))
        rows = select(table.job_id, size).group_by(table.job_id).order_by(table.job_id)
        async with self._read() as session:
            oldest = list(await session.scalars(_oldest(table, is_meant).limit(BATCH_JOBS)))
            found = await session.execute(rows.where(table.job_id.in_(oldest)))
            sizes = [(job_id, size) for job_id, size in found]
        chosen = _fit_budget(sizes, max_bytes)
        if chosen:
            async with self._write() as session:
                await session.execute(delete(table).where(table.job_id.in_(chosen)))
        return len(chosen)

    async def vacuum(self) -> None:
        """Give the space of deleted content back, as far as the database can do that."""
        await self._database.dialect.vacuum(self._database)

    async def _remove_sources(self, is_meant: ColumnElement[bool], max_bytes: int) -> int:
        others = [exists().where(table.job_id == JobRow.id) for table, _ in _TABLES.values()]
        has_only_sources = ~or_(*others)  # the others are deleted first
        changes: dict[int, dict[str, Any]] = {}
        async with self._read() as session:
            found = await session.execute(_source_sizes(is_meant & has_only_sources))
            for job_id in _fit_budget([(job_id, size) for job_id, size in found], max_bytes):
                # One by one, because each may contain megabytes.
                recipes = await session.scalar(select(JobRow.recipes).where(JobRow.id == job_id))
                stripped = await asyncio.to_thread(_strip_recipes, recipes or [])
                changes[job_id] = {"sources_removed": stripped is not None}
                if stripped is not None:
                    changes[job_id]["recipes"] = stripped
        async with self._write() as session:
            await session.execute(delete(SourceRow).where(SourceRow.job_id.in_(changes)))
            for job_id, values in changes.items():
                await session.execute(update(JobRow).where(JobRow.id == job_id).values(values))
        return len(changes)


def _oldest(
    table: type[CheckpointRow | FrameRow | PictureRow], is_meant: ColumnElement[bool]
) -> Select[int]:
    """Select the ids of jobs that can lose their rows in a table, oldest first."""
    has_rows = exists().where(table.job_id == JobRow.id)
    return select(JobRow.id).where(_is_expendable(), is_meant, has_rows).order_by(JobRow.ended_at)


def _source_sizes(is_meant: ColumnElement[bool]) -> Select[int, int]:
    """Select jobs that may have sources, oldest first, with the bytes of these and of recipes."""
    sources = select(func.sum(size_of(SourceRow.content)))
    sources = sources.where(SourceRow.job_id == JobRow.id).scalar_subquery()
    size = size_of(JobRow.recipes) + func.coalesce(sources, 0)
    rows = select(JobRow.id, size).where(_is_expendable(), is_meant)
    return rows.order_by(JobRow.ended_at).limit(BATCH_JOBS)


def _is_expendable() -> ColumnElement[bool]:
    """Select jobs that ended, were announced, and may still have large content."""
    return and_(
        JobRow.sources_removed.is_(None),
        JobRow.state.not_in(UNFINISHED),
        JobRow.told_at.is_not(None),
    )


def _fit_budget(sizes: Sequence[tuple[int, int]], max_bytes: int) -> list[int]:
    """Return the first jobs that fit into `max_bytes` together, at least one."""
    fitting = sum(total <= max_bytes for total in accumulate(size for _, size in sizes))
    return [job_id for job_id, _ in sizes[: max(1, fitting)]]


def _strip_recipes(recipes: Sequence[str]) -> list[str] | None:
    """Return recipes without their images; None if they have none."""
    stripped = [remove_pictures(text) for text in recipes]
    if all(each is None for each in stripped):
        return None
    return [text if each is None else each for text, each in zip(recipes, stripped, strict=True)]
