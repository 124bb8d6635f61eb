"""Texts about the queue, and about cancelling and deleting jobs.

They stay within Discord's limits: 2000 characters of text, 100 of a choice.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from bot.jobs.events import JobProgress
from bot.jobs.job import Job
from bot.languages.catalogue import Language
from bot.languages.message import Message, in_language, joined
from bot.scheduling.eta import Eta
from bot.ui import formatting, job_text
from engine.recipes.kinds import shown_count

_LISTED, _MOST_LISTED = 60, 10
"""Maximum length of a prompt in a list, and of the list."""
_MOST_LEFT = 5
"""Maximum number of links to messages that could not be deleted."""
_MESSAGE, _CHOICE = 2000, 100
"""Maximum lengths of a message and a choice, in characters."""
_NO_JOBS = Message("You have no queued or running jobs.")


def choice_text(job: Job, state: Message, language: Language) -> str:
    """Return a job as a choice of autocomplete, where Discord formats nothing."""
    start, end = f"#{job.id} ", f" · {state.in_language(language)}"
    return start + formatting.one_line(job.prompt, _CHOICE - len(start) - len(end)) + end


def confirm_delete_text(job: Job, *, is_moderator: bool) -> Message:
    """Return the question that comes before a deletion, by the user or by a moderator."""
    prompt = formatting.escape_prompt(job.prompt, _LISTED)
    if is_moderator:
        return Message.counted(
            "Delete the picture of {prompt}, and all my messages about it in the channels that "
            "you moderate? This can't be undone.",
            "Delete all {count} pictures of {prompt}, and all my messages about it in the channels "
            "that you moderate? This can't be undone.",
            len(job.recipes),
            prompt=prompt,
        )
    return Message.counted(
        "Delete the picture of {prompt}, and all my messages about it? This can't be undone.",
        "Delete all {count} pictures of {prompt}, and all my messages about it? This can't be "
        "undone.",
        len(job.recipes),
        prompt=prompt,
    )


def deleted_text(removed: int, left: Sequence[str], *, kept: bool, has_thread: bool) -> Message:
    """Return how many messages of a job were deleted, and which remain.

    `left` are links to those that could not be deleted; `kept` tells of some that may not be.
    """
    if removed == 0 and not left:
        return Message("It was already deleted.")
    lines = [
        Message.counted(
            "Deleted, with {count} message.", "Deleted, with {count} messages.", removed
        )
    ]
    if kept:
        lines.append(
            Message(
                "My messages in other channels stay: only the person who asked for the picture, or "
                "a moderator there, can delete them."
            )
        )
    if left:
        more = len(left) - _MOST_LEFT
        lines += [
            Message("I couldn't delete these, so please ask a moderator to:"),
            joined("\n", (*left[:_MOST_LEFT], _more_text(more) if more > 0 else None)),
        ]
    if has_thread:
        lines.append(Message("-# The thread stays, because others may have written there."))
    return joined("\n", lines)


def cancelled_text(jobs: Sequence[Job], none: Message | str = _NO_JOBS) -> Message | str:
    """Return which jobs were cancelled, or `none` if there were none."""
    if not jobs:
        return none
    prompts = [formatting.escape_prompt(job.prompt, _LISTED) for job in jobs[:_MOST_LISTED]]
    named, more = ", ".join(prompts), len(jobs) - len(prompts)
    if not more:
        return Message("Cancelled: {prompts}.", prompts=named)
    return Message.counted(
        "Cancelled: {prompts} and {count} more.",
        "Cancelled: {prompts} and {count} more.",
        more,
        prompts=named,
    )


def queued_text(job: Job, eta: Eta | None, url: str) -> Message:
    """Return when a job that was just accepted will be ready, and where."""
    ready = _ready_text(shown_count(job.recipes), None if eta is None else eta.end, url)
    if eta is None or eta.jobs_ahead == 0:
        return ready
    before = Message.counted(
        "{count} job is before yours.", "{count} jobs are before yours.", eta.jobs_ahead
    )
    return joined(" ", (before, ready))


def _ready_text(pictures: int, end: datetime | None, url: str) -> Message:
    if end is None:
        return Message.counted(
            "Your picture will appear here: {url}",
            "Your {count} pictures will appear here: {url}",
            pictures,
            url=url,
        )
    return Message.counted(
        "Your picture will be ready in about {time}: {url}",
        "Your {count} pictures will be ready in about {time}: {url}",
        pictures,
        time=formatting.duration((end - datetime.now(UTC)).total_seconds()),
        url=url,
    )


def over_text(url: str) -> Message:
    """Return where a job that has ended is told."""
    return Message("This is done: {url}", url=url)


def in_queue_text(job: Job, underway: JobProgress | None, forecast: Eta | None) -> Message:
    """Return a job as one line of the queue."""
    number = f"#{job.id}" if underway is None else f"[#{job.id}]({underway.location.url})"
    begun = underway is not None and underway.begun
    where: Message | str = Message("running") if begun else Message("waiting")
    if underway is not None and underway.progress is not None:
        where = job_text.step_text(job, underway.progress)
    prompt = formatting.escape_prompt(job.prompt, _LISTED)
    parts: list[Message | str] = [number, prompt, f"<@{job.author_id}>", where]
    if forecast is not None and forecast.kept_until is not None:
        parts.append(Message("waits for a device like the one that began it"))
    if forecast is not None and not begun and forecast.start is not None:
        when = formatting.relative_time(forecast.start)
        parts.append(Message("starts {when}", when=when))
    if forecast is not None and forecast.end is not None:
        parts.append(Message("done {when}", when=formatting.relative_time(forecast.end)))
    return joined(" · ", parts)


def list_text(
    heading: Message | str, lines: Sequence[Message | str], total: int, language: Language
) -> str:
    """Return a heading and as many lines as fit into a message, with the count of the rest."""

    def end(rest: int) -> str:
        return f"\n{_more_text(rest).in_language(language)}" if rest else ""

    text, shown_lines = in_language(heading, language), 0
    for each in lines:
        line = in_language(each, language)
        if len(text) + 1 + len(line) + len(end(total - shown_lines - 1)) > _MESSAGE:
            break
        text, shown_lines = f"{text}\n{line}", shown_lines + 1
    return text + end(total - shown_lines)


def _more_text(rest: int) -> Message:
    return Message.counted("and {count} more", "and {count} more", rest)
