"""Texts about the queue, and about cancelling and deleting jobs.

They stay within Discord's limits: 2000 characters of text, 100 of a choice.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from bot.jobs.events import JobProgress
from bot.jobs.job import Job
from bot.scheduling.eta import Eta
from bot.ui import formatting, job_text

_LISTED, _MOST_LISTED = 60, 10
"""Maximum length of a prompt in a list, and of the list."""
_MOST_LEFT = 5
"""Maximum number of links to messages that could not be deleted."""
_MESSAGE, _CHOICE = 2000, 100
"""Maximum lengths of a message and a choice, in characters."""


def choice_text(job: Job, state: str) -> str:
    """Return a job as a choice of autocomplete, where Discord formats nothing."""
    start, end = f"#{job.id} ", f" · {state}"
    return start + formatting.one_line(job.prompt, _CHOICE - len(start) - len(end)) + end


def confirm_delete_text(job: Job, *, is_moderator: bool) -> str:
    """Return the question that comes before a deletion, by the user or by a moderator."""
    pictures = "the picture" if len(job.recipes) == 1 else f"all {len(job.recipes)} pictures"
    where = " in the channels that you moderate" if is_moderator else ""
    return (
        f"Delete {pictures} of {formatting.escape_prompt(job.prompt, _LISTED)}, "
        f"and all my messages about it{where}? This can't be undone."
    )


def deleted_text(removed: int, left: Sequence[str], *, kept: bool, has_thread: bool) -> str:
    """Return how many messages of a job were deleted, and which remain.

    `left` are links to those that could not be deleted; `kept` tells of some that may not be.
    """
    if removed == 0 and not left:
        return "It was already deleted."
    lines = [f"Deleted, with {formatting.plural(removed, 'message')}."]
    if kept:
        lines.append(
            "My messages in other channels stay: only the person who asked for the picture, or a "
            "moderator there, can delete them."
        )
    if left:
        urls = "\n".join(left[:_MOST_LEFT])
        urls += f"\nand {len(left) - _MOST_LEFT} more" if len(left) > _MOST_LEFT else ""
        lines.append(f"I couldn't delete these, so please ask a moderator to:\n{urls}")
    if has_thread:
        lines.append("-# The thread stays, because others may have written there.")
    return "\n".join(lines)


def cancelled_text(jobs: Sequence[Job], none: str = "You have no queued or running jobs.") -> str:
    """Return which jobs were cancelled, or `none` if there were none."""
    if not jobs:
        return none
    prompts = [formatting.escape_prompt(job.prompt, _LISTED) for job in jobs[:_MOST_LISTED]]
    more = f" and {len(jobs) - len(prompts)} more" if len(jobs) > len(prompts) else ""
    return f"Cancelled: {', '.join(prompts)}{more}."


def queued_text(job: Job, eta: Eta | None, url: str) -> str:
    """Return when a job that was just accepted will be ready, and where."""
    ready = _ready_text(len(job.recipes), None if eta is None else eta.end, url)
    if eta is None or eta.jobs_ahead == 0:
        return ready
    ahead = eta.jobs_ahead
    before = "1 job is before yours." if ahead == 1 else f"{ahead} jobs are before yours."
    return f"{before} {ready}"


def _ready_text(pictures: int, end: datetime | None, url: str) -> str:
    if end is None:
        if pictures == 1:
            return f"Your picture will appear here: {url}"
        return f"Your {pictures} pictures will appear here: {url}"
    left = formatting.duration_text((end - datetime.now(UTC)).total_seconds())
    if pictures == 1:
        return f"Your picture will be ready in about {left}: {url}"
    return f"Your {pictures} pictures will be ready in about {left}: {url}"


def over_text(url: str) -> str:
    """Return where a job that has ended is told."""
    return f"This is done: {url}"


def in_queue_text(job: Job, underway: JobProgress | None, forecast: Eta | None) -> str:
    """Return a job as one line of the queue."""
    number = f"#{job.id}" if underway is None else f"[#{job.id}]({underway.location.url})"
    begun = underway is not None and underway.begun
    where = "running" if begun else "waiting"
    if underway is not None and underway.progress is not None:
        where = str(job_text.step_text(job, underway.progress))
    parts = [number, formatting.escape_prompt(job.prompt, _LISTED), f"<@{job.author_id}>", where]
    if forecast is not None and not begun and forecast.start is not None:
        parts.append(f"starts {formatting.relative_time(forecast.start)}")
    if forecast is not None and forecast.end is not None:
        parts.append(f"done {formatting.relative_time(forecast.end)}")
    return " · ".join(parts)


def list_text(heading: str, lines: Sequence[str], total: int) -> str:
    """Return a heading and as many lines as fit into a message, with the count of the rest."""
    text, shown_lines = heading, 0
    for line in lines:
        rest = total - shown_lines - 1
        end = f"\nand {rest} more" if rest else ""
        if len(text) + 1 + len(line) + len(end) > _MESSAGE:
            break
        text, shown_lines = f"{text}\n{line}", shown_lines + 1
    rest = total - shown_lines
    return text + (f"\nand {rest} more" if rest else "")
