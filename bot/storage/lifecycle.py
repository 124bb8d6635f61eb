"""The course of a job: its states, and what is kept of it on the way and at its end.

A change of state takes place only from a state that allows it, in one transaction. Of several that
race, whoever comes first wins, and the others are told that nothing was changed.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, insert, literal, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from bot.jobs.job import UNFINISHED, JobState
from bot.jobs.records import StoredCheckpoint, StoredFrame, StoredPicture
from bot.storage.base import Repository
from bot.storage.tables import CheckpointRow, FrameRow, JobRow, PictureRow

KEPT = 2
"""Checkpoints of a picture that is being painted: if one is damaged, there is another."""


class LifecycleRepository(Repository):
    """How jobs begin, go on and end. Methods that return a bool say whether they changed it."""

    async def mark_running(self, job_id: int) -> bool:
        """A job that was queued is running."""
        values = {"state": JobState.RUNNING, "began_at": datetime.now(UTC)}
        async with self._write.begin() as session:
            return await _change(session, job_id, (JobState.QUEUED,), values)

    async def request_stop(self, job_id: int) -> bool:
        """A running job shall end soon; the wish outlives the program."""
        async with self._write.begin() as session:
            return await _change(session, job_id, (JobState.RUNNING,), {"stop_wanted": True})

    async def cancel(self, job_id: int, reason: str | None = None) -> bool:
        """A job ends without pictures."""
        return await self._end_without(job_id, JobState.CANCELLED, reason)

    async def fail(self, job_id: int, reason: str) -> bool:
        """A job ends without pictures, because it could not be painted."""
        return await self._end_without(job_id, JobState.FAILED, reason)

    async def finish(
        self, job_id: int, pictures: Sequence[StoredPicture], seconds: float, *, stopped: bool
    ) -> bool:
        """A job ends with its pictures, which are stored with its end or not at all."""
        now = datetime.now(UTC)
        state = JobState.STOPPED if stopped else JobState.DONE
        values = {"state": state, "ended_at": now, "seconds": seconds}
        async with self._write.begin() as session:
            if not await _change(session, job_id, UNFINISHED, values):
                return False
            for each in pictures:
                session.add(
                    PictureRow(
                        job_id=job_id,
                        number=each.number,
                        steps=each.steps,
                        content=each.content,
                        created_at=now,
                    )
                )
            await session.execute(delete(CheckpointRow).where(_is_superseded(job_id, kept=1)))
        return True

    async def mark_notified(self, job_id: int, reason: str | None = None) -> None:
        """The last message about a job's end has arrived, or, for a `reason`, none ever will."""
        values: dict[str, Any] = {"told_at": datetime.now(UTC)}
        if reason is not None:
            values["reason"] = reason
        async with self._write.begin() as session:
            await session.execute(update(JobRow).where(JobRow.id == job_id).values(values))

    async def set_notice(self, job_id: int, text: str) -> None:
        """Keep what a job's people should know about its course."""
        change = update(JobRow).where(JobRow.id == job_id)
        async with self._write.begin() as session:
            await session.execute(change.values(notice=text))

    async def add_checkpoint(
        self, job_id: int, checkpoint: StoredCheckpoint, frames: Sequence[StoredFrame]
    ) -> bool:
        """Keep what a job can go on from, and how it looked since the checkpoint before."""
        assert checkpoint.state is not None
        picture, steps = checkpoint.picture, checkpoint.steps_done
        row = {
            "job_id": job_id,
            "picture": picture,
            "steps_done": steps,
            "seconds": checkpoint.seconds,
            "state": checkpoint.state,
            "digest": hashlib.sha256(checkpoint.state).digest(),
            "created_at": datetime.now(UTC),
        }
        # One that is further on is there only if it was damaged, and the run went back.
        is_ahead = and_(
            CheckpointRow.job_id == job_id,
            CheckpointRow.picture == picture,
            CheckpointRow.steps_done > steps,
        )
        async with self._write.begin() as session:
            is_open = select(JobRow.id).where(JobRow.id == job_id, JobRow.state.in_(UNFINISHED))
            if await session.scalar(is_open) is None:
                return False
            await session.execute(delete(CheckpointRow).where(is_ahead))
            await session.execute(insert(CheckpointRow).prefix_with("OR REPLACE").values(row))
            await session.execute(delete(CheckpointRow).where(_is_superseded(job_id, KEPT)))
            for each in frames:
                values = {"picture": each.picture, "step": each.step, "content": each.content}
                adding = insert(FrameRow).prefix_with("OR REPLACE")
                await session.execute(adding.values(job_id=job_id, **values))
        return True

    async def checkpoints(self, job_id: int) -> list[StoredCheckpoint]:
        """What a job can go on from, by its pictures, the newest of each picture first."""
        order = (CheckpointRow.picture, CheckpointRow.steps_done.desc())
        rows = select(CheckpointRow).where(CheckpointRow.job_id == job_id).order_by(*order)
        async with self._read() as session:
            found = (await session.scalars(rows)).all()
        return [
            StoredCheckpoint(
                row.picture, row.steps_done, row.seconds, row.state if _is_intact(row) else None
            )
            for row in found
        ]

    async def frames(self, job_id: int) -> list[StoredFrame]:
        """How a job's pictures looked on the way, in the order of pictures and steps."""
        order = (FrameRow.picture, FrameRow.step)
        rows = select(FrameRow).where(FrameRow.job_id == job_id).order_by(*order)
        async with self._read() as session:
            found = (await session.scalars(rows)).all()
        return [StoredFrame(row.picture, row.step, row.content) for row in found]

    async def pictures(self, job_id: int) -> list[StoredPicture]:
        """The pictures of a job that has ended."""
        rows = select(PictureRow).where(PictureRow.job_id == job_id).order_by(PictureRow.number)
        async with self._read() as session:
            found = (await session.scalars(rows)).all()
        return [StoredPicture(row.number, row.steps, row.content) for row in found]

    async def delete_pictures(self, job_id: int) -> bool:
        """Remove what a job that has ended has left; say whether there were pictures."""
        has_ended = and_(JobRow.id == job_id, JobRow.state.not_in(UNFINISHED))
        async with self._write.begin() as session:
            if await session.scalar(select(JobRow.id).where(has_ended)) is None:
                return False
            for table in (CheckpointRow, FrameRow):
                await session.execute(delete(table).where(table.job_id == job_id))
            gone = delete(PictureRow).where(PictureRow.job_id == job_id)
            return bool((await session.scalars(gone.returning(PictureRow.number))).all())

    async def _end_without(self, job_id: int, state: JobState, reason: str | None) -> bool:
        values = {"state": state, "ended_at": datetime.now(UTC), "reason": reason}
        async with self._write.begin() as session:
            if not await _change(session, job_id, UNFINISHED, values):
                return False
            for table in (CheckpointRow, FrameRow):
                await session.execute(delete(table).where(table.job_id == job_id))
        return True


async def copy_checkpoints(
    session: AsyncSession, parent_id: int, job_id: int, picture: int | None = None
) -> None:
    """Give a job the last checkpoint of each of its parent's pictures, and the frames.

    With `picture`, those of this one only, which is the job's first.
    """
    is_last = ~_is_superseded(parent_id, kept=1)
    own = ("job_id", "picture")
    for table, is_meant in ((CheckpointRow, is_last), (FrameRow, true())):
        names = [column.name for column in table.__table__.columns if column.name not in own]
        columns = [getattr(table, name) for name in names]
        number = table.picture if picture is None else literal(1)
        is_wanted = true() if picture is None else table.picture == picture
        source = select(literal(job_id), number, *columns)
        source = source.where(table.job_id == parent_id, is_meant, is_wanted)
        await session.execute(insert(table).from_select([*own, *names], source))


async def _change(
    session: AsyncSession, job_id: int, states: Sequence[JobState], values: dict[str, Any]
) -> bool:
    """Change a job that is in one of some states; say whether it was."""
    is_meant = and_(JobRow.id == job_id, JobRow.state.in_(states))
    change = update(JobRow).where(is_meant).values(values).returning(JobRow.id)
    return await session.scalar(change) is not None


def _is_superseded(job_id: int, kept: int) -> ColumnElement[bool]:
    """Which checkpoints of a job have `kept` others of their picture after them."""
    later = aliased(CheckpointRow)
    after = (
        select(func.count())
        .select_from(later)
        .where(
            later.job_id == CheckpointRow.job_id,
            later.picture == CheckpointRow.picture,
            later.steps_done > CheckpointRow.steps_done,
        )
        .correlate(CheckpointRow)
        .scalar_subquery()
    )
    return and_(CheckpointRow.job_id == job_id, after >= kept)


def _is_intact(row: CheckpointRow) -> bool:
    return hashlib.sha256(row.state).digest() == row.digest
