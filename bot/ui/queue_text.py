"""What is said of jobs in the queue, and of cancelling and deleting them.

Discord's limits are kept here, too: 2000 characters of text, 100 of something to choose.
"""

from collections.abc import Sequence

from bot.jobs.events import JobProgress
from bot.jobs.job import Job
from bot.scheduling.eta import Eta
from bot.ui import formatting, job_text

_LISTED, _MOST_LISTED = 60, 10
"""Characters of a prompt in a list, and how many are listed."""
_MOST_LEFT = 5
"""Links to messages that could not be deleted."""
_MESSAGE, _CHOICE = 2000, 100


def choice_text(job: Job, state: str) -> str:
    """A job as something to choose, where nothing is formatted."""
    start, end = f"#{job.id} ", f" · {state}"
    return start + formatting.one_line(job.prompt, _CHOICE - len(start) - len(end)) + end


def queued_text(url: str) -> str:
    """That something was accepted; its message is at `url`."""
    return f"Queued: {url}"


def confirm_delete_text(job: Job) -> str:
    """The question that comes before deleting."""
    pictures = "the picture" if len(job.recipes) == 1 else f"all {len(job.recipes)} pictures"
    return (
        f"Delete {pictures} of {formatting.escape_prompt(job.prompt, _LISTED)}, "
        "and every message of mine about it? This cannot be undone."
    )


def deleted_text(removed: int, left: Sequence[str], *, has_thread: bool) -> str:
    """That a job was deleted: how many messages are gone, and where others are still."""
    if removed == 0 and not left:
        return "It was deleted already."
    lines = [f"Deleted, with {removed} message{'s' * (removed != 1)}."]
    if left:
        urls = "\n".join(left[:_MOST_LEFT])
        urls += f"\nand {len(left) - _MOST_LEFT} more" if len(left) > _MOST_LEFT else ""
        lines.append(f"These I could not delete, so somebody who may has to:\n{urls}")
    if has_thread:
        lines.append("-# The thread stays, since others may have written there.")
    return "\n".join(lines)


def cancelled_text(jobs: Sequence[Job]) -> str:
    """Which jobs were cancelled."""
    if not jobs:
        return "None of your jobs waits or runs."
    prompts = [formatting.escape_prompt(job.prompt, _LISTED) for job in jobs[:_MOST_LISTED]]
    more = f" and {len(jobs) - len(prompts)} more" if len(jobs) > len(prompts) else ""
    return f"Cancelled: {', '.join(prompts)}{more}."


def in_queue_text(job: Job, underway: JobProgress | None, forecast: Eta | None) -> str:
    """A job as one line of the queue."""
    number = f"#{job.id}" if underway is None else f"[#{job.id}]({underway.location.url})"
    begun = underway is not None and underway.begun
    where = "begun" if begun else "waiting"
    if underway is not None and underway.progress is not None:
        where = job_text.step_text(job, underway.progress)
    parts = [number, formatting.escape_prompt(job.prompt, _LISTED), f"<@{job.author_id}>", where]
    if forecast is not None and not begun and forecast.start is not None:
        parts.append(f"starts {formatting.relative_time(forecast.start)}")
    if forecast is not None and forecast.end is not None:
        parts.append(f"done {formatting.relative_time(forecast.end)}")
    return " · ".join(parts)


def list_text(heading: str, lines: Sequence[str], total: int) -> str:
    """A heading and as many lines as fit into a message, of a `total` of which the rest is told."""
    text, shown_lines = heading, 0
    for line in lines:
        rest = total - shown_lines - 1
        end = f"\nand {rest} more" if rest else ""
        if len(text) + 1 + len(line) + len(end) > _MESSAGE:
            break
        text, shown_lines = f"{text}\n{line}", shown_lines + 1
    rest = total - shown_lines
    return text + (f"\nand {rest} more" if rest else "")
