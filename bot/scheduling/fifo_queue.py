"""Jobs in the order of their submission, each painted to its end.

Nothing here is safe to call from several threads.
"""

from collections.abc import Callable
from itertools import islice, takewhile

from bot.scheduling.homes import Homes
from bot.scheduling.queued_job import (
    MayTake,
    QueuedJob,
    QueuePosition,
    Slowness,
    anything,
    as_usual,
)


class FifoQueue:
    """Jobs in the order of their submission, each painted to its end."""

    def __init__(self) -> None:
        self.homes = Homes()
        self._jobs: dict[int, QueuedJob] = {}

    def add(self, queued: QueuedJob) -> None:
        """Add a new job behind all others."""
        self._jobs[queued.job.id] = queued

    def start_slice(
        self, seat: int = 0, may_take: MayTake = anything, *, at_home_first: bool = False
    ) -> QueuedJob | None:
        """Return the job that was submitted first of those that wait; call `hold` with it.

        Returns None if there is no job that the seat may take. With `at_home_first`, it is the job
        that the painter of the seat has begun, if there is one, then the first that nobody has.
        """
        waiting = (each for each in self._jobs.values() if each.seat is None and may_take(each))
        chosen = None
        if at_home_first:
            own = (each for each in self.homes.at(seat) if each.seat is None and may_take(each))
            chosen = min(own, key=lambda each: each.job.id, default=None)
            if chosen is None:
                new = (each for each in self._jobs.values() if each.home is None)
                chosen = next((each for each in new if each.seat is None and may_take(each)), None)
        return chosen or next(waiting, None)

    def hold(self, queued: QueuedJob, seat: int) -> None:
        """Give a job to a seat until `end_slice`."""
        queued.seat = seat
        self.homes.settle(queued, seat)

    def batch_candidates(
        self, leader: QueuedJob, most: int, fits: Callable[[QueuedJob], bool]
    ) -> list[QueuedJob]:
        """Return the next jobs up to the first that does not fit, so that none is overtaken."""
        others = (
            each
            for each in self._jobs.values()
            if each is not leader and each.seat in (None, leader.seat)
        )
        return list(islice(takewhile(fits, others), most))

    def charge(self, queued: QueuedJob, cost: float, _slowness: float = 1.0) -> None:
        """Record work done for a job."""
        queued.take(cost)

    def end_slice(self, queued: QueuedJob) -> None:
        """Let a job wait again: it has the next slice of its painter, too."""
        queued.seat = None

    def leave_home(self, queued: QueuedJob) -> None:
        """Note that a job's run is gone."""
        self.homes.settle(queued, None)

    def remove(self, queued: QueuedJob) -> None:
        """Remove a job."""
        self._jobs.pop(queued.job.id, None)
        self.homes.settle(queued, None)

    def position(self, queued: QueuedJob, slowness: Slowness = as_usual) -> QueuePosition:
        """Return the work of all jobs before this one, as a single painter does it."""
        before = list(takewhile(lambda other: other is not queued, self._jobs.values()))
        start = sum(other.work(slowness) for other in before)
        return QueuePosition(len(before), start, start + queued.work(slowness))
