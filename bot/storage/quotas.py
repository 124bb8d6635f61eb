"""Count what users have asked for, so that limits can be checked."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Integer, and_, cast, false, func, or_, select

from bot.jobs.job import UNFINISHED, JobState
from bot.storage.base import Repository
from bot.storage.holdings import total_of
from bot.storage.tables import JobRow

_COUNTS_AS_PAINTED = or_(
    JobRow.state.in_((*UNFINISHED, JobState.DONE, JobState.STOPPED)),
    and_(JobRow.state == JobState.CANCELLED, JobRow.began_at.is_not(None)),
)
"""The condition that excludes jobs that failed or were cancelled before they started."""


@dataclass(frozen=True)
class Usage:
    """Unfinished jobs, and the pictures that one user asked for within a period."""

    jobs: int
    """Unfinished jobs of everyone."""
    user_jobs: int
    """Unfinished jobs of the user."""
    guild_jobs: int
    """Unfinished jobs in the guild; 0 in direct messages, as in the next attribute."""
    user_guild_jobs: int
    """Unfinished jobs of the user in the guild."""
    pictures: int
    """Pictures of the user."""
    guild_pictures: int
    """Pictures of the user in the guild; 0 in direct messages."""


class QuotaRepository(Repository):
    """Counts that limits are compared with."""

    async def usage(
        self, author_id: int, guild_id: int | None, since: datetime, until: datetime
    ) -> Usage:
        """Count unfinished jobs, and the user's pictures of a period, in one query.

        Jobs that failed, or were cancelled before they started, count no pictures.
        """
        of_user = JobRow.author_id == author_id
        in_guild = false() if guild_id is None else JobRow.guild_id == guild_id
        unfinished = JobRow.state.in_(UNFINISHED)
        recent = and_(of_user, JobRow.accepted_at > since, JobRow.accepted_at <= until)
        painted = and_(recent, _COUNTS_AS_PAINTED)
        jobs = (unfinished, and_(unfinished, of_user), and_(unfinished, in_guild))
        pictures = func.sum(JobRow.pictures)
        columns = (
            *(func.count().filter(each) for each in (*jobs, and_(unfinished, of_user, in_guild))),
            *(
                cast(func.coalesce(pictures.filter(each), 0), Integer)
                for each in (painted, painted & in_guild)
            ),
        )
        rows = select(*columns).select_from(JobRow).where(or_(unfinished, recent))
        async with self._read() as session:
            return Usage(*(await session.execute(rows)).one())

    async def stored_bytes(self, author_id: int) -> int:
        """Return the size of all large content that is stored for a user's jobs, in bytes."""
        async with self._read() as session:
            return await session.scalar(select(total_of(author_id))) or 0

    async def pictures_between(
        self, author_id: int, since: datetime, until: datetime, guild_id: int | None = None
    ) -> list[tuple[datetime, int]]:
        """List when a user asked for pictures, in a guild or anywhere, and how many, oldest first.

        Jobs that failed, or were cancelled before they started, do not count.
        """
        rows = select(JobRow.accepted_at, JobRow.pictures).order_by(JobRow.accepted_at)
        is_meant = and_(JobRow.accepted_at > since, JobRow.accepted_at <= until, _COUNTS_AS_PAINTED)
        rows = rows.where(JobRow.author_id == author_id, is_meant)
        if guild_id is not None:
            rows = rows.where(JobRow.guild_id == guild_id)
        async with self._read() as session:
            return [(when, count) for when, count in await session.execute(rows)]
