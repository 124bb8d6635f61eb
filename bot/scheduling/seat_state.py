"""What the queue and other seats see of a seat."""

from collections import deque

from bot.scheduling.queued_job import QueuedJob
from bot.scheduling.run_moves import RunMove
from bot.scheduling.seats import DeviceKind


class SeatState:
    """The state of a seat. Whoever uses it holds `QueueState.changed`.

    `number` is its position among all seats of the queue.
    """

    def __init__(self, number: int, kind: DeviceKind) -> None:
        self.number = number
        self.kind = kind
        self.batch: list[QueuedJob] = []
        """Jobs in the current slice, the leader (the job whose slice it is) first."""
        self.jobs_changed = False
        """True if a job came or went since the batch was last selected."""
        self.is_open = True
        """False once the painter died."""
        self.is_free = True
        """True while the painter has nothing to do, or is about to ask for it."""
        self.is_waiting = False
        """True while the painter waits in `dequeue`."""
        self.moves: deque[RunMove] = deque()
        """Runs that other painters want to have."""
