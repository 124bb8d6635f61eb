"""What the queue and its seats share. Whoever uses it holds `changed`."""

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from bot.scheduling.absent_kinds import AbsentKinds
from bot.scheduling.fair_queue import FairQueue
from bot.scheduling.fifo_queue import FifoQueue
from bot.scheduling.model_calls import ModelCall
from bot.scheduling.queued_job import QueuedJob
from bot.scheduling.run_kinds import goes_on_alike
from bot.scheduling.run_moves import RunMove
from bot.scheduling.seat_state import SeatState


@dataclass
class QueueState:
    """Unfinished jobs, calls that need the models, and the seats."""

    policy: FairQueue | FifoQueue
    slice_steps: int
    absent: AbsentKinds
    changed: threading.Condition = field(default_factory=threading.Condition)
    calls: deque[ModelCall[Any]] = field(default_factory=deque[ModelCall[Any]])
    jobs: dict[int, QueuedJob] = field(default_factory=dict[int, QueuedJob])
    to_stop: list[int] = field(default_factory=list[int])
    """Ids of the jobs to stop, in the order of the requests, until they have ended."""
    seats: list[SeatState] = field(default_factory=list[SeatState])
    """All seats by their number; one that was given up stays until another has its number."""
    held: bool = False
    """Whether there are no slices at the moment."""
    draining: bool = False
    """Whether only jobs that have begun get slices."""
    closed: bool = False

    @property
    def open_seats(self) -> list[SeatState]:
        """The seats whose painters live."""
        return [each for each in self.seats if each.is_open]

    def jobs_changed(self) -> None:
        """Note that a job came or went, so that batches are selected again."""
        for each in self.seats:
            each.jobs_changed = True

    def can_go_on(self, queued: QueuedJob, runs: str) -> bool:
        """Return True if a painter of runs of this kind can go on with a job, or must begin it."""
        if goes_on_alike(queued.runs, runs):
            return True
        return not self._has_kind(queued) and not self.absent.seconds_left(queued.runs)

    def seconds_kept(self, queued: QueuedJob) -> float:
        """Return for how long a job waits, at most, for a painter of its kind to come."""
        if queued.seat is not None or self._has_kind(queued):
            return 0.0
        return self.absent.seconds_left(queued.runs)

    def ask_for(self, move: RunMove, number: int) -> None:
        """Ask the painter of a seat for a run."""
        self.seats[number].moves.append(move)
        move.result.add_done_callback(self._tell_all)
        self.changed.notify_all()

    def _tell_all(self, _: object) -> None:
        with self.changed:
            self.changed.notify_all()

    def _has_kind(self, queued: QueuedJob) -> bool:
        """Return True if a painter is there that can go on with a job as if it had begun it."""
        return any(goes_on_alike(queued.runs, each.kind.runs) for each in self.open_seats)
