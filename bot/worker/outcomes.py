"""What became of a job when the engine worked on it. `Finished` is an event, too."""

from dataclasses import dataclass

from bot.jobs.events import Finished


@dataclass(frozen=True)
class Advanced:
    """The job is ready for its next step."""


@dataclass(frozen=True)
class Errored:
    """The job ends with an error, which is the user's or the program's."""

    error: Exception


@dataclass(frozen=True)
class Withdrawn:
    """The job ends without an event: it was cancelled, or the program is about to end."""


@dataclass(frozen=True)
class Deferred:
    """The job cannot share the steps of this slice, and waits for a slice of its own."""


Outcome = Advanced | Finished | Errored | Withdrawn | Deferred
