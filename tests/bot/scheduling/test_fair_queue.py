"""Whose turn it is, and how much is painted before: simulated, without an engine."""

from dataclasses import dataclass, replace
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.jobs.job import Job
from bot.scheduling.cost import step_cost
from bot.scheduling.queue import GpuQueue, Slice, StopRequest
from engine.presets import make_recipe

SLICE = 25
RECIPE = make_recipe("a red circle", seed=1, models="demo", steps=100)
UNITS = step_cost(RECIPE)
HEAVY = 100


@dataclass
class Line:
    """A queue, and an engine that takes no time."""

    queue: GpuQueue
    numbers: count

    def ask(self, author: int, steps: int = 100, weight: float = 1.0) -> int:
        job_id = next(self.numbers)
        recipe = replace(RECIPE, steps=steps)
        self.queue.put(Job(job_id, author, "a red circle", (recipe,), weight=weight))
        return job_id

    def paint(self) -> tuple[int, float, bool]:
        """One turn: the job, the units of work, whether it is done."""
        turn = self.queue.dequeue()
        assert isinstance(turn, Slice)
        units = 0.0
        for _ in range(turn.steps):
            self.queue.charge(UNITS)
            units += UNITS
            standing = self.queue.position(turn.job.id)
            assert standing is not None
            if standing.end - standing.start < UNITS / 2:
                self.queue.finish(turn.job)
                self.queue.end_slice()
                return turn.job.id, units, True
        self.queue.end_slice()
        return turn.job.id, units, False

    def turns(self) -> list[int]:
        """Paint until nothing is left; whose turn it was."""
        order: list[int] = []
        while self.queue.jobs():
            order.append(self.paint()[0])
        return order


def line(**options: bool) -> Line:
    return Line(GpuQueue(slice_steps=SLICE, **options), count(1))


def test_people_take_turns_and_the_jobs_of_each_come_in_their_order():
    waiting = line()
    first, second = waiting.ask(author=1, steps=50), waiting.ask(author=1, steps=50)
    other = waiting.ask(author=2, steps=75)
    assert waiting.turns() == [first, other, first, other, second, other, second]


def test_first_come_first_served_is_an_option():
    waiting = line(fair=False)
    jobs = [waiting.ask(author) for author in (1, 1, 2)]
    standing = waiting.queue.position(jobs[2])
    assert standing is not None
    assert (standing.jobs_ahead, standing.start) == (2, 200 * UNITS)
    assert waiting.turns() == [job for job in jobs for _ in range(4)]


def test_whoever_comes_new_has_the_next_turn():
    waiting = line()
    waiting.ask(author=1, steps=500)
    for _ in range(3):
        waiting.paint()
    new = waiting.ask(author=2)
    assert waiting.paint()[0] == new


def test_one_heavy_person_does_not_keep_light_ones_waiting():
    waiting = line()
    for _ in range(50):
        waiting.ask(author=HEAVY)
    waiting.paint()
    light = [waiting.ask(author) for author in range(9)]
    order = waiting.turns()
    assert set(order[:9]) == set(light)
    fair_share = 10 * 4  # ten people, four turns each
    assert max(len(order) - order[::-1].index(job) for job in light) <= 1.2 * fair_share


def test_a_weight_is_a_share():
    waiting = line()
    patron, other = waiting.ask(1, steps=1000, weight=3.0), waiting.ask(2, steps=1000)
    order = [waiting.paint()[0] for _ in range(24)]
    assert (order.count(patron), order.count(other)) == (18, 6)


def test_nobody_gets_more_by_coming_and_going():
    waiting = line()
    steady = waiting.ask(author=1, steps=10_000)
    turns: list[int] = []
    waiting.ask(author=2, steps=SLICE)
    while len(turns) < 40:
        job, _, done = waiting.paint()
        turns.append(job)
        if done:
            waiting.ask(author=2, steps=SLICE)
    assert turns.count(steady) >= 19


def test_a_job_that_is_cancelled_leaves_the_others_as_they_were():
    waiting = line()
    jobs = [waiting.ask(author=author, steps=50) for author in (1, 2, 2, 3)]
    assert waiting.queue.remove(jobs[1])
    assert not waiting.queue.remove(jobs[1])
    assert waiting.queue.position(jobs[1]) is None
    assert waiting.turns() == [jobs[0], jobs[2], jobs[3]] * 2


def test_a_job_that_is_cancelled_during_its_turn_is_wanted_no_more():
    waiting = line()
    job, other = waiting.ask(author=1), waiting.ask(author=1)
    assert isinstance(waiting.queue.dequeue(), Slice)
    assert waiting.queue.charge(UNITS) is None
    waiting.queue.remove(job)
    assert waiting.queue.charge(UNITS) is StopRequest.CANCEL
    waiting.queue.end_slice()
    assert set(waiting.turns()) == {other}


def test_a_job_that_is_stopped_comes_before_all_others():
    waiting = line()
    waiting.ask(author=1)
    stopped = waiting.ask(author=1)
    assert waiting.queue.stop(stopped)
    turn = waiting.queue.dequeue()
    assert isinstance(turn, Slice)
    assert (turn.job.id, turn.steps) == (stopped, 0)
    assert waiting.queue.charge() is StopRequest.STOP
    waiting.queue.finish(turn.job)
    waiting.queue.end_slice()
    assert stopped not in waiting.queue
    assert not waiting.queue.stop(stopped)


@pytest.mark.parametrize("fair", [True, False])
@settings(max_examples=60, deadline=None)
@given(
    asked=st.lists(
        st.tuples(st.integers(1, 5), st.integers(1, 120), st.sampled_from([0.5, 1.0, 2.0])),
        min_size=1,
        max_size=12,
    ),
    painted=st.integers(0, 12),
)
def test_what_is_announced_comes_true(
    fair: bool, asked: list[tuple[int, int, float]], painted: int
):
    """As long as nobody else comes: when each job's next turn begins, and when it is done.

    Of people with several jobs it is not counted how the last turn of each is cut short.
    """
    weights = {author: weight for author, _, weight in asked}  # one for each person
    authors = [author for author, _, _ in asked]
    several = sum(authors.count(author) > 1 for author in weights)
    waiting = line(fair=fair)
    for author, steps, _ in asked:
        waiting.ask(author, steps, weights[author])
    for _ in range(painted):
        if waiting.queue.jobs():
            waiting.paint()
    announced = {job.id: waiting.queue.position(job.id) for job in waiting.queue.jobs()}
    begun: set[int] = set()
    now, tolerance = 0.0, 1.0 + several * SLICE * UNITS * fair
    while waiting.queue.jobs():
        job, units, done = waiting.paint()
        standing = announced[job]
        assert standing is not None
        if job not in begun:
            begun.add(job)
            assert standing.start == pytest.approx(now, abs=tolerance)
        now += units
        if done:
            assert standing.end == pytest.approx(now, abs=tolerance)
