"""How many bytes of large content are stored for jobs.

Recipes count too, because those of version 1.0 contain pictures.
"""

from typing import Any

from sqlalchemy import (
    JSON,
    ColumnElement,
    ScalarSelect,
    Select,
    Subquery,
    Text,
    cast,
    func,
    select,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute

from bot.storage.tables import CheckpointRow, DraftRow, FrameRow, JobRow, PictureRow, SourceRow

_CONTENTS = (
    (CheckpointRow.job_id, CheckpointRow.state),
    (FrameRow.job_id, FrameRow.content),
    (PictureRow.job_id, PictureRow.content),
    (SourceRow.job_id, SourceRow.content),
    (JobRow.id, JobRow.recipes),
)


def size_of(content: InstrumentedAttribute[Any]) -> ColumnElement[int]:
    """Return the size of a column's value, in bytes, or in characters if it is text."""
    return func.length(cast(content, Text) if isinstance(content.type, JSON) else content)


def holdings() -> Subquery:
    """Return a query of job ids and sizes in bytes, with several rows for a job.

    It reads whole tables.
    """
    rows = (select(job.label("job_id"), size_of(size).label("size")) for job, size in _CONTENTS)
    return union_all(*rows).subquery()


def stored_bytes() -> Select[int]:
    """Select the bytes of all large content, drafts included."""
    held = holdings()
    of_jobs = select(func.coalesce(func.sum(held.c.size), 0)).scalar_subquery()
    drafts = func.length(DraftRow.source) + func.coalesce(func.length(DraftRow.mask), 0)
    of_drafts = select(func.coalesce(func.sum(drafts), 0)).scalar_subquery()
    return select(of_jobs + of_drafts)


def total_of(author_id: int) -> ColumnElement[int]:
    """Return the bytes of all jobs of a user, for which their rows only are read."""
    jobs = select(JobRow.id).where(JobRow.author_id == author_id).scalar_subquery()
    sizes: list[ScalarSelect[int]] = [
        select(func.coalesce(func.sum(size_of(size)), 0)).where(job.in_(jobs)).scalar_subquery()
        for job, size in _CONTENTS
    ]
    first, *others = sizes
    total: ColumnElement[int] = first + 0
    for each in others:
        total = total + each
    return total
