"""Which jobs share the steps of a slice, simulated with an engine that gains nothing by batching.

A step of a batch takes as long as single steps of all its jobs, so no user may be slower than
with slices of their own.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.jobs.job import Job
from bot.scheduling.cost import step_cost
from bot.scheduling.queue import GpuQueue
from bot.scheduling.seats import Slice, StopRequest
from engine.presets import make_recipe

SLICE, MOST = 25, 8
SMALL = make_recipe("a red circle", seed=1, models="demo", steps=100, size=(64, 64))
LARGE = replace(SMALL, width=96, height=96)
STEP_COST = step_cost(SMALL)


class QueueSimulation:
    """A queue, and an engine whose steps take as long as they cost."""

    def __init__(self, most: int = MOST, *, fair: bool = True) -> None:
        self.queue = GpuQueue(slice_steps=SLICE, fair=fair)
        self.seat = self.queue.seat()
        self.most = most
        self.clock = 0.0
        self.left: dict[int, int] = {}
        self.ended_at: dict[int, float] = {}
        self.author: dict[int, int] = {}
        self._ids = count(1)

    def submit(
        self, author: int, steps: int = 100, *, large: bool = False, weight: float = 1.0
    ) -> int:
        job_id = next(self._ids)
        recipe = replace(LARGE if large else SMALL, steps=steps)
        self.left[job_id], self.author[job_id] = steps, author
        self.queue.put(Job(job_id, author, "a red circle", (recipe,), weight=weight))
        return job_id

    def step(self) -> list[int]:
        """Take one step of the current slice; return the ids of the jobs in the batch."""
        first: list[Job] = []

        def fits(job: Job) -> bool:
            return job.recipes[0].width == first[0].recipes[0].width

        first[:] = self.queue.jobs()[:1]
        jobs = self.seat.select_batch(self.most, fits)
        done = {job.id: step_cost(job.recipes[0]) for job in jobs}
        self.clock += sum(done.values())
        for job in jobs:
            self.left[job.id] -= 1
            request = self.seat.charge(done[job.id], job=job)
            is_over = self.left[job.id] == 0
            if is_over or request is StopRequest.STOP:
                self.seat.finish(job)
            elif request is StopRequest.CANCEL:
                self.seat.leave_batch(job)
            else:
                continue
            self.ended_at[job.id] = self.clock
        return [job.id for job in jobs]

    def run_slice(self) -> list[list[int]]:
        """Take a whole slice; return the ids of the jobs in each step's batch."""
        slice_ = self.seat.dequeue()
        assert isinstance(slice_, Slice)
        steps: list[list[int]] = []
        while len(steps) < slice_.steps and slice_.job.id not in self.ended_at:
            steps.append(self.step())
        self.seat.end_slice()
        return steps

    def work_off(self) -> dict[int, float]:
        """Empty the queue; return the time at which each job ended."""
        while self.queue.jobs():
            self.run_slice()
        return self.ended_at


def test_batch_of_single_user_holds_all_their_jobs():
    simulation = QueueSimulation()
    jobs = [simulation.submit(author=1, steps=SLICE) for _ in range(MOST + 1)]
    assert simulation.run_slice() == [jobs[:MOST]] * SLICE
    assert simulation.run_slice() == [jobs[MOST:]] * SLICE


def test_job_that_does_not_fit_gets_its_own_slice():
    simulation = QueueSimulation()
    jobs = [simulation.submit(author, steps=SLICE, large=author == 2) for author in (1, 2, 3)]
    assert simulation.run_slice() == [[jobs[0], jobs[2]]] * SLICE
    assert simulation.run_slice() == [[jobs[1]]] * SLICE


def test_jobs_join_and_leave_batch_at_next_step():
    simulation = QueueSimulation()
    first, second = simulation.submit(1), simulation.submit(2, steps=5)
    assert isinstance(simulation.seat.dequeue(), Slice)
    assert simulation.step() == [first, second]
    third = simulation.submit(3)
    assert set(simulation.step()) == {first, second, third}
    simulation.queue.stop(third)
    simulation.step()
    assert simulation.step() == [first, second]
    simulation.step()
    assert simulation.step() == [first]
    assert set(simulation.ended_at) == {second, third}


def test_further_jobs_of_user_give_way_to_new_user():
    simulation = QueueSimulation()
    jobs = [simulation.submit(author=1) for _ in range(10)]
    assert isinstance(simulation.seat.dequeue(), Slice)
    assert simulation.step() == jobs[:MOST]
    new = simulation.submit(author=2)
    assert simulation.step() == [jobs[0], new]


def test_cancelled_job_leaves_rest_of_batch_unchanged():
    simulation = QueueSimulation()
    jobs = [simulation.submit(author) for author in (1, 2, 3)]
    assert isinstance(simulation.seat.dequeue(), Slice)
    simulation.step()
    assert simulation.queue.remove(jobs[1])
    simulation.step()
    assert jobs[1] not in simulation.queue
    assert simulation.step() == [jobs[0], jobs[2]]
    simulation.seat.end_slice()
    assert set(simulation.work_off()) == set(jobs)


def test_job_with_stop_request_joins_no_batch():
    simulation = QueueSimulation()
    first, second = simulation.submit(1), simulation.submit(2)
    slice_ = simulation.seat.dequeue()
    simulation.queue.stop(second)
    assert simulation.step() == [first]
    simulation.seat.end_slice()
    slice_ = simulation.seat.dequeue()
    assert isinstance(slice_, Slice)
    assert (slice_.job.id, slice_.steps) == (second, 0)


def test_fifo_batch_overtakes_no_job():
    simulation = QueueSimulation(fair=False)
    jobs = [simulation.submit(author, steps=SLICE, large=author == 3) for author in (1, 1, 3, 4)]
    assert simulation.run_slice() == [jobs[:2]] * SLICE
    assert simulation.run_slice() == [[jobs[2]]] * SLICE
    assert simulation.run_slice() == [[jobs[3]]] * SLICE


def test_batch_keeps_weighted_shares():
    simulation = QueueSimulation()
    patron, other = simulation.submit(1, steps=3000, weight=3.0), simulation.submit(2, steps=3000)
    for _ in range(24):
        simulation.run_slice()
    slices = {job: (3000 - simulation.left[job]) / SLICE for job in (patron, other)}
    assert slices == {patron: 24, other: pytest.approx(8, abs=1)}


@pytest.mark.parametrize("large", [False, True])
def test_user_with_ten_jobs_delays_no_other_user_by_batching(*, large: bool):
    ends: list[float] = []
    for most in (1, MOST):
        simulation = QueueSimulation(most)
        for _ in range(10):
            simulation.submit(author=1)
        other = simulation.submit(author=2, large=large)
        ends.append(simulation.work_off()[other])
    alone, batched = ends
    assert batched <= alone


Submitted = Sequence[tuple[int, int, bool]]


@settings(max_examples=100, deadline=None)
@given(
    submitted=st.lists(
        st.tuples(st.integers(1, 6), st.integers(1, 120), st.booleans()), min_size=1, max_size=14
    )
)
def test_batching_delays_no_user_by_more_than_two_slices_per_user(submitted: Submitted):
    """Compare the times at which all jobs of each user are done."""
    users = {author for author, _, _ in submitted}
    ends: list[dict[int, float]] = []
    for most in (1, MOST):
        simulation = QueueSimulation(most)
        for author, steps, large in submitted:
            simulation.submit(author, steps, large=large)
        done = simulation.work_off()
        ends.append(
            {p: max(t for n, t in done.items() if simulation.author[n] == p) for p in users}
        )
    alone, batched = ends
    slack = 2 * SLICE * step_cost(LARGE) * len(users)
    for person in users:
        assert batched[person] <= alone[person] + slack
