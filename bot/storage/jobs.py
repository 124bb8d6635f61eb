"""Jobs and where they are told about."""

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, Row, and_, delete, func, or_, select, update

from bot.jobs.job import UNFINISHED, Job, JobLocation, JobState
from bot.jobs.records import JobRecord, Post
from bot.storage.base import Repository
from bot.storage.lifecycle import copy_checkpoints
from bot.storage.retry import retrying
from bot.storage.tables import CheckpointRow, JobRow, PlaceRow, PostRow
from engine.errors import RecipeError
from engine.recipes.recipe import Recipe

log = logging.getLogger(__name__)

_Found = Row[JobRow, PlaceRow]
_UNREADABLE = "its recipe could not be read any more"
_IS_OPEN = or_(JobRow.state.in_(UNFINISHED), JobRow.told_at.is_(None))


class JobRepository(Repository):
    """Every accepted job."""

    async def add(
        self,
        author_id: int,
        prompt: str,
        recipes: tuple[Recipe, ...],
        *,
        guild_id: int | None = None,
        channel_id: int | None = None,
        weight: float = 1.0,
        kind: str = "imagine",
        parent_id: int | None = None,
        goes_on: bool = False,
        picture: int | None = None,
    ) -> Job:
        """Store a new job as queued and return it with its number.

        One that `goes_on` gets what its parent has left to go on from, of all its pictures or of
        one, which is then the only one.
        """
        # A recipe may hold megabytes of pictures.
        texts = await asyncio.to_thread(lambda: [recipe.to_json() for recipe in recipes])
        row = JobRow(
            state=JobState.QUEUED,
            kind=kind,
            parent_id=parent_id,
            author_id=author_id,
            guild_id=guild_id,
            channel_id=channel_id,
            prompt=prompt,
            recipes=texts,
            pictures=len(texts),
            weight=weight,
            stop_wanted=False,
            accepted_at=datetime.now(UTC),
        )
        async with self._write.begin() as session:
            session.add(row)
            await session.flush()
            if goes_on and parent_id is not None:
                await copy_checkpoints(session, parent_id, row.id, picture)
        return Job(row.id, author_id, prompt, recipes, kind, parent_id, guild_id, weight)

    async def get(self, job_id: int) -> JobRecord | None:
        """All that is known of a job; None if there is none, or it cannot be read any more."""
        records, _ = await self._found(JobRow.id == job_id)
        return records[0] if records else None

    async def state(self, job_id: int) -> JobState | None:
        """The state of a job; None if there is no such job."""
        async with self._read() as session:
            found = await session.scalar(select(JobRow.state).where(JobRow.id == job_id))
        return None if found is None else JobState(found)

    async def list_open(self) -> list[JobRecord]:
        """The jobs that have not ended, or of whose end nobody was told, oldest first.

        Those that cannot be read any more have failed from now on, and nobody is told.
        """
        records, unreadable = await self._found(_IS_OPEN)
        if unreadable:
            change = update(JobRow).where(JobRow.id.in_(unreadable))
            now = datetime.now(UTC)
            values = {"state": JobState.FAILED, "reason": _UNREADABLE, "told_at": now}
            async with self._write.begin() as session:
                await session.execute(change.values(ended_at=now, **values))
        return records

    async def steps_stored(self) -> dict[int, int]:
        """How many steps the checkpoints of jobs that have not ended hold, by the job's number."""
        last = func.max(CheckpointRow.steps_done).label("last")
        pictures = (
            select(CheckpointRow.job_id, last)
            .join(JobRow, JobRow.id == CheckpointRow.job_id)
            .where(JobRow.state.in_(UNFINISHED))
            .group_by(CheckpointRow.job_id, CheckpointRow.picture)
            .subquery()
        )
        rows = select(pictures.c.job_id, func.sum(pictures.c.last)).group_by(pictures.c.job_id)
        async with self._read() as session:
            return {job_id: int(steps) for job_id, steps in await session.execute(rows)}

    async def count_unfinished(self, author_id: int | None = None) -> int:
        """How many jobs of one person, or of everybody, have not ended."""
        is_meant = JobRow.state.in_(UNFINISHED)
        if author_id is not None:
            is_meant = and_(is_meant, JobRow.author_id == author_id)
        return await self._count(is_meant)

    async def count_open(self) -> int:
        """How many jobs have not ended, or nobody was told of their end."""
        return await self._count(_IS_OPEN)

    async def set_location(self, job: Job, place: JobLocation) -> None:
        """Remember where a job is told about."""
        async with self._write.begin() as session:
            await session.merge(
                PlaceRow(
                    job_id=job.id,
                    guild_id=place.guild_id,
                    channel_id=place.channel_id,
                    post_id=place.post_id,
                    message_id=place.message_id,
                )
            )

    async def set_progress_message(self, job_id: int, message_id: int) -> None:
        """Remember which message shows a job's progress."""
        change = update(PlaceRow).where(PlaceRow.job_id == job_id)
        async with self._write.begin() as session:
            await session.execute(change.values(progress_id=message_id))

    @retrying
    async def add_post(self, job_id: int, channel_id: int, message_id: int, number: int) -> None:
        """Remember a message that tells of a job's end; `number` counts them from 1."""
        row = PostRow(message_id=message_id, job_id=job_id, channel_id=channel_id, number=number)
        async with self._write.begin() as session:
            await session.merge(row)

    async def remove_post(self, message_id: int) -> None:
        """Forget a message that was deleted."""
        async with self._write.begin() as session:
            await session.execute(delete(PostRow).where(PostRow.message_id == message_id))

    async def posts(self, job_id: int) -> list[Post]:
        """The messages that tell of a job's end."""
        rows = select(PostRow).where(PostRow.job_id == job_id).order_by(PostRow.message_id)
        async with self._read() as session:
            found = (await session.scalars(rows)).all()
        return [Post(each.job_id, each.channel_id, each.message_id) for each in found]

    @retrying
    async def post_numbers(self, job_id: int) -> set[int]:
        """Which of a job's posts have arrived."""
        rows = select(PostRow.number).where(PostRow.job_id == job_id)
        async with self._read() as session:
            return {each for each in await session.scalars(rows) if each is not None}

    async def of_post(self, message_id: int) -> int | None:
        """The job of whose end a message tells; None if it tells of none."""
        posted = select(PostRow.job_id).where(PostRow.message_id == message_id)
        async with self._read() as session:
            return await session.scalar(posted)

    async def of_message(self, message_id: int) -> int | None:
        """The job that a message tells of or announces; None if it is no job's."""
        posted = select(PostRow.job_id).where(PostRow.message_id == message_id)
        is_place = or_(PlaceRow.message_id == message_id, PlaceRow.progress_id == message_id)
        placed = select(PlaceRow.job_id).where(is_place)
        async with self._read() as session:
            return await session.scalar(posted) or await session.scalar(placed)

    async def author_of_post(self, message_id: int) -> int | None:
        """Who asked for the pictures that a message holds; None if it holds no job's."""
        rows = select(JobRow.author_id).join(PostRow, PostRow.job_id == JobRow.id)
        async with self._read() as session:
            return await session.scalar(rows.where(PostRow.message_id == message_id))

    async def _count(self, is_meant: ColumnElement[bool]) -> int:
        async with self._read() as session:
            rows = select(func.count()).select_from(JobRow).where(is_meant)
            return await session.scalar(rows) or 0

    async def _found(self, is_meant: ColumnElement[bool]) -> tuple[list[JobRecord], list[int]]:
        """The records of jobs, oldest first, and the numbers of those that are unreadable."""
        rows = select(JobRow, PlaceRow).outerjoin(PlaceRow, PlaceRow.job_id == JobRow.id)
        async with self._read() as session:
            found = (await session.execute(rows.where(is_meant).order_by(JobRow.id))).all()
        return await asyncio.to_thread(_readable, found)  # there may be thousands


def _readable(found: Sequence[_Found]) -> tuple[list[JobRecord], list[int]]:
    records: list[JobRecord] = []
    unreadable: list[int] = []
    for row, place in found:
        try:
            records.append(_record(row, place))
        except (RecipeError, ValueError, TypeError) as error:
            level = logging.INFO if row.sources_removed else logging.ERROR
            extra = {"job": row.id, "cause": str(error)}
            log.log(level, "a stored job is unreadable", extra=extra)
            unreadable.append(row.id)
    return records, unreadable


def _record(row: JobRow, place: PlaceRow | None) -> JobRecord:
    recipes = tuple(map(Recipe.from_json, row.recipes))
    if not recipes:
        raise ValueError("it has no recipe")
    job = Job(
        id=row.id,
        author_id=row.author_id,
        prompt=row.prompt,
        recipes=recipes,
        kind=row.kind,
        parent_id=row.parent_id,
        guild_id=row.guild_id,
        weight=row.weight,
    )
    where = None
    if place is not None:
        where = JobLocation(place.guild_id, place.channel_id, place.post_id, place.message_id)
    return JobRecord(
        job=job,
        state=JobState(row.state),
        location=where,
        channel_id=row.channel_id,
        progress_id=None if place is None else place.progress_id,
        stop_requested=row.stop_wanted,
        reason=row.reason,
        notice=row.notice,
        seconds=row.seconds,
        accepted_at=row.accepted_at,
        began_at=row.began_at,
        ended_at=row.ended_at,
        notified_at=row.told_at,
    )
