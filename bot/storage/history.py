"""Pages of a user's pictures, newest first."""

import asyncio
from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, exists, func, insert, literal, or_, select

from bot.jobs.history import Entry, PageDirection, Scope
from bot.jobs.job import WITH_PICTURES, JobState
from bot.storage.base import Repository, course_of, read_json_object
from bot.storage.tables import JobRow, PictureRow, PlaceRow, PostRow, folded


class HistoryRepository(Repository):
    """Jobs that ended with pictures, even if these were deleted to free space."""

    async def page(
        self, scope: Scope, direction: PageDirection, job_id: int | None
    ) -> Entry | None:
        """Return the newest job of a `scope`, or the one next to `job_id`; None without one."""
        is_in = _is_in(scope)
        order = JobRow.id.asc() if direction is PageDirection.NEWER else JobRow.id.desc()
        wanted = is_in if job_id is None else and_(is_in, _is_next(direction, job_id))
        rows = select(JobRow, PlaceRow).outerjoin(PlaceRow, PlaceRow.job_id == JobRow.id)
        async with self._read() as session:
            found = (await session.execute(rows.where(wanted).order_by(order).limit(1))).first()
            if found is None:
                return None
            row, place = found
            # In one query, which goes through all jobs of the scope.
            counts = (func.count().filter(JobRow.id > row.id), func.count())
            newer, total = (await session.execute(select(*counts).where(is_in))).one()
            posts = select(PostRow).where(PostRow.job_id == row.id).order_by(PostRow.message_id)
            post = await session.scalar(posts.limit(1))
            pictures = select(PictureRow.steps).where(PictureRow.job_id == row.id)
            steps = list(await session.scalars(pictures.order_by(PictureRow.number)))
        link = _link(row, place, post)
        seeds = await asyncio.to_thread(_seeds, row.recipes)
        return Entry(
            job_id=row.id,
            author_id=row.author_id,
            prompt=row.prompt,
            state=JobState(row.state),
            accepted_at=row.accepted_at,
            seeds=seeds,
            steps=tuple(steps),
            link=link,
            can_rerun=not row.sources_removed,
            place=newer + 1,
            total=total,
            spoiler=row.spoiler,
        )

    async def add_repost(
        self, job_id: int, channel_id: int, message_id: int, picture: int | None = None
    ) -> None:
        """Store a message that shows a job's pictures again, unless the job was deleted.

        `picture` is the number of the only one that it shows, if the job has several.
        """
        values = {
            PostRow.message_id: message_id,
            PostRow.job_id: job_id,
            PostRow.channel_id: channel_id,
            PostRow.picture: picture,
        }
        row = select(*(literal(value, column.type) for column, value in values.items()))
        row = row.where(exists().where(JobRow.id == job_id))
        async with self._write(course_of(job_id)) as session:
            await session.execute(insert(PostRow).from_select(list(values), row))

    async def taken(self, job_id: int, channel_id: int, picture: int) -> int | None:
        """Return the oldest message in a channel that holds only this one of a job's pictures."""
        is_meant = and_(
            PostRow.job_id == job_id, PostRow.channel_id == channel_id, PostRow.picture == picture
        )
        oldest = select(func.min(PostRow.message_id)).where(is_meant)
        async with self._read() as session:
            return await session.scalar(oldest)


def _is_in(scope: Scope) -> ColumnElement[bool]:
    # A deleted job has neither pictures nor posts; retention deletes only the pictures.
    is_in = and_(
        JobRow.author_id == scope.author_id,
        JobRow.state.in_(WITH_PICTURES),
        or_(_has_rows(PictureRow), _has_rows(PostRow)),
    )
    if scope.guild_id is not None:
        is_in = and_(is_in, JobRow.guild_id == scope.guild_id)
    if scope.channels is not None:
        is_in = and_(is_in, JobRow.channel_id.in_(scope.channels))
    if scope.search:
        term = folded(scope.search)
        is_in = and_(is_in, JobRow.prompt_folded.contains(term, autoescape=True))
    return is_in


def _has_rows(table: type[PictureRow | PostRow]) -> ColumnElement[bool]:
    """Select jobs with rows in a table, by one look at its index for each job.

    For two EXISTS with OR between them, Postgres would read both tables from end to end.
    """
    first = select(literal(1)).where(table.job_id == JobRow.id).limit(1)
    return first.scalar_subquery().is_not(None)


def _is_next(direction: PageDirection, job_id: int) -> ColumnElement[bool]:
    match direction:
        case PageDirection.OLDER:
            return JobRow.id < job_id
        case PageDirection.NEWER:
            return JobRow.id > job_id
        case PageDirection.HERE:
            return JobRow.id == job_id


def _link(row: JobRow, place: PlaceRow | None, post: PostRow | None) -> str | None:
    """Return the URL of the message with a job's pictures, or else of its announcement."""
    if place is None:
        return None
    channel_id, message_id = place.channel_id, place.message_id
    if post is not None:
        channel_id, message_id = post.channel_id or place.post_id, post.message_id
    # In direct messages there is no server; results go there if their channel is gone.
    is_there = channel_id in (place.channel_id, place.post_id)
    where = row.guild_id if row.guild_id is not None and is_there else "@me"
    return f"https://discord.com/channels/{where}/{channel_id}/{message_id}"


def _seeds(recipes: Sequence[str]) -> tuple[int, ...]:
    """Return the seeds of recipes, even of those that this program can no longer paint."""
    values = (read_json_object(recipe) or {} for recipe in recipes)
    return tuple(each["seed"] for each in values if isinstance(each.get("seed"), int))
