"""The pictures that the gallery may show, and the people who agreed to it.

Whatever is found was painted to its end and posted in a server, not as a spoiler, for a person who
agrees now, and is made from nothing of others, who were not asked. A message with it is still where
it was asked for.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    LargeBinary,
    Row,
    Select,
    and_,
    delete,
    exists,
    false,
    func,
    or_,
    select,
    true,
    tuple_,
)

from bot.jobs.gallery import GalleryAudience, GalleryScope, ShownPicture
from bot.jobs.job import JobState
from bot.storage.base import Repository, is_one_of
from bot.storage.tables import (
    DeletionRow,
    FrameRow,
    GalleryPersonRow,
    GalleryPictureRow,
    JobRow,
    PictureRow,
    PlaceRow,
    PostRow,
    folded,
)

HEAD_BYTES = 64
"""Number of bytes of a file that are returned with a picture."""
_EVERYTHING = 1.0
"""The score of the picture filter up to which all pictures are shown."""


class GalleryRepository(Repository):
    """Finds pictures to show."""

    async def agree(self, author_id: int, audience: GalleryAudience) -> None:
        """Store that a person agrees to a gallery that an audience can see."""
        now = datetime.now(UTC)
        row = GalleryPersonRow(author_id=author_id, audience=audience, agreed_at=now)
        await self._merge(row)

    async def withdraw(self, author_id: int) -> None:
        """Store that a person does not agree any more, and delete what is known of their pictures.

        The pictures themselves stay where they are.
        """
        own = select(JobRow.id).where(JobRow.author_id == author_id)
        person = delete(GalleryPersonRow).where(GalleryPersonRow.author_id == author_id)
        async with self._write() as session:
            await session.execute(person)
            await session.execute(
                delete(GalleryPictureRow).where(GalleryPictureRow.job_id.in_(own))
            )

    async def agreed_to(self, author_id: int) -> GalleryAudience | None:
        """Return the audience that a person agreed to; None for none."""
        async with self._read() as session:
            row = await session.get(GalleryPersonRow, author_id)
        return None if row is None else GalleryAudience(row.audience)

    async def agreed(self, people: Collection[int]) -> set[int]:
        """Return those of some people who agree."""
        rows = select(GalleryPersonRow.author_id)
        return set(await self._find(rows.where(is_one_of(GalleryPersonRow.author_id, people))))

    async def places(self, audience: GalleryAudience) -> list[tuple[int, int]]:
        """List the servers and channels in which people who agreed had pictures painted."""
        rows = (
            select(PlaceRow.guild_id, PlaceRow.channel_id)
            .join(JobRow, JobRow.id == PlaceRow.job_id)
            .where(is_of_gallery(audience))
            .distinct()
        )
        async with self._read() as session:
            found = await session.execute(rows)
            return [(guild_id, channel_id) for guild_id, channel_id in found if guild_id]

    async def place(self, job_id: int) -> tuple[int, int] | None:
        """Return the server and the channel in which a job was asked for; None for none."""
        async with self._read() as session:
            row = await session.get(PlaceRow, job_id)
        return None if row is None or row.guild_id is None else (row.guild_id, row.channel_id)

    async def counts(self, scope: GalleryScope) -> dict[int, int]:
        """Return how many pictures each server has in a scope."""
        rows = _joined(select(JobRow.guild_id, func.count())).where(_is_shown(scope))
        async with self._read() as session:
            found = await session.execute(rows.group_by(JobRow.guild_id))
            return {guild_id: count for guild_id, count in found if guild_id is not None}

    async def newest(self, scope: GalleryScope, skipped: int, most: int) -> list[ShownPicture]:
        """List pictures of a scope, the newest first, after the first ones of them."""
        keys = _joined(select(PictureRow.job_id, PictureRow.number)).where(_is_shown(scope))
        keys = keys.order_by(JobRow.id.desc(), PictureRow.number)
        async with self._read() as session:
            found = await session.execute(keys.limit(most).offset(skipped))
            chosen = [(job_id, number) for job_id, number in found]
        return await self.some(scope, chosen)

    async def one(self, scope: GalleryScope, job_id: int, number: int) -> ShownPicture | None:
        """Return a picture; None if it is not in a scope."""
        found = await self.some(scope, [(job_id, number)])
        return found[0] if found else None

    async def matching(self, scope: GalleryScope, most: int) -> list[int]:
        """List the newest rows with embeddings of pictures of a scope, by their numbers."""
        rows = _joined(select(GalleryPictureRow.id), is_known=True).where(_is_shown(scope))
        return await self._find(rows.order_by(JobRow.id.desc()).limit(most))

    async def embedded(
        self, scope: GalleryScope, row_ids: Sequence[int]
    ) -> list[tuple[int, int, bytes]]:
        """Return job, number and embedding of those pictures of a scope that rows belong to."""
        known = GalleryPictureRow
        columns = select(known.job_id, known.number, known.vector)
        async with self._read() as session:
            found = (await session.execute(columns.where(known.id.in_(row_ids)))).all()
            keys = _joined(select(PictureRow.job_id, PictureRow.number))
            keys = keys.where(_is_shown(scope, [job_id for job_id, _, _ in found]))
            shown = {(job_id, number) for job_id, number in await session.execute(keys)}
        return [
            (job_id, number, vector)
            for job_id, number, vector in found
            if (job_id, number) in shown
        ]

    async def some(
        self, scope: GalleryScope, keys: Sequence[tuple[int, int]]
    ) -> list[ShownPicture]:
        """Return those pictures out of some, by job and number, that are in a scope, in order."""
        jobs = {job_id for job_id, _ in keys}
        rows = _joined(_details()).where(_is_shown(scope, jobs))
        async with self._read() as session:
            found = [_value(row) for row in await session.execute(rows)]
        by_key = {(each.job_id, each.number): each for each in found}
        return [by_key[key] for key in keys if key in by_key]

    async def content(self, job_id: int, number: int) -> bytes | None:
        """Return the file of a picture, whether it may be shown or not; None if there is none."""
        rows = select(PictureRow.content)
        rows = rows.where(PictureRow.job_id == job_id, PictureRow.number == number)
        async with self._read() as session:
            return await session.scalar(rows)

    async def first_frame(self, job_id: int, number: int) -> bytes | None:
        """Return the first stored frame of a picture; None if there is none."""
        rows = select(FrameRow.content)
        rows = rows.where(FrameRow.job_id == job_id, FrameRow.picture == number)
        async with self._read() as session:
            return await session.scalar(rows.order_by(FrameRow.step).limit(1))


def is_of_gallery(
    audience: GalleryAudience, jobs: Collection[int] | None = None
) -> ColumnElement[bool]:
    """Select jobs that were painted to their end in servers, for people who agree to an audience.

    Who agreed to everyone agreed to the host too. With `jobs`, only those with these ids.
    """
    state, author_id, is_meant = JobRow.state, JobRow.author_id, true()
    if jobs is not None:
        is_meant = JobRow.id.in_(jobs)
        # SQLite would take the indexes of states and authors for better than hundreds of ids.
        state, author_id = func.coalesce(state, ""), author_id + 0
    people = select(GalleryPersonRow.author_id)
    if audience is GalleryAudience.EVERYONE:
        people = people.where(GalleryPersonRow.audience == audience)
    pending = exists().where(
        DeletionRow.author_id == JobRow.author_id, DeletionRow.last_job_id >= JobRow.id
    )
    return and_(
        author_id.in_(people),
        is_meant,
        state == JobState.DONE,
        JobRow.guild_id.is_not(None),
        JobRow.told_at.is_not(None),
        ~JobRow.spoiler,
        ~JobRow.borrowed,
        ~pending,
    )


def _joined(rows: Select[*tuple[Any, ...]], *, is_known: bool = False) -> Select[*tuple[Any, ...]]:
    """Select from pictures with their jobs and places, and what the gallery knows of them.

    With `is_known`, only those that it knows.
    """
    is_same = and_(
        GalleryPictureRow.job_id == PictureRow.job_id,
        GalleryPictureRow.number == PictureRow.number,
    )
    return (
        rows.select_from(PictureRow)
        .join(JobRow, JobRow.id == PictureRow.job_id)
        .join(PlaceRow, PlaceRow.job_id == PictureRow.job_id)
        .join(GalleryPictureRow, is_same, isouter=not is_known)
    )


def _is_shown(scope: GalleryScope, jobs: Collection[int] | None = None) -> ColumnElement[bool]:
    """Select what is in a scope, out of what `_joined` selects from, or out of some jobs."""
    conditions = [
        is_of_gallery(scope.audience, jobs),
        PlaceRow.guild_id == JobRow.guild_id,
        _has_message(),
    ]
    places = [
        is_one_of(PlaceRow.channel_id, channels)
        if threshold >= _EVERYTHING
        else and_(
            is_one_of(PlaceRow.channel_id, channels),
            GalleryPictureRow.picture_filter == scope.picture_filter,
            GalleryPictureRow.score <= threshold,
        )
        for threshold, channels in scope.channels.items()
    ]
    conditions.append(or_(false(), *places))
    if scope.blocked:
        conditions.append(~is_one_of(JobRow.author_id, scope.blocked))
    if scope.blocked_in:
        pair = tuple_(JobRow.guild_id, JobRow.author_id)
        conditions.append(pair.not_in(sorted(scope.blocked_in)))
    conditions += [
        JobRow.prompt_folded.contains(folded(word), autoescape=True) for word in scope.words
    ]
    return and_(*conditions)


def _has_message() -> ColumnElement[bool]:
    """Select pictures of which a message is still where they were asked for."""
    return exists().where(
        PostRow.job_id == PictureRow.job_id,
        or_(PostRow.picture.is_(None), PostRow.picture == PictureRow.number),
        or_(
            PostRow.channel_id.is_(None),
            PostRow.channel_id == PlaceRow.post_id,
            PostRow.channel_id == PlaceRow.channel_id,
        ),
    )


def _details() -> Select[*tuple[Any, ...]]:
    """Select what `_value` reads."""
    return select(
        PictureRow.job_id,
        PictureRow.number,
        JobRow.guild_id,
        JobRow.prompt,
        func.coalesce(JobRow.ended_at, JobRow.accepted_at).label("painted_at"),
        func.substr(PictureRow.content, 1, HEAD_BYTES, type_=LargeBinary).label("head"),
        JobRow.recipes,
        func.length(GalleryPictureRow.vector).label("length"),
    )


def _value(row: Row[*tuple[Any, ...]]) -> ShownPicture:
    job_id, number, guild_id, prompt, painted_at, head, recipes, length = row
    return ShownPicture(
        job_id=job_id,
        number=number,
        guild_id=guild_id,
        prompt=prompt,
        painted_at=painted_at,
        head=head,
        recipes=tuple(recipes),
        is_embedded=bool(length),
    )
