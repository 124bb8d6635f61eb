"""The queue for the GPU: filled by the event loop, emptied by the engine threads at their seats.

It holds all unfinished jobs and hands out slices of them; calls that need the models come first.
Other jobs can join the slice of a job, so that their pictures share its steps: all of them together
are the batch. Every method may be called from any thread.
"""

from dataclasses import replace
from functools import cache
from typing import Any

from bot.jobs.job import Job
from bot.scheduling.absent_kinds import AbsentKinds
from bot.scheduling.fair_queue import FairQueue
from bot.scheduling.fifo_queue import FifoQueue
from bot.scheduling.model_calls import ModelCall
from bot.scheduling.packed_order import PackedOrder, pack
from bot.scheduling.queue_seat import QueueSeat
from bot.scheduling.queue_state import QueueState
from bot.scheduling.queued_job import QueuedJob, QueuePosition, Slowness, as_usual
from bot.scheduling.seats import ANY_DEVICE, DeviceKind
from bot.timings import Timings

SLICE_STEPS = 25
"""Default number of steps in a slice."""


class GpuQueue:
    """Unfinished jobs, and calls that need the models.

    If painters are expected, jobs wait `device_seconds` for one that goes on with their runs alike.
    """

    def __init__(
        self,
        *,
        fair: bool = True,
        slice_steps: int = SLICE_STEPS,
        device_seconds: float = Timings.device_seconds,
    ) -> None:
        policy, absent = FairQueue() if fair else FifoQueue(), AbsentKinds(device_seconds)
        self._state = QueueState(policy, slice_steps, absent)
        self._changed = self._state.changed

    def seat(self, kind: DeviceKind = ANY_DEVICE) -> QueueSeat:
        """Return a new seat, for a painter on a device of some kind that is ready to paint."""
        with self._changed:
            seats = self._state.seats
            number = next((each.number for each in seats if not each.is_open), len(seats))
            seat = QueueSeat(self._state, number, kind)
            seats[number : number + 1] = [seat]  # in the place of one that was given up
            self._state.absent.came(kind.runs)
            self._changed.notify_all()
            return seat

    def expect(self, painters: int) -> None:
        """Note that so many more painters may come; below 0, that so many will not, or have come.

        While any are expected, a job waits for one that goes on with its run as if it had begun it.
        """
        with self._changed:
            self._state.absent.expected += painters
            self._changed.notify_all()

    def put(self, job: Job, steps_done: int = 0, runs: str = "") -> None:
        """Add a job, of which `steps_done` steps have been taken already in a run of a kind."""
        with self._changed:
            queued = QueuedJob(job, steps_done, self._state.slice_steps, runs)
            self._state.jobs[job.id] = queued
            self._state.policy.add(queued)
            self._state.jobs_changed()
            self._changed.notify_all()

    def put_call(self, call: ModelCall[Any]) -> None:
        """Add a model call; cancel it if the queue is closed."""
        with self._changed:
            if not self._state.closed:
                self._state.calls.append(call)
                self._changed.notify_all()
                return
        call.cancel()

    def remove(self, job_id: int) -> bool:
        """Remove a job, after the current step if it is in a batch; return True if it was here.

        The engine thread learns of it from `charge`.
        """
        with self._changed:
            queued = self._state.jobs.pop(job_id, None)
            if queued is not None and queued.seat is None:
                self._state.policy.remove(queued)
                self._state.jobs_changed()
            return queued is not None

    def stop(self, job_id: int) -> bool:
        """Ask the engine to end a job where it is, before all others; return True if it is here."""
        with self._changed:
            queued = self._state.jobs.get(job_id)
            if queued is None:
                return False
            if not queued.stop_requested:
                queued.stop_requested = True
                self._state.to_stop.append(job_id)
                self._changed.notify_all()
            return True

    def __contains__(self, job_id: int) -> bool:
        """Return True if a job is in the queue."""
        with self._changed:
            return job_id in self._state.jobs

    def jobs(self) -> list[Job]:
        """Return the jobs in batches, then the others in the order of their submission."""
        with self._changed:
            batches = [each for seat in self._state.seats for each in seat.batch]
            painted = [each.job for each in batches if each.job.id in self._state.jobs]
            others = [each.job for each in self._state.jobs.values() if each.seat is None]
            others.sort(key=lambda job: job.id)
            return painted + others

    def waiting(self) -> int:
        """Return the number of jobs that are in no batch."""
        with self._changed:
            return sum(each.seat is None for each in self._state.jobs.values())

    def remaining_work(self, slowness: Slowness = as_usual, speed: Slowness = as_usual) -> float:
        """Return the work that is left in all jobs, as much as each painter has to do of it.

        `speed` is how fast a device of some kind is, compared with the first one.
        """
        with self._changed:
            work = sum(queued.work(slowness) for queued in self._state.jobs.values())
            return work / self._capacity(speed)

    def position(
        self, job_id: int, slowness: Slowness = as_usual, speed: Slowness = as_usual
    ) -> QueuePosition | None:
        """Return the work that is done before a job by the first device; None if it is not here.

        `speed` is how fast a device of some kind is, compared with that one.
        """
        with self._changed:
            queued = self._state.jobs.get(job_id)
            if queued is None:
                return None
            slowness = cache(slowness)
            position = self._state.policy.position(queued, slowness)
            seats = len(self._state.open_seats)
            if seats > 1:
                own = queued.work(slowness)
                position = _shared(position, own, seats, self._capacity(speed))
            if queued.seat is not None:
                return replace(position, jobs_ahead=0, start=0.0)
            return replace(position, seconds_kept=self._state.seconds_kept(queued))

    def snapshot(self) -> PackedOrder:
        """Return the order of all jobs, for a `QueueCopy` in another process."""
        with self._changed:
            return pack(self._state)

    def hold(self, is_held: bool) -> None:
        """Hand out no more slices, or go on with them; current slices are not affected."""
        with self._changed:
            if is_held != self._state.held:
                self._state.held = is_held
                self._changed.notify_all()

    @property
    def draining(self) -> bool:
        """Whether only jobs that have begun are painted."""
        return self._state.draining

    def drain(self, is_draining: bool) -> None:
        """Paint only jobs that have begun, to their end, or all again."""
        with self._changed:
            self._state.draining = is_draining
            self._state.jobs_changed()
            self._changed.notify_all()

    def begun(self) -> set[int]:
        """Return the ids of the jobs that have begun."""
        with self._changed:
            return {job_id for job_id, each in self._state.jobs.items() if each.has_begun}

    @property
    def closed(self) -> bool:
        """True once the program is about to end."""
        return self._state.closed

    def close(self) -> None:
        """Cancel all model calls, and let `dequeue` return None from now on."""
        with self._changed:
            self._state.closed = True
            calls = list(self._state.calls)
            self._state.calls.clear()
            self._changed.notify_all()
        for call in calls:
            call.cancel()

    def _capacity(self, speed: Slowness) -> float:
        """Return how many devices as fast as the first one all painters are worth."""
        speed = cache(speed)
        return sum(speed(each.kind.name) for each in self._state.open_seats) or 1.0


def _shared(position: QueuePosition, own: float, seats: int, capacity: float) -> QueuePosition:
    """Return the position of a job among several painters that share the work before it.

    Nobody can help with a job's own work, so its end is not earlier than that takes.
    """
    is_next = position.jobs_ahead < seats
    start = 0.0 if is_next else position.start / capacity
    end = max(start + own * seats / capacity, position.end / capacity)
    return QueuePosition(0 if is_next else position.jobs_ahead, start, end)
