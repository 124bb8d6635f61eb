"""The queue for the GPU: filled by the event loop, emptied by the engine thread.

It holds all unfinished jobs and hands out slices of them; calls that need the models come first.
Other jobs can join the slice of a job, so that their pictures share its steps: all of them together
are the batch. Every method may be called from any thread.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from functools import cache
from typing import Any

from bot.jobs.job import Job
from bot.scheduling.fair_queue import (
    FairQueue,
    FifoQueue,
    QueuedJob,
    QueuePosition,
    Slowness,
    as_usual,
)
from bot.scheduling.model_calls import ModelCall

SLICE_STEPS = 25
"""Default number of steps in a slice."""


@dataclass(frozen=True)
class Slice:
    """Some consecutive steps of one job."""

    job: Job
    steps: int
    """Number of steps to take; 0 if the job must only be stopped where it is."""


class StopRequest(Enum):
    """A user's request to end a job that is being painted."""

    STOP = "stop"
    CANCEL = "cancel"


class GpuQueue:
    """Unfinished jobs, and calls that need the models."""

    def __init__(self, *, fair: bool = True, slice_steps: int = SLICE_STEPS) -> None:
        self._slice_steps = slice_steps
        self._changed = threading.Condition()
        self._calls: deque[ModelCall[Any]] = deque()
        self._jobs: dict[int, QueuedJob] = {}
        self._policy = FairQueue() if fair else FifoQueue()
        self._to_stop: deque[int] = deque()
        """Ids of the jobs to stop, in the order of the requests."""
        self._batch: list[QueuedJob] = []
        """Jobs in the current slice, the leader (the job whose slice it is) first."""
        self._jobs_changed = False
        """True if a job came or went since the batch was last selected."""
        self._closed = self._held = False

    def put(self, job: Job, steps_done: int = 0) -> None:
        """Add a job, of which `steps_done` steps have been taken already."""
        with self._changed:
            queued = self._jobs[job.id] = QueuedJob(job, steps_done, self._slice_steps)
            self._policy.add(queued)
            self._jobs_changed = True
            self._changed.notify_all()

    def put_call(self, call: ModelCall[Any]) -> None:
        """Add a model call; cancel it if the queue is closed."""
        with self._changed:
            if not self._closed:
                self._calls.append(call)
                self._changed.notify_all()
                return
        call.cancel()

    def dequeue(self) -> Slice | ModelCall[Any] | None:
        """Wait for the next model call or slice; return None once the queue is closed.

        There is no slice while jobs are held. Call `end_slice` at the end of a slice.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or self._calls or (self._jobs and not self._held)
            )
            if self._closed:
                return None
            if self._calls:
                return self._calls.popleft()
            while self._to_stop:
                queued = self._jobs.get(self._to_stop.popleft())
                if queued is not None:
                    self._batch = [queued]
                    return Slice(queued.job, 0)
            queued = self._policy.start_slice()
            assert queued is not None
            self._batch, self._jobs_changed = [queued], True
            return Slice(queued.job, self._slice_steps)

    def select_batch(self, most: int, fits: Callable[[Job], bool]) -> list[Job]:
        """Return the jobs that take the next step, at most `most`, the leader first.

        The batch is selected again after any job came or went. `fits` is then called for one job
        after the other, in the order of their slices; a job for which it returns True is in.
        """
        with self._changed:
            if self._jobs_changed and self._batch:
                self._jobs_changed = False
                leader, *before = self._batch
                others = self._policy.batch_candidates(
                    leader, most - 1, lambda each: self._can_join(each) and fits(each.job)
                )
                for each in before:
                    if each not in others:
                        self._end_part(each)
                self._batch = [leader, *others]
            return [each.job for each in self._batch]

    def next_call(self) -> ModelCall[Any] | None:
        """Return the next model call, if there is one; the slice goes on after it."""
        with self._changed:
            return self._calls.popleft() if self._calls else None

    def charge(
        self, cost: float = 0.0, *, job: Job | None = None, slowness: float = 1.0
    ) -> StopRequest | None:
        """Record work done for a job in the batch; return the request to end it, if any.

        By default the job is the leader. `slowness` is how much longer than usual work of this cost
        takes.
        """
        with self._changed:
            queued = self._batch_member(job)
            if queued is None or queued.job.id not in self._jobs:
                return StopRequest.CANCEL
            self._policy.charge(queued, cost, slowness)
            return StopRequest.STOP if queued.stop_requested else None

    def leave_batch(self, job: Job) -> None:
        """Take a job out of the batch; it stays in the queue unless it was removed."""
        with self._changed:
            queued = self._batch_member(job)
            if queued is not None:
                self._batch.remove(queued)
                self._end_part(queued)
                self._jobs_changed = True

    def finish(self, job: Job) -> None:
        """Take a job that has ended out of the batch and the queue."""
        with self._changed:
            if self._batch_member(job) is not None:
                self._jobs.pop(job.id, None)
                self.leave_batch(job)

    def end_slice(self) -> None:
        """End the current slice for all jobs in the batch, the leader first."""
        with self._changed:
            batch, self._batch = self._batch, []
            for each in batch:
                self._end_part(each)

    def remove(self, job_id: int) -> bool:
        """Remove a job, after the current step if it is in the batch; return True if it was here.

        The engine thread learns of it from `charge`.
        """
        with self._changed:
            queued = self._jobs.pop(job_id, None)
            if queued is not None and queued not in self._batch:
                self._policy.remove(queued)
                self._jobs_changed = True
            return queued is not None

    def stop(self, job_id: int) -> bool:
        """Ask the engine to end a job where it is, before all others; return True if it is here."""
        with self._changed:
            queued = self._jobs.get(job_id)
            if queued is None:
                return False
            if not queued.stop_requested:
                queued.stop_requested = True
                self._to_stop.append(job_id)
                self._changed.notify_all()
            return True

    def __contains__(self, job_id: int) -> bool:
        """Return True if a job is in the queue."""
        with self._changed:
            return job_id in self._jobs

    def jobs(self) -> list[Job]:
        """Return the jobs in the batch, then the others in the order of their submission."""
        with self._changed:
            painted = [each.job for each in self._batch if each.job.id in self._jobs]
            others = [each.job for each in self._jobs.values() if each not in self._batch]
            others.sort(key=lambda job: job.id)
            return painted + others

    def waiting(self) -> int:
        """Return the number of jobs that are not in the batch."""
        with self._changed:
            return len(self._jobs) - sum(each.job.id in self._jobs for each in self._batch)

    def remaining_work(self, slowness: Slowness = as_usual) -> float:
        """Return the work that is left in all jobs."""
        with self._changed:
            return sum(queued.work(slowness) for queued in self._jobs.values())

    def position(self, job_id: int, slowness: Slowness = as_usual) -> QueuePosition | None:
        """Return the work that is done before a job; None if it is not here."""
        with self._changed:
            queued = self._jobs.get(job_id)
            if queued is None:
                return None
            position = self._policy.position(queued, cache(slowness))
            if queued in self._batch:
                return replace(position, jobs_ahead=0, start=0.0)
            return position

    def hold(self, is_held: bool) -> None:
        """Hand out no more slices, or go on with them; the current slice is not affected."""
        with self._changed:
            if is_held != self._held:
                self._held = is_held
                self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """True once the program is about to end."""
        return self._closed

    def close(self) -> None:
        """Cancel all model calls, and let `dequeue` return None from now on."""
        with self._changed:
            self._closed = True
            calls = list(self._calls)
            self._calls.clear()
            self._changed.notify_all()
        for call in calls:
            call.cancel()

    def _batch_member(self, job: Job | None) -> QueuedJob | None:
        """Return the entry of a job in the batch, by default the leader's."""
        members = (each for each in self._batch if job is None or each.job.id == job.id)
        return next(members, None)

    def _can_join(self, queued: QueuedJob) -> bool:
        return queued.job.id in self._jobs and not queued.stop_requested

    def _end_part(self, queued: QueuedJob) -> None:
        """End a job's part in the current slice."""
        self._policy.end_slice(queued)
        if queued.job.id not in self._jobs:  # it has ended, or was cancelled in the meantime
            self._policy.remove(queued)
