"""What each of several painters does, for `/status`."""

from collections.abc import Sequence

from bot.jobs.job import Job
from bot.languages.message import Message, joined

_GIBIBYTE = 2**30


def painter_text(number: int, device: str, doing: Message, memory: int | None) -> Message:
    """Return a line about a painter; `memory` are its bytes for models and a run, if known."""
    size = (
        None if memory is None else Message("{gib} GiB of memory", gib=f"{memory / _GIBIBYTE:.1f}")
    )
    head = Message("**Device {number}** {device}", number=number, device=device)
    return joined(" · ", (head, doing, size))


def doing_text(jobs: Sequence[Job], elsewhere: int, *, is_ready: bool, is_alive: bool) -> Message:
    """Return what a painter does: it paints `jobs`, and some more that the reader may not see."""
    if not is_alive:
        return Message("ended with an error, which is in the log")
    if not is_ready:
        return Message("loads the models")
    if not jobs and not elsewhere:
        return Message("has nothing to do")
    hidden = Message("{count} elsewhere", count=elsewhere) if elsewhere else None
    return Message("paints {jobs}", jobs=joined(", ", (*(f"#{job.id}" for job in jobs), hidden)))
