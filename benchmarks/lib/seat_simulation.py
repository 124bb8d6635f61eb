"""Several painters at one queue, simulated: steps take no time here, and a clock advances by them.

It measures what the order of slices does: how much of the painters' time is useful, how often runs
move, how far anybody who waits is behind others, and how true the announced times are.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from math import inf
from random import Random
from statistics import median

from bot.jobs.job import Job
from bot.scheduling.cost import step_cost
from bot.scheduling.fair_queue import FairQueue
from bot.scheduling.queue import GpuQueue
from bot.scheduling.run_moves import RunMove
from bot.scheduling.seats import DeviceKind, Slice
from engine.presets import make_recipe

STEP_SECONDS, SLICE_SECONDS, MOVE_SECONDS = 0.05, 0.002, 0.03
"""What a step, the choice of a slice, and the move of a run take."""
STEPS = 25
"""Steps in a slice."""


@dataclass(frozen=True)
class Arrival:
    """A job of some steps that comes at some time."""

    seconds: float
    person: int
    steps: int


@dataclass
class Outcome:
    """What became of all jobs."""

    seconds: float = 0.0
    """When the last job was done."""
    useful_share: float = 0.0
    """Share of all painters' time in which steps were taken."""
    slices: int = 0
    moves: int = 0
    lead: float = 0.0
    """How far anybody who waited was behind anybody with a slice, in slices."""
    eta_error: float = 0.0
    """Median error of the announced times that are left, as a share of the true ones."""
    ends: dict[int, float] = field(default_factory=dict[int, float])
    """When each job was done, by its number."""


def burst(jobs: int, people: int, random: Random) -> list[Arrival]:
    """Return jobs that all come at once, as many of each person."""
    return [Arrival(0.0, n % people, random.randint(100, 400)) for n in range(jobs)]


def over_time(
    jobs: int, people: int, painters: float, load: float, random: Random
) -> list[Arrival]:
    """Return jobs at random times that keep painters busy for the share `load`; few have most."""
    arrivals = [
        Arrival(0.0, min(people - 1, int(random.paretovariate(0.8)) - 1), random.randint(100, 400))
        for _ in range(jobs)
    ]
    work = sum(each.steps for each in arrivals) * STEP_SECONDS
    end = work / painters / load
    times = sorted(random.uniform(0, end) for _ in arrivals)
    return [Arrival(at, each.person, each.steps) for at, each in zip(times, arrivals, strict=True)]


class Simulation:
    """Painters of some speeds, who paint what arrives."""

    def __init__(self, arrivals: Sequence[Arrival], speeds: Sequence[float]) -> None:
        self.queue = GpuQueue(slice_steps=STEPS)
        self.clock = 0.0
        self._speeds = speeds
        self._seats = [self.queue.seat(DeviceKind(str(each))) for each in speeds]
        self._arrivals = sorted(arrivals, key=lambda each: each.seconds, reverse=True)
        self._left: dict[int, int] = {}
        self._numbers, self._events = count(), count()
        self._ending: list[tuple[float, int, int, Slice]] = []
        """Slices that are painted: when they end, and the painter."""
        self._announced: list[tuple[int, float, float]] = []
        """Jobs, when a slice of theirs began, and when they were said to be done."""
        self._outcome = Outcome()
        self._recipe = make_recipe("a ring", seed=1, models="demo", steps=400)

    def run(self) -> Outcome:
        """Paint all jobs."""
        steps = sum(each.steps for each in self._arrivals)
        while self._arrivals or self._ending:
            arrives = self._arrivals[-1].seconds if self._arrivals else float("inf")
            if not self._ending or arrives <= self._ending[0][0]:
                self.clock = max(self.clock, arrives)
                self._arrive(self._arrivals.pop())
            else:
                self.clock, _, painter, slice_ = heapq.heappop(self._ending)
                self._end(painter, slice_)
            self._ask()
        outcome = self._outcome
        outcome.seconds = self.clock
        outcome.useful_share = steps * STEP_SECONDS / (sum(self._speeds) * self.clock)
        left = ((outcome.ends[job] - at, end - at) for job, at, end in self._announced)
        outcome.eta_error = median(abs(said - true) / true for true, said in left)
        return outcome

    def _arrive(self, arrival: Arrival) -> None:
        number = next(self._numbers)
        self._left[number] = arrival.steps
        recipe = replace(self._recipe, steps=arrival.steps)
        self.queue.put(Job(number, arrival.person, "a ring", (recipe,)))

    def _ask(self) -> None:
        """Let each painter without a slice ask for one."""
        busy = {painter for _, _, painter, _ in self._ending}
        for painter, seat in enumerate(self._seats):
            if painter not in busy and (slice_ := seat.poll()) is not None:
                assert isinstance(slice_, Slice)
                self._begin(painter, slice_)

    def _begin(self, painter: int, slice_: Slice) -> None:
        seconds = SLICE_SECONDS
        if slice_.move is not None:
            seconds += MOVE_SECONDS
            self._outcome.moves += 1
            for seat in self._seats:
                while isinstance(call := seat.next_call(), RunMove):
                    call.run(lambda _: None)
        steps = min(slice_.steps, self._left[slice_.job.id])
        seconds += steps * STEP_SECONDS / self._speeds[painter]
        self._outcome.slices += 1
        self._outcome.lead = max(self._outcome.lead, self._lead(slice_.job.author_id))
        position = self.queue.position(slice_.job.id, speed=float)
        assert position is not None
        end = self.clock + position.end / step_cost(self._recipe) * STEP_SECONDS
        self._announced.append((slice_.job.id, self.clock, end))
        event = self.clock + seconds, next(self._events), painter, slice_
        heapq.heappush(self._ending, event)

    def _lead(self, person: int) -> float:
        """Return how far a person with a new slice is ahead of those who wait, in slices."""
        policy = self.queue._state.policy
        assert isinstance(policy, FairQueue)
        users = policy._users
        waiting = [each.time_in_line for each in users.values() if each.entry_id]
        slice_cost = STEPS * step_cost(self._recipe)
        return (users[person].time_in_line - min(waiting, default=inf)) / slice_cost

    def _end(self, painter: int, slice_: Slice) -> None:
        job, seat = slice_.job, self._seats[painter]
        steps = min(slice_.steps, self._left[job.id])
        seat.charge(steps * step_cost(self._recipe))
        self._left[job.id] -= steps
        if self._left[job.id] == 0:
            self._outcome.ends[job.id] = self.clock
            seat.finish(job)
        seat.end_slice()
