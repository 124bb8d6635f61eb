"""What the host sees of all jobs: how many ended, how long they waited, and what is stored.

Each query reads a bounded number of rows, except `sizes`, which reads whole tables.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, case, cast, extract, func, select, text

from bot.jobs.job import WITH_PICTURES, JobState
from bot.storage.base import Repository
from bot.storage.holdings import size_of
from bot.storage.tables import CheckpointRow, DraftRow, FrameRow, JobRow, PictureRow, SourceRow

_MOST_JOBS = 50_000
"""Number of the newest jobs that are counted."""


@dataclass(frozen=True)
class FailedJob:
    """A job that failed."""

    id: int
    author_id: int
    prompt: str
    reason: str
    """What its author was told."""
    cause: str
    """What the host should know; "" if nothing is stored."""
    ended_at: datetime


@dataclass(frozen=True)
class Period:
    """The jobs that ended in some time."""

    start: datetime
    painted: int
    """Number of jobs that ended with pictures."""
    failed: int
    wait: float | None
    """Mean seconds from their acceptance to their start; None if none was started."""


class OverviewRepository(Repository):
    """Reads about all jobs together."""

    async def revision(self) -> str:
        """Return the revision of the database."""
        async with self._read() as session:
            found = await session.scalar(text("SELECT version_num FROM alembic_version"))
        return str(found or "")

    async def failures(self, most: int) -> list[FailedJob]:
        """List the jobs that failed last, the newest first."""
        asked = JobRow.id, JobRow.author_id, JobRow.prompt
        rows = select(*asked, JobRow.reason, JobRow.cause, JobRow.ended_at).where(_FAILED)
        async with self._read() as session:
            found = await session.execute(rows.order_by(JobRow.id.desc()).limit(most))
            return [
                FailedJob(job_id, author_id, prompt, reason or "", cause or "", ended_at)
                for job_id, author_id, prompt, reason, cause, ended_at in found
                if ended_at is not None
            ]

    async def periods(self, since: datetime, seconds: int) -> list[Period]:
        """Count what ended since a time, in periods of so many seconds; empty ones are left out."""
        period = (cast(_epoch(JobRow.ended_at), BigInteger) // seconds).label("period")
        wait = func.avg(_epoch(JobRow.began_at) - _epoch(JobRow.accepted_at))
        newest = select(func.max(JobRow.id)).scalar_subquery()
        rows = (
            select(period, _count(JobRow.state.in_(WITH_PICTURES)), _count(_FAILED), wait)
            .where(JobRow.id > newest - _MOST_JOBS, JobRow.ended_at >= since)
            .group_by(period)
            .order_by(period)
        )
        async with self._read() as session:
            return [
                Period(
                    datetime.fromtimestamp(number * seconds, UTC),
                    painted,
                    failed,
                    None if wait is None else max(0.0, float(wait)),
                )
                for number, painted, failed, wait in await session.execute(rows)
            ]

    async def sizes(self) -> dict[str, int]:
        """Return the bytes of each kind of content."""
        contents = {
            "pictures": [PictureRow.content],
            "frames": [FrameRow.content],
            "checkpoints": [CheckpointRow.state],
            "pictures from people": [SourceRow.content],
            "recipes": [JobRow.recipes],
            "drafts of edits": [DraftRow.source, DraftRow.mask],
        }
        sizes = dict[str, int]()
        async with self._read() as session:
            for name, columns in contents.items():
                sizes[name] = 0
                for each in columns:
                    total = select(func.coalesce(func.sum(size_of(each)), 0))
                    sizes[name] += int(await session.scalar(total) or 0)
        return sizes


_FAILED = JobRow.state == JobState.FAILED


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _epoch(column: Any) -> ColumnElement[Any]:
    """Return a time in seconds since 1970."""
    return extract("epoch", column)
