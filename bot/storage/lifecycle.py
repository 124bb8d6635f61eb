"""The states of jobs, and the checkpoints, frames and pictures that they store.

Each change of state is one transaction and happens only in a state that allows it. Of concurrent
changes the first one wins; the others return False and change nothing.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, insert, literal, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from bot.jobs.job import UNFINISHED, JobState
from bot.jobs.records import StoredCheckpoint, StoredFrame, StoredPicture
from bot.storage.base import Repository, course_of, put_rows
from bot.storage.retry import retrying
from bot.storage.tables import CheckpointRow, FrameRow, JobRow, PictureRow

CHECKPOINTS_KEPT = 2
"""Number of checkpoints of an unfinished picture: if one is damaged, the other can be used."""


class LifecycleRepository(Repository):
    """How jobs start, continue and end. A bool that is returned says whether the job changed."""

    @retrying
    async def mark_running(self, job_id: int, device: str = "") -> bool:
        """Mark a queued job as running; count that a painter on a device begins or goes on."""
        values = {"state": JobState.RUNNING, "began_at": datetime.now(UTC)}
        start = {"device": device or None, "starts": JobRow.starts + 1}
        async with self._write(course_of(job_id)) as session:
            await _change(session, job_id, UNFINISHED, start)
            return await _change(session, job_id, (JobState.QUEUED,), values)

    async def request_stop(self, job_id: int) -> bool:
        """Store that a running job is to stop soon, also after a restart."""
        async with self._write(course_of(job_id)) as session:
            return await _change(session, job_id, (JobState.RUNNING,), {"stop_wanted": True})

    async def cancel(self, job_id: int, reason: str | None = None) -> bool:
        """End a job without pictures because someone cancelled it."""
        return await self._end(job_id, _Ending(JobState.CANCELLED, reason=reason))

    async def fail(self, job_id: int, reason: str, cause: str = "") -> bool:
        """End a job without pictures because it could not be painted.

        `reason` is what people are told, and `cause` what the host should know.
        """
        ending = _Ending(JobState.FAILED, reason=reason, cause=cause or None)
        return await retrying(self._end)(job_id, ending)

    async def finish(
        self,
        job_id: int,
        pictures: Sequence[StoredPicture],
        seconds: float,
        *,
        stopped: bool,
        judge: str | None = None,
    ) -> bool:
        """End a job and store its pictures, in one transaction."""
        state = JobState.STOPPED if stopped else JobState.DONE
        ending = _Ending(state, seconds=seconds, judge=judge)
        return await retrying(self._end)(job_id, ending, pictures)

    @retrying
    async def mark_notified(self, job_id: int, reason: str | None = None) -> None:
        """Store that a job's end was announced, or the `reason` why it cannot be."""
        values: dict[str, Any] = {"told_at": datetime.now(UTC)}
        if reason is not None:
            values["reason"] = reason
        change = update(JobRow).where(JobRow.id == job_id).values(values)
        await self._execute(change, course_of(job_id))

    @retrying
    async def set_notice(self, job_id: int, text: str) -> None:
        """Store the notice that a job's messages show."""
        change = update(JobRow).where(JobRow.id == job_id).values(notice=text)
        await self._execute(change, course_of(job_id))

    async def add_checkpoint(
        self, job_id: int, checkpoint: StoredCheckpoint, frames: Sequence[StoredFrame]
    ) -> bool:
        """Store a checkpoint of an unfinished job, and the frames since the previous one."""
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
            "runs": checkpoint.runs,
        }
        # A later checkpoint exists only if it was damaged and the run returned to an earlier one.
        is_ahead = and_(
            CheckpointRow.job_id == job_id,
            CheckpointRow.picture == picture,
            CheckpointRow.steps_done > steps,
        )
        async with self._write(course_of(job_id)) as session:
            job = select(JobRow.id).where(JobRow.id == job_id, JobRow.state.in_(UNFINISHED))
            if await session.scalar(job) is None:
                return False
            await session.execute(delete(CheckpointRow).where(is_ahead))
            await put_rows(session, CheckpointRow, [row])
            is_superseded = _is_superseded(job_id, CHECKPOINTS_KEPT)
            await session.execute(delete(CheckpointRow).where(is_superseded))
            await _add_frames(session, job_id, frames)
        return True

    async def add_frames(self, job_id: int, frames: Sequence[StoredFrame]) -> None:
        """Store frames of an unfinished job that no checkpoint brought; drop those of others."""
        async with self._write(course_of(job_id)) as session:
            job = select(JobRow.id).where(JobRow.id == job_id, JobRow.state.in_(UNFINISHED))
            if await session.scalar(job) is not None:
                await _add_frames(session, job_id, frames)

    @retrying
    async def checkpoints(self, job_id: int) -> list[StoredCheckpoint]:
        """List a job's checkpoints by picture, the newest of each picture first."""
        order = (CheckpointRow.picture, CheckpointRow.steps_done.desc())
        rows = select(CheckpointRow).where(CheckpointRow.job_id == job_id).order_by(*order)
        return [
            StoredCheckpoint(
                *(row.picture, row.steps_done, row.seconds),
                *(row.state if _is_intact(row) else None, row.runs),
            )
            for row in await self._find(rows)
        ]

    async def some_frames(self, job_id: int, count: int) -> list[StoredFrame]:
        """List up to `count` evenly spaced frames of a job of one picture, the newest included."""
        own = FrameRow.job_id == job_id
        steps = await self._find(select(FrameRow.step).where(own).order_by(FrameRow.step))
        last = len(steps) - 1
        chosen = {steps[round(n * last / max(1, count - 1))] for n in range(count) if steps}
        rows = select(FrameRow).where(own, FrameRow.step.in_(chosen)).order_by(FrameRow.step)
        found = await self._find(rows)
        return [StoredFrame(row.picture, row.step, row.content) for row in found]

    async def frames(self, job_id: int) -> list[StoredFrame]:
        """List the frames of a job by picture and step."""
        order = (FrameRow.picture, FrameRow.step)
        rows = select(FrameRow).where(FrameRow.job_id == job_id).order_by(*order)
        found = await self._find(rows)
        return [StoredFrame(row.picture, row.step, row.content) for row in found]

    async def pictures(self, job_id: int) -> list[StoredPicture]:
        """List the pictures of a job that has ended."""
        rows = select(PictureRow).where(PictureRow.job_id == job_id).order_by(PictureRow.number)
        found = await self._find(rows)
        return [
            StoredPicture(row.number, row.steps, row.content, row.seconds, row.similarity)
            for row in found
        ]

    async def steps(self, job_id: int) -> list[int]:
        """Return the number of steps of each picture of a job that has ended."""
        rows = select(PictureRow.steps).where(PictureRow.job_id == job_id)
        return list(await self._find(rows.order_by(PictureRow.number)))

    async def delete_pictures(self, job_id: int) -> bool:
        """Delete all images of a job that has ended; return whether it had pictures."""
        has_ended = and_(JobRow.id == job_id, JobRow.state.not_in(UNFINISHED))
        async with self._write(course_of(job_id)) as session:
            if await session.scalar(select(JobRow.id).where(has_ended)) is None:
                return False
            for table in (CheckpointRow, FrameRow):
                await session.execute(delete(table).where(table.job_id == job_id))
            gone = delete(PictureRow).where(PictureRow.job_id == job_id)
            return bool((await session.scalars(gone.returning(PictureRow.number))).all())

    async def _end(
        self, job_id: int, ending: "_Ending", pictures: Sequence[StoredPicture] | None = None
    ) -> bool:
        """End a job with pictures, or without (None)."""
        is_repeated, ending.was_tried = ending.was_tried, True
        async with self._write(course_of(job_id)) as session:
            if not await _change(session, job_id, UNFINISHED, ending.values):
                # The connection may have broken just before an attempt was confirmed.
                return is_repeated and await _has_ended(session, job_id, ending)
            if pictures is None:
                for table in (CheckpointRow, FrameRow):
                    await session.execute(delete(table).where(table.job_id == job_id))
                return True
            now = ending.values["ended_at"]
            for each in pictures:
                session.add(PictureRow(job_id=job_id, created_at=now, **asdict(each)))
            await session.execute(delete(CheckpointRow).where(_is_superseded(job_id, keep=1)))
        return True


class _Ending:
    """What an end changes in a job, however often storing it is tried."""

    def __init__(self, state: JobState, **others: Any) -> None:
        self.values = {"state": state, "ended_at": datetime.now(UTC), **others}
        self.was_tried = False


async def copy_checkpoints(
    session: AsyncSession, parent_id: int, job_id: int, picture: int | None = None
) -> None:
    """Copy the last checkpoint of each picture, and the frames, from a job's parent.

    With `picture`, only those of this picture are copied; it becomes the job's first.
    """
    is_last = ~_is_superseded(parent_id, keep=1)
    own = ("job_id", "picture")
    for table, is_meant in ((CheckpointRow, is_last), (FrameRow, true())):
        names = [column.name for column in table.__table__.columns if column.name not in own]
        columns = [getattr(table, name) for name in names]
        number = table.picture if picture is None else literal(1)
        is_wanted = true() if picture is None else table.picture == picture
        source = select(literal(job_id), number, *columns)
        source = source.where(table.job_id == parent_id, is_meant, is_wanted)
        await session.execute(insert(table).from_select([*own, *names], source))


async def _add_frames(session: AsyncSession, job_id: int, frames: Sequence[StoredFrame]) -> None:
    await put_rows(session, FrameRow, [{"job_id": job_id, **asdict(each)} for each in frames])


async def _change(
    session: AsyncSession, job_id: int, states: Sequence[JobState], values: Mapping[str, Any]
) -> bool:
    """Change a job if it is in one of the states; return whether it was."""
    change = update(JobRow).where(JobRow.id == job_id, JobRow.state.in_(states))
    return await session.scalar(change.values(values).returning(JobRow.id)) is not None


async def _has_ended(session: AsyncSession, job_id: int, ending: _Ending) -> bool:
    """Return True if the job has ended in this very way, at this very moment."""
    is_same = [getattr(JobRow, name) == ending.values[name] for name in ("state", "ended_at")]
    job = select(JobRow.id).where(JobRow.id == job_id, *is_same)
    return await session.scalar(job) is not None


def _is_superseded(job_id: int, keep: int) -> ColumnElement[bool]:
    """Select the checkpoints of a job that have at least `keep` later ones of their picture."""
    later = aliased(CheckpointRow)
    later_count = (
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
    return and_(CheckpointRow.job_id == job_id, later_count >= keep)


def _is_intact(row: CheckpointRow) -> bool:
    return hashlib.sha256(row.state).digest() == row.digest
