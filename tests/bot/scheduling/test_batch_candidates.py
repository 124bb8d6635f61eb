"""Who takes part in somebody else's turn: simulated, with an engine that gains nothing by it.

Its steps take as long as those of all who take part one after the other, so that nobody may be
slower than with turns of their own.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.jobs.job import Job
from bot.scheduling.cost import step_cost
from bot.scheduling.queue import GpuQueue, Slice, StopRequest
from engine.presets import make_recipe

SLICE, MOST = 25, 8
SMALL = make_recipe("a red circle", seed=1, models="demo", steps=100, size=(64, 64))
LARGE = replace(SMALL, width=96, height=96)
UNITS = step_cost(SMALL)


class Line:
    """A queue, and an engine that takes its time."""

    def __init__(self, most: int = MOST, *, fair: bool = True) -> None:
        self.queue = GpuQueue(slice_steps=SLICE, fair=fair)
        self.most = most
        self.clock = 0.0
        self.left: dict[int, int] = {}
        self.ended: dict[int, float] = {}
        self.author: dict[int, int] = {}
        self._numbers = count(1)

    def ask(
        self, author: int, steps: int = 100, *, large: bool = False, weight: float = 1.0
    ) -> int:
        number = next(self._numbers)
        recipe = replace(LARGE if large else SMALL, steps=steps)
        self.left[number], self.author[number] = steps, author
        self.queue.put(Job(number, author, "a red circle", (recipe,), weight=weight))
        return number

    def step(self) -> list[int]:
        """One step in the turn at hand; who took part."""
        first: list[Job] = []

        def fits(job: Job) -> bool:
            return job.recipes[0].width == first[0].recipes[0].width

        first[:] = self.queue.jobs()[:1]
        jobs = self.queue.select_batch(self.most, fits)
        done = {job.id: step_cost(job.recipes[0]) for job in jobs}
        self.clock += sum(done.values())
        for job in jobs:
            self.left[job.id] -= 1
            request = self.queue.charge(done[job.id], job=job)
            is_over = self.left[job.id] == 0
            if is_over or request is StopRequest.STOP:
                self.queue.finish(job)
            elif request is StopRequest.CANCEL:
                self.queue.leave_batch(job)
            else:
                continue
            self.ended[job.id] = self.clock
        return [job.id for job in jobs]

    def turn(self) -> list[list[int]]:
        """A whole turn: who took part in each of its steps."""
        turn = self.queue.dequeue()
        assert isinstance(turn, Slice)
        steps: list[list[int]] = []
        while len(steps) < turn.steps and turn.job.id not in self.ended:
            steps.append(self.step())
        self.queue.end_slice()
        return steps

    def work_off(self) -> dict[int, float]:
        """Paint until nothing is left; when each job was done."""
        while self.queue.jobs():
            self.turn()
        return self.ended


def test_alone_everybody_s_jobs_advance_together():
    line = Line()
    jobs = [line.ask(author=1, steps=SLICE) for _ in range(MOST + 1)]
    assert line.turn() == [jobs[:MOST]] * SLICE
    assert line.turn() == [jobs[MOST:]] * SLICE


def test_people_advance_together_and_whoever_does_not_fit_has_a_turn_of_their_own():
    line = Line()
    jobs = [line.ask(author, steps=SLICE, large=author == 2) for author in (1, 2, 3)]
    assert line.turn() == [[jobs[0], jobs[2]]] * SLICE
    assert line.turn() == [[jobs[1]]] * SLICE


def test_whoever_comes_and_goes_does_so_at_the_next_step():
    line = Line()
    first, second = line.ask(1), line.ask(2, steps=5)
    assert isinstance(line.queue.dequeue(), Slice)
    assert line.step() == [first, second]
    third = line.ask(3)
    assert set(line.step()) == {first, second, third}
    line.queue.stop(third)
    line.step()
    assert line.step() == [first, second]
    line.step()
    assert line.step() == [first]
    assert set(line.ended) == {second, third}


def test_further_jobs_of_somebody_give_way_to_somebody_new():
    line = Line()
    jobs = [line.ask(author=1) for _ in range(10)]
    assert isinstance(line.queue.dequeue(), Slice)
    assert line.step() == jobs[:MOST]
    new = line.ask(author=2)
    assert line.step() == [jobs[0], new]


def test_cancelled_with_others_it_leaves_them_as_they_were():
    line = Line()
    jobs = [line.ask(author) for author in (1, 2, 3)]
    assert isinstance(line.queue.dequeue(), Slice)
    line.step()
    assert line.queue.remove(jobs[1])
    line.step()
    assert jobs[1] not in line.queue
    assert line.step() == [jobs[0], jobs[2]]
    line.queue.end_slice()
    assert set(line.work_off()) == set(jobs)


def test_what_is_to_be_stopped_joins_nobody():
    line = Line()
    first, second = line.ask(1), line.ask(2)
    turn = line.queue.dequeue()
    line.queue.stop(second)
    assert line.step() == [first]
    line.queue.end_slice()
    turn = line.queue.dequeue()
    assert isinstance(turn, Slice)
    assert (turn.job.id, turn.steps) == (second, 0)


def test_first_come_first_served_nobody_is_overtaken():
    line = Line(fair=False)
    jobs = [line.ask(author, steps=SLICE, large=author == 3) for author in (1, 1, 3, 4)]
    assert line.turn() == [jobs[:2]] * SLICE
    assert line.turn() == [[jobs[2]]] * SLICE
    assert line.turn() == [[jobs[3]]] * SLICE


def test_a_weight_is_a_share_together_too():
    line = Line()
    patron, other = line.ask(1, steps=3000, weight=3.0), line.ask(2, steps=3000)
    for _ in range(24):
        line.turn()
    turns = {job: (3000 - line.left[job]) / SLICE for job in (patron, other)}
    assert turns == {patron: 24, other: pytest.approx(8, abs=1)}


@pytest.mark.parametrize("large", [False, True])
def test_somebody_with_ten_jobs_slows_nobody_down_more_than_in_turns(*, large: bool):
    ends: list[float] = []
    for most in (1, MOST):
        line = Line(most)
        for _ in range(10):
            line.ask(author=1)
        other = line.ask(author=2, large=large)
        ends.append(line.work_off()[other])
    in_turns, together = ends
    assert together <= in_turns


Asked = Sequence[tuple[int, int, bool]]


@settings(max_examples=100, deadline=None)
@given(
    asked=st.lists(
        st.tuples(st.integers(1, 6), st.integers(1, 120), st.booleans()), min_size=1, max_size=14
    )
)
def test_nobody_waits_longer_than_in_turns(asked: Asked):
    """Until all that somebody asked for is done; but for a turn or two of everybody."""
    people = {author for author, _, _ in asked}
    ends: list[dict[int, float]] = []
    for most in (1, MOST):
        line = Line(most)
        for author, steps, large in asked:
            line.ask(author, steps, large=large)
        done = line.work_off()
        ends.append({p: max(t for n, t in done.items() if line.author[n] == p) for p in people})
    in_turns, together = ends
    slack = 2 * SLICE * step_cost(LARGE) * len(people)
    for person in people:
        assert together[person] <= in_turns[person] + slack
