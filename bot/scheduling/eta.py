"""When a job starts and ends, estimated from the measured throughput."""

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from bot.scheduling.fair_queue import QueuePosition

_MEMORY = 0.98
"""Share of the earlier measurements that remains with every new one."""


class _Rate:
    """Seconds per unit of cost, averaged over the last steps."""

    def __init__(self) -> None:
        self._cost = self._seconds = 0.0
        self.seconds_per_cost: float | None = None
        """None before the first step."""

    def record(self, cost: float, seconds: float) -> None:
        self._cost = _MEMORY * self._cost + cost
        self._seconds = _MEMORY * self._seconds + seconds
        self.seconds_per_cost = self._seconds / self._cost


class ThroughputEstimator:
    """Seconds per unit of cost for each kind of work, averaged over its last steps.

    `bot.scheduling.cost.work_kind` names the kinds. Devices of each make are measured by
    themselves (`on`); the first make is the measure of others.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_make: dict[str, ThroughputEstimator] = {}
        self._by_kind: dict[str, _Rate] = {}
        self._first = _Rate()
        """The rate of the work that was measured first: the measure of others."""

    def __getstate__(self) -> dict[str, object]:
        with self._lock:
            state: dict[str, object] = {n: each for n, each in vars(self).items() if n != "_lock"}
            return state | {"_by_make": self._by_make.copy(), "_by_kind": self._by_kind.copy()}

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state, _lock=threading.Lock())

    def adopt(self, other: "ThroughputEstimator") -> None:
        """Take over what another one has measured, which is not used any more."""
        state = other.__getstate__()
        with self._lock:
            vars(self).update(state)

    def record(self, cost: float, seconds: float, kind: str) -> None:
        """Record that work of some cost took `seconds`."""
        with self._lock:
            if not self._by_kind:
                self._by_kind[kind] = self._first
            self._by_kind.setdefault(kind, _Rate()).record(cost, seconds)

    def seconds(self, work: float) -> float | None:
        """Estimate how long work takes; None before the first measurement.

        `work` is its cost times the `slowness` of its kind.
        """
        rate = self._first.seconds_per_cost
        return None if rate is None else rate * work

    def slowness(self, kind: str) -> float:
        """Return how much longer work of a kind takes than as much work of the first kind.

        The costs of steps are estimates, and how good they are depends on the machine.
        """
        first = self._first.seconds_per_cost
        own = self._by_kind.get(kind, self._first).seconds_per_cost
        return own / first if own and first else 1.0

    def on(self, make: str) -> "ThroughputEstimator":
        """Return the estimator for devices of a make; this one is that of the first make."""
        with self._lock:
            return self._by_make.setdefault(make, ThroughputEstimator() if self._by_make else self)

    def speed(self, make: str) -> float:
        """Return how fast devices of a make work, compared with those of the first one."""
        other = self._by_make.get(make, self)
        both = [kind for kind in list(self._by_kind) if kind in other._by_kind]
        for mine, its in ((self._by_kind[kind], other._by_kind[kind]) for kind in both):
            if mine.seconds_per_cost and its.seconds_per_cost:
                return mine.seconds_per_cost / its.seconds_per_cost
        return 1.0


_TOLERANCE, _MIN_TOLERANCE = 0.1, timedelta(seconds=5)
"""Error of a shown ETA that is accepted: a share of the remaining time, but at least this much."""


@dataclass(frozen=True)
class Eta:
    """What users are shown about a job in the queue."""

    jobs_ahead: int
    """Number of other jobs with a slice before the job's next one."""
    start: datetime | None
    """Start of the job's next slice; None before the first measurement."""
    end: datetime | None
    """End of the job; None before the first measurement."""
    kept_until: datetime | None = None
    """Until when, at most, it waits for a device like the one that began it; None if it does not.

    The other times count with the whole wait.
    """

    def is_close_to(self, other: Self | None, *, begun: bool) -> bool:
        """Return True if `other` is still close enough that the message need not be edited.

        The number of jobs ahead is shown only until the job has begun.
        """
        if other is None or (not begun and self.jobs_ahead != other.jobs_ahead):
            return False
        if (self.kept_until is None) != (other.kept_until is None):
            return False
        if self.end is None or other.end is None:
            return self.end == other.end
        remaining = self.end - datetime.now(UTC)
        return abs(self.end - other.end) <= max(_TOLERANCE * remaining, _MIN_TOLERANCE)


def estimate(position: QueuePosition | None, throughput: ThroughputEstimator) -> Eta | None:
    """Estimate when a job starts and ends; None if it is not in the queue."""
    if position is None:
        return None
    now, kept = datetime.now(UTC), position.seconds_kept
    start, end = throughput.seconds(position.start), throughput.seconds(position.end)
    delay = max(0.0, kept - (start or 0.0))
    return Eta(
        jobs_ahead=position.jobs_ahead,
        start=None if start is None else now + timedelta(seconds=start + delay),
        end=None if end is None else now + timedelta(seconds=end + delay),
        kept_until=now + timedelta(seconds=kept) if kept else None,
    )
