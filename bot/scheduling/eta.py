"""How long work takes, learned from steps that were taken, and when a job starts and ends."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from bot.scheduling.fair_queue import QueuePosition

_MEMORY = 0.98
"""Share of what was learned before that stays with every new step."""


class ThroughputEstimator:
    """Seconds for each unit of work."""

    def __init__(self) -> None:
        self._units = self._seconds = 0.0
        self._seconds_per_unit: float | None = None

    def record(self, units: float, seconds: float) -> None:
        """Learn from work that took `seconds`."""
        self._units = _MEMORY * self._units + units
        self._seconds = _MEMORY * self._seconds + seconds
        self._seconds_per_unit = self._seconds / self._units

    def seconds(self, units: float) -> float | None:
        """How long some work will take; None if no step has been taken yet."""
        pace = self._seconds_per_unit
        return None if pace is None else pace * units


_TOLERANCE, _TOLERATED = 0.1, timedelta(seconds=5)
"""By how much of the time that is left, and by how much in any case, an announced time may be
wrong before it is announced anew."""


@dataclass(frozen=True)
class Eta:
    """What people are told of a job in the queue."""

    jobs_ahead: int
    """How many other jobs have a turn before its next one."""
    start: datetime | None
    """When that comes; None if the engine's pace is not known yet."""
    end: datetime | None
    """When the job is done."""

    def is_close_to(self, other: Self | None, *, begun: bool) -> bool:
        """Whether people who were told `other` of a job know enough; how many are before it is
        told only until it has begun.
        """
        if other is None or (not begun and self.jobs_ahead != other.jobs_ahead):
            return False
        if self.end is None or other.end is None:
            return self.end == other.end
        left = self.end - datetime.now(UTC)
        return abs(self.end - other.end) <= max(_TOLERANCE * left, _TOLERATED)


def estimate(standing: QueuePosition | None, pace: ThroughputEstimator) -> Eta | None:
    """From work to time; None if the job is not in the queue."""
    if standing is None:
        return None
    now = datetime.now(UTC)
    start, end = pace.seconds(standing.start), pace.seconds(standing.end)
    return Eta(
        jobs_ahead=standing.jobs_ahead,
        start=None if start is None else now + timedelta(seconds=start),
        end=None if end is None else now + timedelta(seconds=end),
    )
