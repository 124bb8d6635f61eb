"""The text of one of several pictures that someone took."""

from dataclasses import replace

from bot.jobs.records import JobRecord, StoredPicture
from bot.languages.message import Message, joined
from bot.ui import job_text
from bot.ui.formatting import with_small_print
from bot.ui.recipe_text import steps_text


def taken_text(record: JobRecord, picture: StoredPicture, user_id: int) -> Message:
    """Return the text of a picture of a job that a user took."""
    job, number = record.job, picture.number
    recipe = job.recipes[number - 1]
    parts = (
        Message("Picture {number} of {total}", number=number, total=len(job.recipes)),
        steps_text(picture.steps),
        Message.counted("seed {seeds}", "seeds {seeds}", 1, seeds=recipe.seed),
        None if user_id == job.author_id else Message("taken by {person}", person=f"<@{user_id}>"),
    )
    headline = job_text.headline(replace(job, recipes=(recipe,)))
    return with_small_print(headline, joined(" · ", parts))
