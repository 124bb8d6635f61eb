"""A job in the queue: the steps that are left, what its slice takes, and where its run lives."""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import ceil

from bot.jobs.job import Job
from bot.scheduling.cost import Part, remaining_parts, step_cost

Slowness = Callable[[str], float]
"""How much longer than usual as much work of a kind takes (`bot.scheduling.cost.work_kind`)."""

MayTake = Callable[["QueuedJob"], bool]
"""Whether a seat may have the next slice of a job that waits."""


def as_usual(kind: str) -> float:
    """Return that work of any kind, or on a device of any kind, takes as long as usual."""
    del kind
    return 1.0


def anything(queued: "QueuedJob") -> bool:
    """Return that every job that waits may be taken."""
    del queued
    return True


ROUNDING = 1e-9
"""Share of a slice by which two times may differ and still count as equal."""


@dataclass(frozen=True)
class QueuePosition:
    """The work that is done before a job."""

    jobs_ahead: int
    """Number of other jobs with a slice before the job's next one; 0 while it is painted."""
    start: float
    """Work before the job's next slice: its cost, times how much slower than usual it is."""
    end: float
    """Work until the job is finished, its own work included."""
    seconds_kept: float = 0.0
    """For how many seconds, at most, it waits for a device like the one that began it."""


class QueuedJob:
    """An unfinished job and its remaining work."""

    def __init__(self, job: Job, steps_done: int, slice_steps: int, runs: str = "") -> None:
        self.job = job
        self._parts = deque(remaining_parts(job, steps_done))
        """The steps that are left, in the order in which they are taken."""
        self._slice_steps = slice_steps
        self.slice_cost = slice_steps * step_cost(job.recipes[0])
        """Cost of a whole slice of the first steps."""
        self.slice_time = self.slice_cost / job.weight
        """Virtual time by which such a slice advances the job's user."""
        self.used_in_slice = 0.0
        """Work done in the job's current slice; 0 between slices."""
        self.slowness = 1.0
        """How much longer than usual work of the cost of its last steps took."""
        self.stop_requested = False
        """True once the job must end where it is."""
        self.seat: int | None = None
        """Number of the seat in whose slice the job is; None while it waits."""
        self.home: int | None = None
        """Number of the seat whose painter has the job's run; None if there is no run."""
        self.runs = runs
        """The kind of run that was begun, as in `DeviceKind.runs`; "" before the first slice."""
        self.lost_painters = 0
        """Number of painters that died in slices of the job."""

    @property
    def has_begun(self) -> bool:
        """Whether a slice of it was painted, in this run of the program or an earlier one."""
        return self.runs != ""

    @property
    def parts(self) -> Iterable[Part]:
        """The steps that are left, in the order in which they are taken."""
        return self._parts

    def take(self, cost: float) -> list[Part]:
        """Take steps of some cost off those that are left, and return them."""
        taken: list[Part] = []
        while self._parts and cost > 0:
            part = self._parts[0]
            each = min(cost, part.cost)
            taken.append(Part(part.kind, part.step_cost, each))
            part.cost -= each
            cost -= each
            if part.cost <= ROUNDING * part.step_cost:
                self._parts.popleft()
        return taken

    @property
    def next_slice_time(self) -> float:
        """Virtual time by which the next slice will probably advance the job's user."""
        cost = 0.0
        for part in self._parts:
            cost += part.cost
            if cost >= self.slice_cost:
                break
        return min(cost, self.slice_cost) * self.slowness / self.job.weight

    def work(self, slowness: Slowness) -> float:
        """Return the work that is left."""
        return sum(each.cost * slowness(each.kind) for each in self._parts)

    def slice_work(self, slowness: Slowness) -> float:
        """Return the work of a whole slice of the next steps."""
        if not self._parts:
            return self.slice_cost
        return self._slice_steps * self._parts[0].step_cost * slowness(self._parts[0].kind)

    def work_before_last_slice(self, slowness: Slowness) -> float:
        """Return the work from the start of the current or next slice to that of the last one."""
        slices = self.used_in_slice / self.slice_work(slowness)
        slices += sum(each.cost / each.step_cost for each in self._parts) / self._slice_steps
        before = ceil(slices - ROUNDING) - 1
        if before < 1:
            return 0.0
        steps = (slices - before) * self._slice_steps
        last = 0.0
        for part in reversed(self._parts):
            taken = min(steps, part.cost / part.step_cost)
            last += taken * part.step_cost * slowness(part.kind)
            steps -= taken
        return self.used_in_slice + self.work(slowness) - last
