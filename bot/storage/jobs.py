"""Jobs, and the messages that announce them and post their results."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.orm import defer

from bot.jobs.job import NEW_JOB, UNFINISHED, Job, JobLocation, JobOrigin, JobState
from bot.jobs.records import JobRecord, Post
from bot.languages.catalogue import language_of
from bot.languages.message import in_language
from bot.shards import ALL_SERVERS, TIME_BITS, Shards
from bot.storage.base import ADMISSION, Repository, course_of
from bot.storage.lifecycle import copy_checkpoints
from bot.storage.retry import retrying
from bot.storage.sources import attach_pictures, detach_pictures
from bot.storage.tables import CheckpointRow, JobRow, PlaceRow, PostRow, SourceRow
from engine.errors import RecipeError
from engine.recipes.kinds import AnyRecipe, recipe_from_json

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
        recipes: tuple[AnyRecipe, ...],
        origin: JobOrigin = NEW_JOB,
        *,
        guild_id: int | None = None,
        channel_id: int | None = None,
        weight: float = 1.0,
        locale: str | None = None,
        author_locale: str | None = None,
    ) -> Job:
        """Store a new job as queued and return it with its id.

        A job that resumes its parent gets a copy of the parent's last checkpoints.
        """
        # A recipe may contain megabytes of images.
        texts, sources = await asyncio.to_thread(detach_pictures, recipes)
        row = JobRow(
            state=JobState.QUEUED,
            kind=origin.kind,
            parent_id=origin.parent_id,
            author_id=author_id,
            guild_id=guild_id,
            channel_id=channel_id,
            prompt=prompt,
            recipes=texts,
            pictures=len(texts),
            weight=weight,
            spoiler=origin.spoiler,
            keeps_best=origin.keeps_best,
            borrowed=origin.borrowed,
            notice=in_language(origin.notice, language_of(locale)) or None,
            locale=locale,
            author_locale=author_locale,
            stop_wanted=False,
            accepted_at=datetime.now(UTC),
        )
        async with self._write(ADMISSION) as session:
            if origin.parent_id is not None:
                own = select(JobRow.id).where(JobRow.id == origin.parent_id, is_all_of(author_id))
                row.borrowed = row.borrowed or await session.scalar(own) is None
            session.add(row)
            await session.flush()
            rows = [{"job_id": row.id, "digest": d, "content": c} for d, c in sources.items()]
            if rows:
                await session.execute(insert(SourceRow), rows)
            if origin.resumes and origin.parent_id is not None:
                await copy_checkpoints(session, origin.parent_id, row.id, origin.picture)
        return _job(row, recipes)

    async def get(self, job_id: int) -> JobRecord | None:
        """Return a job's record; None if it is gone or unreadable."""
        return await self._record_of(JobRow.id == job_id)

    async def get_all(self, job_ids: Collection[int]) -> list[JobRecord]:
        """Return the records of jobs, without those that are gone or unreadable."""
        records, _ = await self._records(JobRow.id.in_(job_ids))
        return records

    @retrying
    async def is_stored(self, job: Job) -> bool:
        """Return True if a job was stored, after an attempt to add it that was not confirmed.

        It takes the lock of that attempt, which is over then.
        """
        rows = select(JobRow.id).where(JobRow.id == job.id, JobRow.author_id == job.author_id)
        async with self._write(ADMISSION) as session:
            return await session.scalar(rows) is not None

    async def state(self, job_id: int) -> JobState | None:
        """Return the state of a job; None if there is no such job."""
        async with self._read() as session:
            found = await session.scalar(select(JobRow.state).where(JobRow.id == job_id))
        return None if found is None else JobState(found)

    async def list_open(self, shards: Shards = ALL_SERVERS) -> list[JobRecord]:
        """List jobs that have not ended, or whose end was not announced, oldest first.

        They are those of all servers, or of some shards.

        Jobs that can no longer be read are marked as failed, and nobody is notified.
        """
        records, unreadable = await self._records(and_(_IS_OPEN, is_in(shards)))
        if unreadable:
            await self._give_up(unreadable)
        return records

    async def _give_up(self, rows: Collection[JobRow]) -> None:
        """Mark unreadable jobs as failed, and log the end of each, unless another process did."""
        now = datetime.now(UTC)
        values = {"state": JobState.FAILED, "ended_at": now, "told_at": now, "reason": _UNREADABLE}
        is_meant = JobRow.id.in_([row.id for row in rows]), _IS_OPEN
        async with self._write() as session:
            change = update(JobRow).where(*is_meant).values(values).returning(JobRow.id)
            changed = set(await session.scalars(change))
        for row in rows:
            if row.id in changed:
                _log_unreadable(row, now)

    async def steps_stored(self) -> dict[int, int]:
        """Return how many steps the checkpoints of each unfinished job hold, by job id."""
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

    async def runs_stored(self, job_id: int | None = None) -> dict[int, str]:
        """Return the kind of run of the newest checkpoint of each unfinished job, by job id.

        With `job_id`, only that of this job. A job without checkpoints is left out.
        """
        order = CheckpointRow.job_id, CheckpointRow.picture, CheckpointRow.steps_done
        rows = (
            select(CheckpointRow.job_id, CheckpointRow.runs)
            .join(JobRow, JobRow.id == CheckpointRow.job_id)
            .where(JobRow.state.in_(UNFINISHED))
            .order_by(*order)  # so that the newest comes last, and stays
        )
        if job_id is not None:
            rows = rows.where(CheckpointRow.job_id == job_id)
        async with self._read() as session:
            found = (await session.execute(rows)).all()
        return {each.job_id: each.runs for each in found}

    async def count_open(self) -> int:
        """Count the jobs that have not ended, or whose end was not announced."""
        async with self._read() as session:
            rows = select(func.count()).select_from(JobRow).where(_IS_OPEN)
            return await session.scalar(rows) or 0

    @retrying
    async def set_location(self, job: Job, location: JobLocation) -> JobRecord | None:
        """Store where a job is announced, and return its record; None if it was deleted.

        The record's state says whether the job was cancelled meanwhile.
        """
        place = PlaceRow(
            job_id=job.id,
            guild_id=location.guild_id,
            channel_id=location.channel_id,
            post_id=location.post_id,
            message_id=location.message_id,
        )
        async with self._write(course_of(job.id)) as session:
            row = await session.get(JobRow, job.id, options=[defer(JobRow.recipes)])
            if row is None:
                return None
            place = await session.merge(place)
        return _record(row, place, job)

    async def finished_threads(self, thread_ids: Collection[int], limit: int) -> list[int]:
        """List threads whose jobs have all ended and been reported, oldest end first."""
        unfinished = func.sum(case((_IS_OPEN, 1), else_=0))
        threads = (
            select(PlaceRow.post_id)
            .join(JobRow, JobRow.id == PlaceRow.job_id)
            .where(PlaceRow.post_id.in_(thread_ids))
            .group_by(PlaceRow.post_id)
            .having(unfinished == 0)
            .order_by(func.max(JobRow.told_at))
            .limit(limit)
        )
        async with self._read() as session:
            return list(await session.scalars(threads))

    async def set_progress_message(self, job_id: int, message_id: int) -> None:
        """Store which message shows a job's progress."""
        change = update(PlaceRow).where(PlaceRow.job_id == job_id)
        await self._execute(change.values(progress_id=message_id), course_of(job_id))

    @retrying
    async def add_post(self, job_id: int, channel_id: int, message_id: int, number: int) -> None:
        """Store a message with a job's result, under its `Post.number`."""
        row = PostRow(message_id=message_id, job_id=job_id, channel_id=channel_id, number=number)
        await self._merge(row, course_of(job_id))

    async def remove_post(self, message_id: int) -> None:
        """Delete the row of a result message that was deleted."""
        await self._execute(delete(PostRow).where(PostRow.message_id == message_id))

    async def forget_posts(self, message_ids: Collection[int]) -> None:
        """Delete the rows of result messages that were deleted, out of all messages that were.

        Those of jobs that are still being posted stay, or the next start would post them again.
        """
        told = select(JobRow.id).where(JobRow.id == PostRow.job_id, JobRow.told_at.is_not(None))
        rows = select(PostRow.message_id).where(PostRow.message_id.in_(message_ids))
        found = await self._find(rows.where(told.exists()))
        if found:  # nearly all messages are of others
            await self._execute(delete(PostRow).where(PostRow.message_id.in_(found)))

    async def forget_thread(self, thread_id: int) -> None:
        """Delete the rows of the result messages in a thread that was opened for a job.

        Discord tells nothing of its messages when it is deleted, and gives it the number of the
        message on which it was opened.
        """
        job = select(PlaceRow.job_id).join(JobRow, JobRow.id == PlaceRow.job_id)
        job = job.where(PlaceRow.message_id == thread_id, JobRow.told_at.is_not(None))
        if found := await self._find(job):
            is_there = PostRow.job_id.in_(found), PostRow.channel_id == thread_id
            await self._execute(delete(PostRow).where(*is_there))

    async def posts(self, job_id: int) -> list[Post]:
        """List the messages with a job's result."""
        rows = select(PostRow).where(PostRow.job_id == job_id).order_by(PostRow.message_id)
        found = await self._find(rows)
        return [Post(each.job_id, each.channel_id, each.message_id, each.number) for each in found]

    async def by_post(self, message_id: int) -> JobRecord | None:
        """Return the record of the job whose result a message holds; None if it holds none."""
        return await self._record_of(JobRow.id.in_(_posted(message_id)))

    async def by_message(self, message_id: int) -> JobRecord | None:
        """Return the record of the job that any kind of message belongs to; None if to none."""
        is_place = or_(PlaceRow.message_id == message_id, PlaceRow.progress_id == message_id)
        placed = select(PlaceRow.job_id).where(is_place)
        return await self._record_of(JobRow.id.in_(_posted(message_id).union(placed)))

    async def author_of_post(self, message_id: int) -> int | None:
        """Return the author of the job whose result a message holds; None if it holds none."""
        rows = select(JobRow.author_id).join(PostRow, PostRow.job_id == JobRow.id)
        async with self._read() as session:
            return await session.scalar(rows.where(PostRow.message_id == message_id))

    async def is_post_of(self, message_id: int, person_id: int) -> bool:
        """Return whether a message holds the result of a job that is all of a person's making."""
        rows = select(PostRow.job_id).join(JobRow, JobRow.id == PostRow.job_id)
        rows = rows.where(PostRow.message_id == message_id, is_all_of(person_id))
        async with self._read() as session:
            return await session.scalar(rows) is not None

    async def _record_of(self, condition: ColumnElement[bool]) -> JobRecord | None:
        records, _ = await self._records(condition)
        return records[0] if records else None

    async def _records(
        self, condition: ColumnElement[bool]
    ) -> tuple[list[JobRecord], list[JobRow]]:
        """Return the records of jobs, oldest first, and the rows of unreadable jobs."""
        rows = select(JobRow, PlaceRow).outerjoin(PlaceRow, PlaceRow.job_id == JobRow.id)
        sources = select(SourceRow).join(JobRow, JobRow.id == SourceRow.job_id).where(condition)
        pictures: dict[int, dict[bytes, bytes]] = defaultdict(dict)
        async with self._read() as session:
            found = (await session.execute(rows.where(condition).order_by(JobRow.id))).all()
            for each in await session.scalars(sources):
                pictures[each.job_id][each.digest] = each.content
        # There may be thousands of jobs.
        return await asyncio.to_thread(_readable, found, pictures)


def is_in(shards: Shards) -> ColumnElement[bool]:
    """Select the jobs of some shards, as `Shards.has` does."""
    if shards.are_all:
        return true()
    shard = func.coalesce(JobRow.guild_id, 0) // 2**TIME_BITS % shards.count
    return shard.in_(shards.ids)


def _posted(message_id: int) -> Select[int]:
    return select(PostRow.job_id).where(PostRow.message_id == message_id)


def _readable(
    found: Sequence[_Found], pictures: Mapping[int, Mapping[bytes, bytes]]
) -> tuple[list[JobRecord], list[JobRow]]:
    records: list[JobRecord] = []
    unreadable: list[JobRow] = []
    for row, place in found:
        try:
            records.append(_record(row, place, _job(row, _recipes(row, pictures.get(row.id, {})))))
        except (RecipeError, ValueError, TypeError) as error:
            level = logging.INFO if row.sources_removed else logging.ERROR
            extra = {"job": row.id, "cause": str(error)}
            log.log(level, "a stored job is unreadable", extra=extra)
            unreadable.append(row)
    return records, unreadable


def _log_unreadable(row: JobRow, now: datetime) -> None:
    """Log the end of a job as `bot.delivery.job_end` does, with what is known without a recipe."""
    extra = {
        "job": row.id,
        "end": JobState.FAILED.value,
        "person": row.author_id,
        "server": row.guild_id,
        "channel": row.channel_id,
        "kind": row.kind,
        "device": row.device,
        "pictures": 0,
        "steps": 0,
        "total_seconds": round(max(0.0, (now - row.accepted_at).total_seconds()), 3),
        "calls": 0,
        "moves": max(0, row.starts - 1),
        "cause": _UNREADABLE,
    }
    log.warning("job ended", extra=extra)


def is_all_of(person_id: int) -> ColumnElement[bool]:
    """Select jobs of a person that are made from nothing of others."""
    return and_(JobRow.author_id == person_id, ~JobRow.borrowed)


def _recipes(row: JobRow, pictures: Mapping[bytes, bytes]) -> tuple[AnyRecipe, ...]:
    recipes = tuple(recipe_from_json(attach_pictures(text, pictures)) for text in row.recipes)
    if not recipes:
        raise ValueError("it has no recipe")
    return recipes


def _job(row: JobRow, recipes: tuple[AnyRecipe, ...]) -> Job:
    return Job(
        id=row.id,
        author_id=row.author_id,
        prompt=row.prompt,
        recipes=recipes,
        kind=row.kind,
        parent_id=row.parent_id,
        guild_id=row.guild_id,
        weight=row.weight,
        spoiler=row.spoiler,
        locale=row.locale,
        author_locale=row.author_locale,
        keeps_best=row.keeps_best,
        borrowed=row.borrowed,
    )


def _record(row: JobRow, place: PlaceRow | None, job: Job) -> JobRecord:
    location = None
    if place is not None:
        location = JobLocation(place.guild_id, place.channel_id, place.post_id, place.message_id)
    return JobRecord(
        job=job,
        state=JobState(row.state),
        location=location,
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
        judge=row.judge,
        device=row.device,
        starts=row.starts,
        cause=row.cause,
    )
