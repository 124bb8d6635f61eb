"""The queue before the one GPU: filled by the event loop, emptied by the engine thread.

It holds the jobs that have not ended and hands out their turns, errands before all of them. In a
turn others may take part, so that their pictures advance in the same steps. Every method may be
called from any thread.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from bot.jobs.job import Job
from bot.scheduling.fair_queue import (
    FairQueue,
    FifoQueue,
    QueuedJob,
    QueuePosition,
    SchedulingPolicy,
)
from bot.scheduling.model_calls import ModelCall

SLICE_STEPS = 25
"""Steps of a turn, unless said otherwise."""


@dataclass(frozen=True)
class Slice:
    """A job's turn."""

    job: Job
    steps: int
    """To take; 0 if the job is only to be stopped where it is."""


class StopRequest(Enum):
    """What somebody wants of a job that takes part in the turn at hand."""

    STOP = "stop"
    CANCEL = "cancel"


class GpuQueue:
    """Jobs that have not ended, and errands."""

    def __init__(self, *, fair: bool = True, slice_steps: int = SLICE_STEPS) -> None:
        self._slice_steps = slice_steps
        self._changed = threading.Condition()
        self._errands: deque[ModelCall[Any]] = deque()
        self._jobs: dict[int, QueuedJob] = {}
        self._turns: SchedulingPolicy = FairQueue() if fair else FifoQueue()
        self._to_stop: deque[int] = deque()
        self._serving: list[QueuedJob] = []
        """Who takes part in the turn at hand, whose turn it is first."""
        self._is_new = False
        """Whether others may take part since somebody came or went."""
        self._closed = False

    def put(self, job: Job, steps_done: int = 0) -> None:
        """Line up a job; some of its steps may have been taken already."""
        with self._changed:
            waiting = self._jobs[job.id] = QueuedJob(job, steps_done, self._slice_steps)
            self._turns.add(waiting)
            self._is_new = True
            self._changed.notify_all()

    def put_call(self, errand: ModelCall[Any]) -> None:
        """Add an errand; it is given up if the queue was closed."""
        with self._changed:
            if not self._closed:
                self._errands.append(errand)
                self._changed.notify_all()
                return
        errand.cancel()

    def dequeue(self) -> Slice | ModelCall[Any] | None:
        """Wait for the next errand or the next turn; None if the queue was closed.

        A turn ends with `end_slice`.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._errands or self._jobs)
            if self._closed:
                return None
            if self._errands:
                return self._errands.popleft()
            while self._to_stop:
                waiting = self._jobs.get(self._to_stop.popleft())
                if waiting is not None:
                    self._serving = [waiting]
                    return Slice(waiting.job, 0)
            waiting = self._turns.start_slice()
            assert waiting is not None
            self._serving, self._is_new = [waiting], True
            return Slice(waiting.job, self._slice_steps)

    def select_batch(self, most: int, fits: Callable[[Job], bool]) -> list[Job]:
        """Who takes part in the next step, at most so many: first the job whose turn it is.

        The others come in the order of their turns, as far as they fit. `fits` is asked of one
        after the other; whoever does is in. They are chosen anew whenever somebody came or went.
        """
        with self._changed:
            if self._is_new and self._serving:
                self._is_new = False
                lead, *before = self._serving
                others = self._turns.batch_candidates(
                    lead, most - 1, lambda each: self._may_join(each) and fits(each.job)
                )
                for each in before:
                    if each not in others:
                        self._leave(each)
                self._serving = [lead, *others]
            return [each.job for each in self._serving]

    def next_call(self) -> ModelCall[Any] | None:
        """The next errand, if there is one; whose turn it is stays as it is."""
        with self._changed:
            return self._errands.popleft() if self._errands else None

    def charge(self, units: float = 0.0, *, of: Job | None = None) -> StopRequest | None:
        """Note how much work was done in the turn at hand; return what is wanted of the job.

        That is the one whose turn it is, or one `of` those that take part in it.
        """
        with self._changed:
            waiting = self._taking_part(of)
            if waiting is None or waiting.job.id not in self._jobs:
                return StopRequest.CANCEL
            self._turns.charge(waiting, units)
            return StopRequest.STOP if waiting.stops else None

    def finish(self, job: Job, *, finished: bool = False) -> None:
        """A job takes no part in the turn at hand any more; if it is `finished`, it is over."""
        with self._changed:
            waiting = self._taking_part(job)
            if waiting is not None:
                self._serving.remove(waiting)
                self._leave(waiting, finished=finished)
                self._is_new = True

    def end_slice(self, *, finished: bool = False) -> None:
        """The turn at hand is over, and so is the job whose turn it is if it is `finished`."""
        with self._changed:
            lead, self._serving = self._serving[:1], self._serving[1:]
            for each in lead:
                self._leave(each, finished=finished)
            for each in self._serving:
                self._leave(each)
            self._serving = []

    def remove(self, job_id: int) -> bool:
        """Take a job out, after the step at hand if it takes part. Say whether it was there."""
        with self._changed:
            waiting = self._jobs.pop(job_id, None)
            if waiting is not None and waiting not in self._serving:
                self._turns.remove(waiting)
                self._is_new = True
            return waiting is not None

    def stop(self, job_id: int) -> bool:
        """Have a job come to its end where it is, before all others; say whether it was there."""
        with self._changed:
            waiting = self._jobs.get(job_id)
            if waiting is None:
                return False
            if not waiting.stops:
                waiting.stops = True
                self._to_stop.append(job_id)
                self._changed.notify_all()
            return True

    def holds(self, job_id: int) -> bool:
        """Whether a job is here."""
        with self._changed:
            return job_id in self._jobs

    def jobs(self) -> list[Job]:
        """Those that take part in the turn at hand, and the others as they were accepted."""
        with self._changed:
            serving = [each.job for each in self._serving if each.job.id in self._jobs]
            rest = [each.job for each in self._jobs.values() if each not in self._serving]
            rest.sort(key=lambda job: job.id)
            return serving + rest

    def remaining_cost(self) -> float:
        """How much work is left in all jobs together."""
        with self._changed:
            return sum(waiting.left for waiting in self._jobs.values())

    def position(self, job_id: int) -> QueuePosition | None:
        """What is painted before a job; None if it is not here."""
        with self._changed:
            waiting = self._jobs.get(job_id)
            if waiting is None:
                return None
            standing = self._turns.position(waiting)
            is_painted = waiting in self._serving
            return replace(standing, jobs_ahead=0, start=0.0) if is_painted else standing

    @property
    def closed(self) -> bool:
        """Whether the program is about to end."""
        return self._closed

    def close(self) -> None:
        """Let `take` return None from now on, and the turn at hand and all errands be given up."""
        with self._changed:
            self._closed = True
            left = list(self._errands)
            self._errands.clear()
            self._changed.notify_all()
        for errand in left:
            errand.cancel()

    def _taking_part(self, job: Job | None) -> QueuedJob | None:
        """A job that takes part in the turn at hand, by default the one whose turn it is."""
        parts = (each for each in self._serving if job is None or each.job.id == job.id)
        return next(parts, None)

    def _may_join(self, waiting: QueuedJob) -> bool:
        return waiting.job.id in self._jobs and not waiting.stops

    def _leave(self, waiting: QueuedJob, *, finished: bool = False) -> None:
        self._turns.end_slice(waiting)
        if finished:
            self._jobs.pop(waiting.job.id, None)
        if waiting.job.id not in self._jobs:  # finished, or cancelled in the meantime
            self._turns.remove(waiting)
