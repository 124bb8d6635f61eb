"""Which job is painted next and how much work comes first, simulated without an engine."""

from dataclasses import dataclass, replace
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.jobs.job import Job
from bot.scheduling.cost import step_cost
from bot.scheduling.queue import GpuQueue
from bot.scheduling.seats import Seat, Slice, StopRequest
from engine.presets import make_recipe

SLICE = 25
RECIPE = make_recipe("a red circle", seed=1, models="demo", steps=100)
STEP_COST = step_cost(RECIPE)
HEAVY = 100


@dataclass
class QueueSimulation:
    """A queue, and an engine that takes no time."""

    queue: GpuQueue
    seat: Seat
    ids: count

    def submit(self, author: int, steps: int = 100, weight: float = 1.0) -> int:
        job_id = next(self.ids)
        recipe = replace(RECIPE, steps=steps)
        self.queue.put(Job(job_id, author, "a red circle", (recipe,), weight=weight))
        return job_id

    def run_slice(self) -> tuple[int, float, bool]:
        """Take one slice; return its job, its cost and whether the job is done."""
        slice_ = self.seat.dequeue()
        assert isinstance(slice_, Slice)
        cost = 0.0
        for _ in range(slice_.steps):
            self.seat.charge(STEP_COST)
            cost += STEP_COST
            position = self.queue.position(slice_.job.id)
            assert position is not None
            if position.end - position.start < STEP_COST / 2:
                self.seat.finish(slice_.job)
                self.seat.end_slice()
                return slice_.job.id, cost, True
        self.seat.end_slice()
        return slice_.job.id, cost, False

    def slice_order(self) -> list[int]:
        """Empty the queue; return the job of each slice."""
        order: list[int] = []
        while self.queue.jobs():
            order.append(self.run_slice()[0])
        return order


def simulate(**options: bool) -> QueueSimulation:
    queue = GpuQueue(slice_steps=SLICE, **options)
    return QueueSimulation(queue, queue.seat(), count(1))


def test_users_alternate_and_jobs_of_each_keep_their_order():
    simulation = simulate()
    first, second = simulation.submit(author=1, steps=50), simulation.submit(author=1, steps=50)
    other = simulation.submit(author=2, steps=75)
    assert simulation.slice_order() == [first, other, first, other, second, other, second]


def test_fifo_is_an_option():
    simulation = simulate(fair=False)
    jobs = [simulation.submit(author) for author in (1, 1, 2)]
    position = simulation.queue.position(jobs[2])
    assert position is not None
    assert (position.jobs_ahead, position.start) == (2, 200 * STEP_COST)
    assert simulation.slice_order() == [job for job in jobs for _ in range(4)]


def test_new_user_gets_next_slice():
    simulation = simulate()
    simulation.submit(author=1, steps=500)
    for _ in range(3):
        simulation.run_slice()
    new = simulation.submit(author=2)
    assert simulation.run_slice()[0] == new


def test_user_with_many_jobs_does_not_delay_others():
    simulation = simulate()
    for _ in range(50):
        simulation.submit(author=HEAVY)
    simulation.run_slice()
    light = [simulation.submit(author) for author in range(9)]
    order = simulation.slice_order()
    assert set(order[:9]) == set(light)
    fair_share = 10 * 4  # ten users, four slices each
    assert max(len(order) - order[::-1].index(job) for job in light) <= 1.2 * fair_share


def test_weight_is_share_of_slices():
    simulation = simulate()
    patron, other = simulation.submit(1, steps=1000, weight=3.0), simulation.submit(2, steps=1000)
    order = [simulation.run_slice()[0] for _ in range(24)]
    assert (order.count(patron), order.count(other)) == (18, 6)


def test_leaving_and_coming_back_gains_nothing():
    simulation = simulate()
    steady = simulation.submit(author=1, steps=10_000)
    served: list[int] = []
    simulation.submit(author=2, steps=SLICE)
    while len(served) < 40:
        job, _, done = simulation.run_slice()
        served.append(job)
        if done:
            simulation.submit(author=2, steps=SLICE)
    assert served.count(steady) >= 19


def test_cancelled_job_leaves_order_unchanged():
    simulation = simulate()
    jobs = [simulation.submit(author=author, steps=50) for author in (1, 2, 2, 3)]
    assert simulation.queue.remove(jobs[1])
    assert not simulation.queue.remove(jobs[1])
    assert simulation.queue.position(jobs[1]) is None
    assert simulation.slice_order() == [jobs[0], jobs[2], jobs[3]] * 2


def test_job_cancelled_in_its_slice_is_reported_to_engine():
    simulation = simulate()
    job, other = simulation.submit(author=1), simulation.submit(author=1)
    assert isinstance(simulation.seat.dequeue(), Slice)
    assert simulation.seat.charge(STEP_COST) is None
    simulation.queue.remove(job)
    assert simulation.seat.charge(STEP_COST) is StopRequest.CANCEL
    simulation.seat.end_slice()
    assert set(simulation.slice_order()) == {other}


def test_stopped_job_comes_before_all_others():
    simulation = simulate()
    simulation.submit(author=1)
    stopped = simulation.submit(author=1)
    assert simulation.queue.stop(stopped)
    slice_ = simulation.seat.dequeue()
    assert isinstance(slice_, Slice)
    assert (slice_.job.id, slice_.steps) == (stopped, 0)
    assert simulation.seat.charge() is StopRequest.STOP
    simulation.seat.finish(slice_.job)
    simulation.seat.end_slice()
    assert stopped not in simulation.queue
    assert not simulation.queue.stop(stopped)


@pytest.mark.parametrize("fair", [True, False])
@settings(max_examples=60, deadline=None)
@given(
    submitted=st.lists(
        st.tuples(st.integers(1, 5), st.integers(1, 120), st.sampled_from([0.5, 1.0, 2.0])),
        min_size=1,
        max_size=12,
    ),
    slices_before=st.integers(0, 12),
)
def test_positions_come_true(
    fair: bool, submitted: list[tuple[int, int, float]], slices_before: int
):
    """Check when each job's next slice starts and when it ends, while no job is added.

    Positions ignore that the last slice of each of a user's several jobs is cut short.
    """
    weights = {author: weight for author, _, weight in submitted}  # one for each person
    authors = [author for author, _, _ in submitted]
    several = sum(authors.count(author) > 1 for author in weights)
    simulation = simulate(fair=fair)
    for author, steps, _ in submitted:
        simulation.submit(author, steps, weights[author])
    for _ in range(slices_before):
        if simulation.queue.jobs():
            simulation.run_slice()
    expected = {job.id: simulation.queue.position(job.id) for job in simulation.queue.jobs()}
    started: set[int] = set()
    now, tolerance = 0.0, 1.0 + several * SLICE * STEP_COST * fair
    while simulation.queue.jobs():
        job, cost, done = simulation.run_slice()
        position = expected[job]
        assert position is not None
        if job not in started:
            started.add(job)
            assert position.start == pytest.approx(now, abs=tolerance)
        now += cost
        if done:
            assert position.end == pytest.approx(now, abs=tolerance)
