"""The queue before the one GPU: filled by the event loop, emptied by the engine thread.

Jobs come in the order in which they were accepted. Every method may be called from any thread.
"""

import threading
from collections import deque

from bot.jobs import Job


class GpuQueue:
    """Jobs that wait, and the one that runs."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[Job] = deque()
        self._running: Job | None = None
        self._closed = False

    def put(self, job: Job) -> None:
        """Add a job at the end."""
        with self._changed:
            self._waiting.append(job)
            self._changed.notify_all()

    def take(self) -> Job | None:
        """Wait for the next job and make it the running one; None if the queue was closed."""
        with self._changed:
            self._running = None
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._closed:
                return None
            self._running = self._waiting.popleft()
            return self._running

    def jobs(self) -> list[Job]:
        """The running job, if there is one, and those that wait, in their order."""
        with self._changed:
            return [*([] if self._running is None else [self._running]), *self._waiting]

    @property
    def closed(self) -> bool:
        """Whether the program is about to end."""
        return self._closed

    def close(self) -> None:
        """Let `take` return None from now on, and the running job be given up."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
