"""The text of one of several pictures that someone took."""

from dataclasses import replace

from bot.jobs.records import JobRecord, StoredPicture
from bot.ui import job_text


def taken_text(record: JobRecord, picture: StoredPicture, user_id: int) -> str:
    """Return the text of a picture of a job that a user took."""
    job, number = record.job, picture.number
    recipe = job.recipes[number - 1]
    parts = [
        f"Picture {number} of {len(job.recipes)}",
        f"{picture.steps} steps",
        f"seed {recipe.seed}",
        *([] if user_id == job.author_id else [f"taken by <@{user_id}>"]),
    ]
    return f"{job_text.headline(replace(job, recipes=(recipe,)))}\n-# {' · '.join(parts)}"
