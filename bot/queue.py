"""The queue before the one GPU: filled by the event loop, emptied by the engine thread.

Jobs come in the order in which they were accepted, errands before them. Every method may be called
from any thread.
"""

import threading
from collections import deque
from typing import Any

from bot.errands import Errand
from bot.jobs import Job


class GpuQueue:
    """Jobs that wait, the one that runs, and errands."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[Job] = deque()
        self._errands: deque[Errand[Any]] = deque()
        self._running: Job | None = None
        self._closed = False

    def put(self, job: Job) -> None:
        """Add a job at the end."""
        with self._changed:
            self._waiting.append(job)
            self._changed.notify_all()

    def put_errand(self, errand: Errand[Any]) -> None:
        """Add an errand; it is given up if the queue was closed."""
        with self._changed:
            if not self._closed:
                self._errands.append(errand)
                self._changed.notify_all()
                return
        errand.give_up()

    def take(self) -> Job | Errand[Any] | None:
        """Wait for the next errand, or the next job and make it the running one.

        None if the queue was closed.
        """
        with self._changed:
            self._running = None
            self._changed.wait_for(lambda: self._errands or self._waiting or self._closed)
            if self._closed:
                return None
            if self._errands:
                return self._errands.popleft()
            self._running = self._waiting.popleft()
            return self._running

    def take_errand(self) -> Errand[Any] | None:
        """The next errand, if there is one; the running job stays what it is."""
        with self._changed:
            return self._errands.popleft() if self._errands else None

    def jobs(self) -> list[Job]:
        """The running job, if there is one, and those that wait, in their order."""
        with self._changed:
            return [*([] if self._running is None else [self._running]), *self._waiting]

    @property
    def closed(self) -> bool:
        """Whether the program is about to end."""
        return self._closed

    def close(self) -> None:
        """Let `take` return None from now on, and the running job and all errands be given up."""
        with self._changed:
            self._closed = True
            left = list(self._errands)
            self._errands.clear()
            self._changed.notify_all()
        for errand in left:
            errand.give_up()
