"""How many bytes of large content are stored for each job."""

from sqlalchemy import Subquery, func, select, union_all

from bot.storage.tables import CheckpointRow, FrameRow, JobRow, PictureRow, SourceRow


def holdings() -> Subquery:
    """Return a query of job ids and sizes in bytes, with several rows for a job.

    Recipes count too, because those of version 1.0 contain pictures.
    """
    contents = (
        (CheckpointRow.job_id, CheckpointRow.state),
        (FrameRow.job_id, FrameRow.content),
        (PictureRow.job_id, PictureRow.content),
        (SourceRow.job_id, SourceRow.content),
        (JobRow.id, JobRow.recipes),
    )
    rows = (select(job.label("job_id"), func.length(size).label("size")) for job, size in contents)
    return union_all(*rows).subquery()
