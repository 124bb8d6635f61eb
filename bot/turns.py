"""Turns: whose job is painted next, and how much is painted before a job's turn and its end.

By default people take turns, and the jobs of each come in the order in which they were accepted. A
turn is a slice of some steps. Start-time fair queueing decides whose turn it is (Goyal, Vin and
Cheng, 1996): everybody has a time of their own, which goes on with the work done for them, divided
by their weight. Whoever's time is earliest comes next, and who is new starts at the time of the
slice that is being painted. So nobody waits behind somebody else's ten jobs.

Nothing in here is safe to be called from several threads.
"""

import heapq
from collections import deque
from dataclasses import dataclass
from itertools import count, takewhile
from math import ceil, floor
from typing import Protocol

from bot.jobs import Job
from bot.pace import job_units, step_units

_ROUNDING = 1e-9
"""Share of a slice by which two times may differ and count as equal."""


@dataclass(frozen=True)
class Standing:
    """What is painted before a job."""

    before: int
    """How many other jobs have a turn before its next one; 0 if it has its turn."""
    start: float
    """Units of work until its next turn."""
    end: float
    """Units of work until it is done, its own included."""


class Waiting:
    """A job that is not at its end."""

    def __init__(self, job: Job, steps_done: int, slice_steps: int) -> None:
        units = step_units(job.recipes[0])
        self.job = job
        self.left = max(0.0, job_units(job) - steps_done * units)
        """Units of work."""
        self.slice = slice_steps * units
        """Units of work in a turn."""
        self.turns_per_time = job.weight / self.slice
        """How many of its turns fit into a unit of its person's time."""
        self.spent = 0.0
        """Units of work in the turn at hand."""
        self.stops = False
        """Whether it shall be stopped where it is."""


class Turns(Protocol):
    """An order of jobs."""

    def add(self, waiting: Waiting) -> None:
        """Line up a new job."""
        ...

    def begin(self) -> Waiting | None:
        """The job whose turn begins; None if there is none."""
        ...

    def advance(self, waiting: Waiting, units: float) -> None:
        """Note that some work was done in the turn at hand."""
        ...

    def end(self, waiting: Waiting, /) -> None:
        """The turn at hand is over."""
        ...

    def remove(self, waiting: Waiting) -> None:
        """Forget a job."""
        ...

    def standing(self, waiting: Waiting) -> Standing:
        """What is painted before a job."""
        ...


class FirstCome:
    """Jobs in the order in which they were accepted, each to its end."""

    def __init__(self) -> None:
        self._line: dict[int, Waiting] = {}

    def add(self, waiting: Waiting) -> None:
        """Line up a new job, behind all others."""
        self._line[waiting.job.id] = waiting

    def begin(self) -> Waiting | None:
        """The job that was accepted first."""
        return next(iter(self._line.values()), None)

    def advance(self, waiting: Waiting, units: float) -> None:
        """Note that some work was done."""
        waiting.left = max(0.0, waiting.left - units)

    def end(self, _: Waiting) -> None:
        """A turn is over; the job has the next one, too."""

    def remove(self, waiting: Waiting) -> None:
        """Forget a job."""
        self._line.pop(waiting.job.id, None)

    def standing(self, waiting: Waiting) -> Standing:
        """All jobs before it are painted first."""
        before = list(takewhile(lambda other: other is not waiting, self._line.values()))
        start = sum(other.left for other in before)
        return Standing(len(before), start, start + waiting.left)


class _Person:
    """Somebody's jobs, oldest first, and their time."""

    def __init__(self, time: float, number: int) -> None:
        self.number = number
        """Of two people with the same time, whose number is smaller comes first."""
        self.time = time
        """At the beginning of their next turn, or of the one at hand."""
        self.jobs: deque[Waiting] = deque()
        self.left = 0.0
        """Units of work in all their jobs."""
        self.place = 0
        """In the line; 0 for none."""
        self.has_turn = False


class FairTurns:
    """People take turns."""

    def __init__(self) -> None:
        self._people: dict[int, _Person] = {}
        self._line: list[tuple[float, int, int, _Person]] = []
        """A heap of times, people's numbers, places and people. Only the newest place counts."""
        self._numbers = count(1)
        self._time = 0.0
        """Of the turn at hand, or the last one."""
        self._times: dict[int, float] = {}
        """Of people who have no jobs now, and would come too early if they came back."""

    def add(self, waiting: Waiting) -> None:
        """Line up a new job, behind its author's others."""
        author = waiting.job.author_id
        person = self._people.get(author)
        if person is None:
            time = max(self._time, self._times.pop(author, 0.0))
            person = _Person(time, next(self._numbers))
            self._people[author] = person
        person.jobs.append(waiting)
        person.left += waiting.left
        if len(person.jobs) == 1 and not person.has_turn:
            self._line_up(person)

    def begin(self) -> Waiting | None:
        """The oldest job of the person whose turn it is."""
        while self._line:
            time, _, place, person = heapq.heappop(self._line)
            if place == person.place:
                self._time = time
                person.place, person.has_turn = 0, True
                return person.jobs[0]
        return None

    def advance(self, waiting: Waiting, units: float) -> None:
        """Note that some work was done in the turn at hand."""
        person, units = self._people[waiting.job.author_id], min(units, waiting.left)
        waiting.spent += units
        waiting.left -= units
        person.left -= units

    def end(self, waiting: Waiting) -> None:
        """The turn at hand is over, and its person lines up again."""
        person = self._people[waiting.job.author_id]
        person.time += waiting.spent / waiting.job.weight
        waiting.spent = 0.0
        person.has_turn = False
        self._line_up(person)

    def remove(self, waiting: Waiting) -> None:
        """Forget a job, and its person with the last one."""
        author = waiting.job.author_id
        person = self._people[author]
        person.jobs.remove(waiting)
        person.left -= waiting.left
        if person.jobs:
            return
        person.place = 0
        del self._people[author]
        if not self._people:
            self._times.clear()
        elif person.time > self._time:
            self._times = {a: time for a, time in self._times.items() if time > self._time}
            self._times[author] = person.time

    def standing(self, waiting: Waiting) -> Standing:
        """Everybody's turns are painted who has one before the job's own first and last ones."""
        own = self._people[waiting.job.author_id]
        earlier = list(takewhile(lambda other: other is not waiting, own.jobs))
        before = sum(other.left for other in earlier)
        if own.has_turn and not earlier:
            start_time, first = own.time - 1.0, 0
        else:
            start_time, first = own.time + _time(earlier), len(earlier)
        whole = waiting.spent + waiting.left
        until_last = max(0, ceil(whole / waiting.slice - _ROUNDING) - 1) * waiting.slice
        end_time = own.time + _time(earlier) + until_last / waiting.job.weight
        start, end = before, before + waiting.left
        for person in self._people.values():
            if person is own:
                continue
            comes_first = person.number < own.number
            end += _served(person, end_time, comes_first)
            served = _served(person, start_time, comes_first)
            start += served
            first += served > 0
        return Standing(first, start, end)

    def _line_up(self, person: _Person) -> None:
        person.place = next(self._numbers)
        heapq.heappush(self._line, (person.time, person.number, person.place, person))


def _time(jobs: list[Waiting]) -> float:
    """By how much somebody's time goes on until these jobs are done."""
    return sum((each.spent + each.left) / each.job.weight for each in jobs)


def _served(person: _Person, time: float, comes_first: bool) -> float:
    """Units of work that a person gets before another's turn that begins at `time`.

    `comes_first` says whose turn it is first if both have the same time.
    """
    job = person.jobs[0]
    turns = (time - person.time) * job.turns_per_time
    number = floor(turns + _ROUNDING) + 1 if comes_first else ceil(turns - _ROUNDING)
    if number <= 0:
        if not person.has_turn:
            return 0.0
        number = 1
    units = number * job.slice - job.spent
    return units if units < person.left else person.left
