"""The erasure of everything that is stored about a user.

One transaction stores the request, then jobs are deleted one by one. Each of these transactions
also stores which of the job's messages are still on Discord, so that a restart loses nothing.
"""

from collections.abc import AsyncIterator

from sqlalchemy import ColumnElement, and_, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.jobs.job import UNFINISHED
from bot.jobs.personal_data import ErasureRequest, PendingMessageDeletion
from bot.shards import ALL_SERVERS, Shards
from bot.storage.base import Repository
from bot.storage.exports import is_fact_about
from bot.storage.jobs import is_in
from bot.storage.retry import retrying
from bot.storage.tables import (
    CheckpointRow,
    DeletionRow,
    DraftRow,
    FactRow,
    FrameRow,
    GalleryPersonRow,
    JobRow,
    LogMessageRow,
    PictureRow,
    PlaceRow,
    PostRow,
    PreferencesRow,
    RemovalRow,
    SourceRow,
    StyleRow,
)

_CONTENT = (CheckpointRow, FrameRow, PictureRow, SourceRow)


class PersonalDataRepository(Repository):
    """Erases the data of users."""

    async def request_erasure(self, author_id: int, locale: str | None = None) -> ErasureRequest:
        """Store a request to erase everything that is stored about a user now.

        `locale` is Discord's name of the user's language. Preferences, saved styles and the consent
        to the gallery are deleted at once, so that later ones stay.
        """
        jobs = select(func.max(JobRow.id)).where(JobRow.author_id == author_id)
        drafts = select(func.max(DraftRow.id)).where(DraftRow.author_id == author_id)
        async with self._write() as session:
            newest = (await session.scalar(jobs) or 0, await session.scalar(drafts) or 0)
            row = await session.get(DeletionRow, author_id)
            if row is None:
                counts = dict.fromkeys(("jobs", "pictures", "drafts", "messages", "left"), 0)
                row = DeletionRow(author_id=author_id, **counts)
                session.add(row)
            row.last_job_id, row.last_draft_id = newest
            row.locale = locale or row.locale
            for table in (PreferencesRow, StyleRow, GalleryPersonRow):
                await session.execute(delete(table).where(table.author_id == author_id))
            return _value(row)

    @retrying
    async def erasures(self) -> list[ErasureRequest]:
        """List the requests that are not completed."""
        return [_value(row) for row in await self._find(select(DeletionRow))]

    async def erasure(self, author_id: int) -> ErasureRequest | None:
        """Return a user's request with its totals so far; None if there is none."""
        async with self._read() as session:
            row = await session.get(DeletionRow, author_id)
        return None if row is None else _value(row)

    async def unfinished(self, request: ErasureRequest, shards: Shards = ALL_SERVERS) -> list[int]:
        """List the ids of jobs to cancel, in all servers or those of some shards."""
        wanted = _is_of(request.author_id, request.last_job_id), JobRow.state.in_(UNFINISHED)
        rows = select(JobRow.id).where(*wanted, is_in(shards)).order_by(JobRow.id)
        return await self._find(rows)

    async def erasable(self, request: ErasureRequest) -> list[int]:
        """List the ids of jobs that can be deleted: none whose result is just being posted."""
        wanted = _is_of(request.author_id, request.last_job_id), JobRow.told_at.is_not(None)
        rows = select(JobRow.id).where(*wanted, JobRow.state.not_in(UNFINISHED))
        return await self._find(rows.order_by(JobRow.id))

    async def delete_job(self, job_id: int, author_id: int) -> bool:
        """Delete a job whose end was announced, and its images; return whether it existed.

        Its messages are stored as pending deletions.
        """
        job = select(JobRow.id).where(
            JobRow.id == job_id,
            JobRow.author_id == author_id,
            JobRow.state.not_in(UNFINISHED),
            JobRow.told_at.is_not(None),
        )
        async with self._write() as session:
            if await session.scalar(job) is None:
                return False
            for channel_id, message_id, is_thread in await _messages(session, job_id):
                session.add(
                    RemovalRow(
                        author_id=author_id,
                        channel_id=channel_id,
                        message_id=message_id,
                        is_thread=is_thread,
                    )
                )
            pictures = select(func.count()).select_from(PictureRow)
            count = await session.scalar(pictures.where(PictureRow.job_id == job_id)) or 0
            for table in (*_CONTENT, PostRow, PlaceRow):
                await session.execute(delete(table).where(table.job_id == job_id))
            await session.execute(delete(JobRow).where(JobRow.id == job_id))
            await _count(session, author_id, jobs=1, pictures=count)
        return True

    async def delete_drafts(self, request: ErasureRequest) -> None:
        """Delete the drafts that a request covers."""
        drafts = delete(DraftRow).where(
            DraftRow.author_id == request.author_id, DraftRow.id <= request.last_draft_id
        )
        async with self._write() as session:
            deleted = await session.scalars(drafts.returning(DraftRow.id))
            await _count(session, request.author_id, drafts=len(deleted.all()))

    async def delete_log_messages(self, author_id: int) -> None:
        """Store that the messages about a user in moderation logs are to be deleted."""
        own = delete(LogMessageRow).where(LogMessageRow.author_id == author_id)
        async with self._write() as session:
            for row in await session.scalars(own.returning(LogMessageRow)):
                session.add(
                    RemovalRow(
                        author_id=author_id,
                        channel_id=row.channel_id,
                        message_id=row.message_id,
                        is_thread=False,
                    )
                )

    async def pending_deletions(self, author_id: int) -> AsyncIterator[PendingMessageDeletion]:
        """Yield the messages that are still to be deleted, oldest first, until none is left.

        Pass each one to `finish_deletion` before asking for the next.
        """
        first = select(RemovalRow).where(RemovalRow.author_id == author_id)
        first = first.order_by(RemovalRow.id).limit(1)
        while True:
            async with self._read() as session:
                row = await session.scalar(first)
            if row is None:
                return
            yield PendingMessageDeletion(
                row.id, row.author_id, row.channel_id, row.message_id, row.is_thread
            )

    async def finish_deletion(self, deletion: PendingMessageDeletion, *, succeeded: bool) -> None:
        """Store that a message is gone from Discord, or cannot be deleted."""
        is_counted = succeeded and not deletion.is_thread
        async with self._write() as session:
            await session.execute(delete(RemovalRow).where(RemovalRow.id == deletion.id))
            await _count(
                session, deletion.author_id, messages=int(is_counted), left=int(not succeeded)
            )

    async def finish_erasure(self, author_id: int) -> ErasureRequest | None:
        """Delete a completed erasure request and return its totals; None if work remains.

        Its last transaction also deletes the texts about the user.
        """
        async with self._write() as session:
            row = await session.get(DeletionRow, author_id)
            if row is None:
                return None
            is_draft = and_(DraftRow.author_id == author_id, DraftRow.id <= row.last_draft_id)
            remaining = (
                select(JobRow.id).where(_is_of(author_id, row.last_job_id)),
                select(DraftRow.id).where(is_draft),
                select(RemovalRow.id).where(RemovalRow.author_id == author_id),
            )
            for each in remaining:
                if await session.scalar(each.limit(1)) is not None:
                    return None
            await session.execute(delete(FactRow).where(is_fact_about(author_id)))
            await session.delete(row)
            return _value(row)


def _is_of(author_id: int, last: int | None) -> ColumnElement[bool]:
    is_of = JobRow.author_id == author_id
    return is_of if last is None else and_(is_of, JobRow.id <= last)


async def _messages(session: AsyncSession, job_id: int) -> list[tuple[int, int, bool]]:
    """List channel, message and whether it is a thread, of all messages about a job.

    The job's thread comes last.
    """
    place = await session.get(PlaceRow, job_id)
    posts = (await session.scalars(select(PostRow).where(PostRow.job_id == job_id))).all()
    found: list[tuple[int, int, bool]] = []
    for post in posts:
        channel_id = post.channel_id or (place and place.post_id)
        if channel_id:
            found.append((channel_id, post.message_id, False))
    if place is not None:
        if place.progress_id is not None:
            found.append((place.post_id, place.progress_id, False))
        found.append((place.channel_id, place.message_id, False))
        if place.post_id != place.channel_id:
            found.append((place.channel_id, place.message_id, True))
    return list(dict.fromkeys(found))


async def _count(session: AsyncSession, author_id: int, **more: int) -> None:
    """Add to the totals of an erasure request."""
    values = {name: getattr(DeletionRow, name) + number for name, number in more.items()}
    change = update(DeletionRow).where(DeletionRow.author_id == author_id)
    await session.execute(change.values(values))


def _value(row: DeletionRow) -> ErasureRequest:
    return ErasureRequest(
        author_id=row.author_id,
        last_job_id=row.last_job_id,
        last_draft_id=row.last_draft_id,
        jobs=row.jobs,
        pictures=row.pictures,
        drafts=row.drafts,
        messages=row.messages,
        undeleted=row.left,
        locale=row.locale,
    )
