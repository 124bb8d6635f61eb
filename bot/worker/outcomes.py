"""What became of a job when the engine worked on it."""

from enum import Enum

from bot.jobs.events import Finished


class Standing(Enum):
    """Where a job stands that goes on, or ends without an event."""

    READY = "ready for its next step"
    DEFERRED = "cannot share the steps of this slice, and waits for a slice of its own"
    WITHDRAWN = "was cancelled, or the program is about to end"


Outcome = Standing | Finished | Exception
"""The last two end the job; the exception is the user's error or the program's."""
