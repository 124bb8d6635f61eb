"""A user in the fair queue: their unfinished jobs, their slices, and their virtual time."""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from itertools import islice

from bot.scheduling.cost import Part
from bot.scheduling.queued_job import QueuedJob, Slowness


class User:
    """A user's unfinished jobs, oldest first, and their virtual time."""

    def __init__(self, time: float, tie_break: int, slices_before: int) -> None:
        self.time = time
        """Virtual time at the start of the user's current slices, or of the next one."""
        self.tie_break = tie_break
        """Rank among users with the same virtual time; the smallest is served first."""
        self.jobs: deque[QueuedJob] = deque()
        self._costs = defaultdict[str, float](float)
        """Cost of the steps that are left in all jobs, by its kind."""
        self.entry_id = 0
        """Id of the user's valid entry in the heaps; 0 if no job of theirs waits."""
        self.slices_before = slices_before
        """Number of all users' slices that had been started when the last job stopped waiting."""
        self.slices: dict[QueuedJob, float] = {}
        """Jobs that are painted in slices of their own, and the virtual time that is charged."""

    @property
    def time_in_line(self) -> float:
        """Virtual time at the start of the user's next slice, as far as it is known."""
        return self.time + sum(self.slices.values())

    def add_cost(self, parts: Iterable[Part], sign: int = 1) -> None:
        """Add steps to those that are left, or take them off with the sign -1."""
        for part in parts:
            self._costs[part.kind] += sign * part.cost

    def work(self, slowness: Slowness) -> float:
        """Return the work that is left in all jobs."""
        return sum(cost * slowness(kind) for kind, cost in self._costs.items())

    def waiting(self) -> Iterator[QueuedJob]:
        """Return the jobs that are in no slice, oldest first."""
        return (each for each in self.jobs if each.seat is None)

    def jobs_for(self, seat: int | None) -> Iterator[QueuedJob]:
        """Return the jobs that are in no slice of another seat, oldest first."""
        return (each for each in self.jobs if each.seat in (None, seat))

    def slice_time(self, most: int) -> float:
        """Return the virtual time of a slice that at most `most` of the user's jobs share."""
        return sum(each.slice_time for each in islice(self.jobs, most))

    def time_beside(self, leader: QueuedJob) -> float:
        """Return the virtual time with all slices but that of `leader`."""
        others = (time for each, time in self.slices.items() if each is not leader)
        return self.time + sum(others)

    def start_slice(self, queued: QueuedJob) -> None:
        """Charge a slice at its beginning."""
        self.slices[queued] = queued.next_slice_time

    def advance(self, queued: QueuedJob, work: float) -> None:
        """Record work in a slice; what goes beyond the charge at its beginning is added to that."""
        queued.used_in_slice += work
        used = queued.used_in_slice / queued.job.weight
        self.slices[queued] = max(self.slices[queued], used)

    def end_slice(self, queued: QueuedJob) -> None:
        """Correct the charge for a slice by the work that was done, if it was the user's own."""
        if self.slices.pop(queued, None) is not None:
            self.time += queued.used_in_slice / queued.job.weight
            queued.used_in_slice = 0.0


def total_time(jobs: Iterable[QueuedJob], slowness: Slowness) -> float:
    """Return the virtual time by which these jobs advance their user until they are finished."""
    return sum((each.used_in_slice + each.work(slowness)) / each.job.weight for each in jobs)
