"""What a painter asks of the queue between two steps: it sits on a seat, and each has its own.

The queue knows who paints next; a painter knows only its seat.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from bot.jobs.job import Job
from bot.scheduling.model_calls import SeatCall
from bot.scheduling.run_moves import RunMove


@dataclass(frozen=True)
class DeviceKind:
    """What counts about the device of a painter, for whoever decides who paints what."""

    name: str = ""
    """Name of the kind; devices of one name are measured together."""
    runs: str = ""
    """The kind of the runs that it begins, as in `bot.scheduling.run_kinds`."""


ANY_DEVICE = DeviceKind()
"""The kind of the only device, which compares with none."""


@dataclass(frozen=True)
class Slice:
    """Some consecutive steps of one job."""

    job: Job
    steps: int
    """Number of steps to take; 0 if the job must only be stopped where it is."""
    move: RunMove | None = None
    """How the job's run comes here from another painter; None if it need not."""


class StopRequest(Enum):
    """A user's request to end a job that is being painted."""

    STOP = "stop"
    CANCEL = "cancel"


class Seats(Protocol):
    """The queue, as painters see it."""

    @property
    def closed(self) -> bool:
        """True once the program is about to end."""
        ...

    def seat(self, kind: DeviceKind) -> "Seat":
        """Return a new seat, for a painter on a device of some kind that is ready to paint."""
        ...


class Seat(Protocol):
    """One painter's place at the queue."""

    @property
    def closed(self) -> bool:
        """True once the program is about to end."""
        ...

    def dequeue(self) -> Slice | SeatCall | None:
        """Wait for the next call or slice; return None once the queue is closed.

        There is no slice while jobs are held. Call `end_slice` at the end of a slice.
        """
        ...

    def next_call(self) -> SeatCall | None:
        """Return a call to make before the next step, if there is one; the slice goes on after it.

        Model calls are left to painters that have nothing to do.
        """
        ...

    def next_call_before(self, move: RunMove) -> SeatCall | None:
        """Wait until a run has come, or will not; return a call to make meanwhile, else None."""
        ...

    def select_batch(self, most: int, fits: Callable[[Job], bool]) -> list[Job]:
        """Return the jobs that take the next step, at most `most`, the leader first.

        The batch is selected again after any job came or went. `fits` is then called for one job
        after the other, in the order of their slices; a job for which it returns True is in.
        """
        ...

    def charge(
        self, cost: float = 0.0, *, job: Job | None = None, slowness: float = 1.0
    ) -> StopRequest | None:
        """Record work done for a job in the batch; return the request to end it, if any.

        By default the job is the leader. `slowness` is how much longer than usual work of this cost
        takes.
        """
        ...

    def leave_batch(self, job: Job) -> None:
        """Take a job out of the batch; it stays in the queue unless it was removed."""
        ...

    def finish(self, job: Job) -> None:
        """Take a job that has ended out of the batch and the queue."""
        ...

    def end_slice(self) -> None:
        """End the current slice for all jobs in the batch, the leader first."""
        ...

    def jobs(self) -> list[Job]:
        """Return the jobs in the batch, the leader first."""
        ...

    def __contains__(self, job_id: int) -> bool:
        """Return True if the run of a job in the queue lives here, and should be kept."""
        ...

    def leave(self) -> list[Job]:
        """Give the seat up for good, because its painter died; others go on with its jobs.

        Returns the jobs that stay with nobody, because painters die of them.
        """
        ...
