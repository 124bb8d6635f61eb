"""One painter gets exactly the slices of plain start-time fair queueing, whatever happens."""

from dataclasses import dataclass, field, replace
from random import Random

import pytest

from bot.jobs.job import Job
from bot.scheduling.cost import step_cost
from bot.scheduling.queue import GpuQueue
from bot.scheduling.seats import Slice, StopRequest
from engine.presets import make_recipe

SLICE, PEOPLE, WORKLOADS = 25, 12, 300
RECIPE = make_recipe("a ring", seed=1, models="demo", steps=100)
STEP_COST = step_cost(RECIPE)


@dataclass
class Person:
    """Someone in the plain model: their virtual time, their rank among equals, and their jobs."""

    time: float
    rank: int
    jobs: list[Job] = field(default_factory=list[Job])


@dataclass
class PlainFairQueue:
    """Start-time fair queueing for one painter, with no thought of speed."""

    people: dict[int, Person] = field(default_factory=dict[int, Person])
    time: float = 0.0
    ranks: int = 0
    absent: dict[int, float] = field(default_factory=dict[int, float])

    def put(self, job: Job) -> None:
        if job.author_id not in self.people:
            self.ranks += 1
            time = max(self.time, self.absent.pop(job.author_id, 0.0))
            self.people[job.author_id] = Person(time, self.ranks)
        self.people[job.author_id].jobs.append(job)

    def begin_slice(self) -> Job:
        person = min(self.people.values(), key=lambda each: (each.time, each.rank))
        self.time = max(self.time, person.time)
        return person.jobs[0]

    def end_slice(self, job: Job, cost: float) -> None:
        self.people[job.author_id].time += cost / job.weight

    def remove(self, job: Job) -> None:
        person = self.people[job.author_id]
        person.jobs.remove(job)
        if not person.jobs:
            del self.people[job.author_id]
            self.absent[job.author_id] = person.time
        if not self.people:
            self.absent.clear()


class Workload:
    """Jobs that come and go at random, given to the queue and to the plain model."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.queue, self.plain = GpuQueue(slice_steps=SLICE), PlainFairQueue()
        self.seat = self.queue.seat()
        self.weights = [self.random.choice((0.5, 1.0, 2.0)) for _ in range(PEOPLE)]
        self.left: dict[int, int] = {}
        self.jobs: dict[int, Job] = {}
        for _ in range(self.random.randint(1, 30)):
            self.put()

    def put(self) -> None:
        number, author = len(self.left) + 1, self.random.randrange(PEOPLE)
        steps = self.random.choice((3, 10, 25, 60, 100, 250))
        recipes = (replace(RECIPE, steps=steps),)
        job = Job(number, author, "a ring", recipes, weight=self.weights[author])
        self.left[number], self.jobs[number] = steps, job
        self.queue.put(job)
        self.plain.put(job)

    def meddle(self, painted: Job) -> bool:
        """Let a job come or go; return True if the painted one is to be removed."""
        chance = self.random.random()
        if chance < 0.02 and len(self.left) < 60:
            self.put()
        elif chance < 0.03:
            job = self.random.choice(list(self.jobs.values()))
            assert self.queue.remove(job.id)
            del self.jobs[job.id]
            if job is painted:
                return True
            self.plain.remove(job)
        return False

    def take_slice(self) -> None:
        current, expected = self.seat.dequeue(), self.plain.begin_slice()
        assert isinstance(current, Slice)
        assert current.job is expected
        cost, is_gone = 0.0, False
        most = self.random.choice((SLICE, SLICE, SLICE, 0, 4))  # a slice can be cut short
        for _ in range(min(most, self.left[expected.id])):
            is_gone = self.meddle(expected)
            asked = self.seat.charge(STEP_COST)
            assert asked is (StopRequest.CANCEL if is_gone else None)
            if is_gone:
                break
            cost += STEP_COST
            self.left[expected.id] -= 1
        if self.left[expected.id] == 0 and not is_gone:
            self.seat.finish(expected)
            del self.jobs[expected.id]
            is_gone = True
        self.seat.end_slice()
        self.plain.end_slice(expected, cost)
        if is_gone:
            self.plain.remove(expected)


@pytest.mark.parametrize("first", range(0, WORKLOADS, WORKLOADS // 4))
def test_one_painter_gets_the_slices_of_plain_fair_queueing(first: int):
    for seed in range(first, first + WORKLOADS // 4):
        workload = Workload(seed)
        while workload.jobs:
            workload.take_slice()
        assert not workload.queue.jobs()
        assert not workload.plain.people
