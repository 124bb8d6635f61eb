"""A seat at the queue of this process. Its methods may be called from any thread."""

from collections.abc import Callable

from bot.jobs.job import Job
from bot.scheduling.model_calls import SeatCall
from bot.scheduling.queue_state import QueueState
from bot.scheduling.queued_job import QueuedJob
from bot.scheduling.run_kinds import can_be_loaded
from bot.scheduling.run_moves import RunMove
from bot.scheduling.seat_state import SeatState
from bot.scheduling.seats import DeviceKind, Slice, StopRequest

MAX_LOST_PAINTERS = 2
"""Number of painters that may die in slices of a job before it is given up."""


class QueueSeat(SeatState):
    """One painter's place at the queue, with what it is painting. See `bot.scheduling.seats.Seat`.

    `number` is its position among all seats of the queue.
    """

    def __init__(self, state: QueueState, number: int, kind: DeviceKind) -> None:
        super().__init__(number, kind)
        self._is_closing = False
        self._state = state

    @property
    def closed(self) -> bool:
        """True once the program is about to end."""
        return self._state.closed

    def dequeue(self) -> Slice | SeatCall | None:
        """Wait for the next call or slice; return None once the queue or the seat is closed."""
        with self._state.changed:
            while self._is_used:
                if (task := self.poll()) is not None:
                    return task
                self.is_waiting = True
                self._state.changed.wait(self._state.absent.next_end())
                self.is_waiting = False
            return None

    @property
    def _is_used(self) -> bool:
        return self.is_open and not (self._is_closing or self._state.closed)

    def close(self) -> None:
        """Let `dequeue` return None from now on, because the painter is about to leave."""
        with self._state.changed:
            self._is_closing = True
            self._state.changed.notify_all()

    def poll(self) -> Slice | SeatCall | None:
        """Return the next call or slice without waiting; None if there is none."""
        with self._state.changed:
            self.is_free = True
            task = self._next_call() or (None if self._state.held else self._next_slice())
            self.is_free = task is None
            if task is not None and len(self._state.open_seats) > 1:
                self._state.changed.notify_all()  # others may have what this one has no time for
            return task

    def next_call(self) -> SeatCall | None:
        """Return a call to make before the next step, if there is one that nobody else makes."""
        with self._state.changed:
            has_help = any(each.is_waiting for each in self._state.open_seats)
            return self._next_move() if has_help else self._next_call()

    def next_call_before(self, move: RunMove) -> SeatCall | None:
        """Wait until a run has come, or will not; return a call to make meanwhile, else None."""
        state = self._state
        with state.changed:
            state.changed.wait_for(lambda: state.closed or move.result.done() or self.moves)
            if move.result.done():
                return None
            if state.closed:
                move.cancel()
                return None
            return self._next_move()

    def select_batch(self, most: int, fits: Callable[[Job], bool]) -> list[Job]:
        """Return the jobs that take the next step, at most `most`, the leader first."""
        with self._state.changed:
            if self.jobs_changed and self.batch:
                self.jobs_changed = False
                leader, *before = self.batch
                others = self._state.policy.batch_candidates(
                    leader, most - 1, lambda each: self._can_join(each) and fits(each.job)
                )
                dropped = [each for each in before if each not in others]
                for each in dropped:
                    self._end_part(each)
                if dropped:  # painters without work may take them
                    self._state.changed.notify_all()
                for each in others:
                    if each.seat is None:
                        self._hold(each)
                self.batch = [leader, *others]
            return [each.job for each in self.batch]

    def charge(
        self, cost: float = 0.0, *, job: Job | None = None, slowness: float = 1.0
    ) -> StopRequest | None:
        """Record work done for a job in the batch; return the request to end it, if any."""
        with self._state.changed:
            queued = self._batch_member(job)
            if queued is None or queued.job.id not in self._state.jobs:
                return StopRequest.CANCEL
            self._state.policy.charge(queued, cost, slowness)
            return StopRequest.STOP if queued.stop_requested else None

    def leave_batch(self, job: Job) -> None:
        """Take a job out of the batch; it stays in the queue unless it was removed."""
        with self._state.changed:
            queued = self._batch_member(job)
            if queued is not None:
                self.batch.remove(queued)
                self._end_part(queued)
                self._state.jobs_changed()
                self._state.changed.notify_all()

    def finish(self, job: Job) -> None:
        """Take a job that has ended out of the batch and the queue."""
        with self._state.changed:
            if self._batch_member(job) is not None:
                self._state.jobs.pop(job.id, None)
                self.leave_batch(job)

    def end_slice(self) -> None:
        """End the current slice for all jobs in the batch, the leader first."""
        with self._state.changed:
            self.is_free = True
            batch, self.batch = self.batch, []
            for each in batch:
                self._end_part(each)

    def __contains__(self, job_id: int) -> bool:
        """Return True if the run of a job in the queue lives here, and should be kept."""
        with self._state.changed:
            queued = self._state.jobs.get(job_id)
            is_wanted = any(move.job.id == job_id for move in self.moves)
            return is_wanted or (queued is not None and queued.home == self.number)

    def leave(self) -> list[Job]:
        """Give the seat up for good; return the jobs that painters die of, for which nobody is."""
        state = self._state
        with state.changed:
            self.is_open = False
            for each in self.batch:
                each.lost_painters += 1
            lost = [each for each in self.batch if each.lost_painters >= MAX_LOST_PAINTERS]
            for each in lost:
                state.jobs.pop(each.job.id, None)
            self.end_slice()
            for each in list(state.policy.homes.at(self.number)):
                state.policy.leave_home(each)
            for move in self.moves:
                move.run(lambda _: None)
            self.moves.clear()
            state.absent.left(self.kind.runs)
            state.jobs_changed()
            state.changed.notify_all()
            return [each.job for each in lost]

    def jobs(self) -> list[Job]:
        """Return the jobs in the batch, the leader first."""
        with self._state.changed:
            return [each.job for each in self.batch if each.job.id in self._state.jobs]

    def _next_move(self) -> RunMove | None:
        return self.moves.popleft() if self.moves else None

    def _next_call(self) -> SeatCall | None:
        calls = self._state.calls
        return self._next_move() or (calls.popleft() if calls else None)

    def _next_slice(self) -> Slice | None:
        state = self._state
        if (queued := self._next_to_stop()) is not None:
            self._hold(queued)
            self.batch = [queued]
            return Slice(queued.job, 0)
        has_others = len(state.open_seats) > 1
        queued = state.policy.start_slice(self.number, self._may_take, at_home_first=has_others)
        if queued is None:
            return None
        move = None
        if queued.home not in (None, self.number):
            move = RunMove(queued.job)
            state.ask_for(move, queued.home)
        self._hold(queued)
        self.batch, self.jobs_changed = [queued], True
        return Slice(queued.job, state.slice_steps, move)

    def _next_to_stop(self) -> QueuedJob | None:
        """Return the first job to stop whose run lives here, or can be loaded here."""
        state, runs = self._state, self.kind.runs
        asked = [state.jobs[each] for each in state.to_stop if each in state.jobs]
        state.to_stop = [each.job.id for each in asked]
        waiting = (each for each in asked if each.seat is None)
        own = (each for each in waiting if each.home in (None, self.number))
        return next(
            (each for each in own if can_be_loaded(each.runs, runs) or state.can_go_on(each, runs)),
            None,
        )

    def _hold(self, queued: QueuedJob) -> None:
        queued.runs = self.kind.runs
        self._state.policy.hold(queued, self.number)

    def _may_take(self, queued: QueuedJob) -> bool:
        """Return True if the painter may have the job, which is in no slice.

        A run stays where it is if its painter has nothing else to do.
        """
        if queued.home not in (None, self.number) and self._state.seats[queued.home].is_free:
            return False
        if self._state.draining and not queued.has_begun:
            return False
        return self._state.can_go_on(queued, self.kind.runs)

    def _can_join(self, queued: QueuedJob) -> bool:
        is_here = queued.job.id in self._state.jobs and not queued.stop_requested
        return is_here and queued.home in (None, self.number) and self._may_take(queued)

    def _batch_member(self, job: Job | None) -> QueuedJob | None:
        """Return the entry of a job in the batch, by default the leader's."""
        members = (each for each in self.batch if job is None or each.job.id == job.id)
        return next(members, None)

    def _end_part(self, queued: QueuedJob) -> None:
        """End a job's part in the current slice."""
        self._state.policy.end_slice(queued)
        if queued.job.id not in self._state.jobs:  # it has ended, or was cancelled in the meantime
            self._state.policy.remove(queued)
