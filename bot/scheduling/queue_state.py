"""What the queue and its seats share. Whoever uses it holds `changed`."""

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bot.scheduling.fair_queue import FairQueue
from bot.scheduling.fifo_queue import FifoQueue
from bot.scheduling.model_calls import ModelCall
from bot.scheduling.queued_job import QueuedJob
from bot.scheduling.run_kinds import goes_on_alike

if TYPE_CHECKING:
    from bot.scheduling.queue_seat import QueueSeat


@dataclass
class QueueState:
    """Unfinished jobs, calls that need the models, and the seats."""

    policy: FairQueue | FifoQueue
    slice_steps: int
    changed: threading.Condition = field(default_factory=threading.Condition)
    calls: deque[ModelCall[Any]] = field(default_factory=deque[ModelCall[Any]])
    jobs: dict[int, QueuedJob] = field(default_factory=dict[int, QueuedJob])
    to_stop: list[int] = field(default_factory=list[int])
    """Ids of the jobs to stop, in the order of the requests, until they have ended."""
    seats: "list[QueueSeat]" = field(default_factory=list["QueueSeat"])
    """All seats by their number, those that were given up included."""
    held: bool = False
    """Whether there are no slices at the moment."""
    closed: bool = False

    @property
    def open_seats(self) -> "list[QueueSeat]":
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
        return not any(goes_on_alike(queued.runs, each.kind.runs) for each in self.open_seats)
