"""How much people have asked for."""

from datetime import datetime

from sqlalchemy import and_, func, or_, select

from bot.jobs.job import UNFINISHED, JobState
from bot.storage.base import Repository
from bot.storage.tables import JobRow

_WAS_PAINTED = or_(
    JobRow.state.in_((*UNFINISHED, JobState.DONE, JobState.STOPPED)),
    and_(JobRow.state == JobState.CANCELLED, JobRow.began_at.is_not(None)),
)
"""Not counting what failed, or was cancelled before it began."""


class QuotaRepository(Repository):
    """Counts that limits are held against."""

    async def count_unfinished_in(self, guild_id: int, author_id: int | None = None) -> int:
        """How many jobs of a server, of one person or of everybody, have not ended."""
        rows = select(func.count()).select_from(JobRow)
        rows = rows.where(JobRow.guild_id == guild_id, JobRow.state.in_(UNFINISHED))
        if author_id is not None:
            rows = rows.where(JobRow.author_id == author_id)
        async with self._read() as session:
            return await session.scalar(rows) or 0

    async def pictures_between(
        self, author_id: int, since: datetime, until: datetime, guild_id: int | None = None
    ) -> list[tuple[datetime, int]]:
        """When one person asked for pictures, in a server or anywhere, and how many, oldest first.

        A job that failed, or was cancelled before it began, does not count.
        """
        rows = select(JobRow.accepted_at, JobRow.pictures).order_by(JobRow.accepted_at)
        is_meant = and_(JobRow.accepted_at > since, JobRow.accepted_at <= until, _WAS_PAINTED)
        rows = rows.where(JobRow.author_id == author_id, is_meant)
        if guild_id is not None:
            rows = rows.where(JobRow.guild_id == guild_id)
        async with self._read() as session:
            return [(when, count) for when, count in await session.execute(rows)]
