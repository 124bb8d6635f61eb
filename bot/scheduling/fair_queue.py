"""Turns: whose job is painted next, and how much is painted before a job's turn and its end.

By default people take turns, and the jobs of each come in the order in which they were accepted. A
turn is a slice of some steps. Start-time fair queueing decides whose turn it is (Goyal, Vin and
Cheng, 1996): everybody has a time of their own, which goes on with the work done for them, divided
by their weight. Whoever's time is earliest comes next, and who is new starts at the time of the
slice that is being painted. So nobody waits behind somebody else's ten jobs.

In a turn others may take part, so that several jobs advance in the same steps. What is done for
them counts as in turns of their own. A step with more jobs takes longer, so nobody takes part who
would get ahead of somebody who waits: even if such a step took as long as one for each job, nobody
would be done later than without company, but for a turn or two of everybody.

Nothing in here is safe to be called from several threads.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, islice, takewhile
from math import ceil, floor
from typing import Protocol

from bot.jobs.job import Job
from bot.scheduling.cost import job_cost, step_cost

_ROUNDING = 1e-9
"""Share of a slice by which two times may differ and count as equal."""


@dataclass(frozen=True)
class QueuePosition:
    """What is painted before a job."""

    jobs_ahead: int
    """How many other jobs have a turn before its next one; 0 if it has its turn."""
    start: float
    """Units of work until its next turn."""
    end: float
    """Units of work until it is done, its own included."""


class QueuedJob:
    """A job that is not at its end."""

    def __init__(self, job: Job, steps_done: int, slice_steps: int) -> None:
        units = step_cost(job.recipes[0])
        self.job = job
        self.left = max(0.0, job_cost(job) - steps_done * units)
        """Units of work."""
        self.slice = slice_steps * units
        """Units of work in a turn."""
        self.turns_per_time = job.weight / self.slice
        """How many of its turns fit into a unit of its person's time."""
        self.spent = 0.0
        """Units of work in its turn, if that is at hand."""
        self.stops = False
        """Whether it shall be stopped where it is."""

    @property
    def turn_time(self) -> float:
        """By how much its person's time goes on in a turn."""
        return self.slice / self.job.weight


class SchedulingPolicy(Protocol):
    """An order of jobs."""

    def add(self, waiting: QueuedJob) -> None:
        """Line up a new job."""
        ...

    def start_slice(self) -> QueuedJob | None:
        """The job whose turn begins; None if there is none."""
        ...

    def batch_candidates(
        self, lead: QueuedJob, most: int, fits: Callable[[QueuedJob], bool]
    ) -> list[QueuedJob]:
        """Who may take part in the turn of `lead`, in order: at most so many of those that fit."""
        ...

    def charge(self, waiting: QueuedJob, units: float) -> None:
        """Note that some work was done in the turn at hand, for whoever takes part."""
        ...

    def end_slice(self, waiting: QueuedJob, /) -> None:
        """The turn at hand is over, or whoever came along leaves it."""
        ...

    def remove(self, waiting: QueuedJob) -> None:
        """Forget a job."""
        ...

    def position(self, waiting: QueuedJob) -> QueuePosition:
        """What is painted before a job."""
        ...


class FifoQueue:
    """Jobs in the order in which they were accepted, each to its end."""

    def __init__(self) -> None:
        self._line: dict[int, QueuedJob] = {}

    def add(self, waiting: QueuedJob) -> None:
        """Line up a new job, behind all others."""
        self._line[waiting.job.id] = waiting

    def start_slice(self) -> QueuedJob | None:
        """The job that was accepted first."""
        return next(iter(self._line.values()), None)

    def batch_candidates(
        self, lead: QueuedJob, most: int, fits: Callable[[QueuedJob], bool]
    ) -> list[QueuedJob]:
        """The next ones up to the first that does not fit: nobody is overtaken."""
        others = (each for each in self._line.values() if each is not lead)
        return list(islice(takewhile(fits, others), most))

    def charge(self, waiting: QueuedJob, units: float) -> None:
        """Note that some work was done."""
        waiting.left = max(0.0, waiting.left - units)

    def end_slice(self, _: QueuedJob) -> None:
        """A turn is over; the job has the next one, too."""

    def remove(self, waiting: QueuedJob) -> None:
        """Forget a job."""
        self._line.pop(waiting.job.id, None)

    def position(self, waiting: QueuedJob) -> QueuePosition:
        """All jobs before it are painted first."""
        before = list(takewhile(lambda other: other is not waiting, self._line.values()))
        start = sum(other.left for other in before)
        return QueuePosition(len(before), start, start + waiting.left)


class _User:
    """Somebody's jobs, oldest first, and their time."""

    def __init__(self, time: float, number: int) -> None:
        self.number = number
        """Of two people with the same time, whose number is smaller comes first."""
        self.time = time
        """At the beginning of their next turn, or of the one at hand."""
        self.jobs: deque[QueuedJob] = deque()
        self.left = 0.0
        """Units of work in all their jobs."""
        self.place = 0
        """In the line; 0 for none."""
        self.has_turn = False

    def leads(self, waiting: QueuedJob) -> bool:
        """Whether it is the turn of this one of their jobs."""
        return self.has_turn and waiting is self.jobs[0]

    def turn_time(self, most: int) -> float:
        """By how much their time goes on in a turn in which all their jobs take part, or `most`."""
        return sum(each.turn_time for each in islice(self.jobs, most))


class FairQueue:
    """People take turns."""

    def __init__(self) -> None:
        self._people: dict[int, _User] = {}
        self._line: list[tuple[float, int, int, _User]] = []
        """A heap of times, people's numbers, places and people. Only the newest place counts."""
        self._numbers = count(1)
        self._time = 0.0
        """Of the turn at hand, or the last one: whoever comes new starts here."""
        self._times: dict[int, float] = {}
        """Of people who have no jobs now, and would come too early if they came back."""

    def add(self, waiting: QueuedJob) -> None:
        """Line up a new job, behind its author's others."""
        author = waiting.job.author_id
        person = self._people.get(author)
        if person is None:
            time = max(self._time, self._times.pop(author, 0.0))
            person = _User(time, next(self._numbers))
            self._people[author] = person
        person.jobs.append(waiting)
        person.left += waiting.left
        if len(person.jobs) == 1 and not person.has_turn:
            self._line_up(person)

    def start_slice(self) -> QueuedJob | None:
        """The oldest job of the person whose turn it is."""
        while self._line:
            time, _, place, person = heapq.heappop(self._line)
            if place == person.place:
                self._time = max(self._time, time)
                person.place, person.has_turn = 0, True
                return person.jobs[0]
        return None

    def batch_candidates(
        self, lead: QueuedJob, most: int, fits: Callable[[QueuedJob], bool]
    ) -> list[QueuedJob]:
        """Whose turns would come next, if they all were taken one after the other.

        Nobody gets further ahead than anybody else would in a turn with as many jobs of their own.
        With their first job they may get just there, rather than leave a seat empty.
        """
        if most < 1:
            return []
        now = {each: each.time for each in self._people.values()}
        leading = self._people[lead.job.author_id]
        now[leading] += lead.spent / lead.job.weight
        limit = min(time + each.turn_time(most + 1) for each, time in now.items())
        slack = _ROUNDING * lead.turn_time
        now[leading] += lead.turn_time  # when the turn of their next job would come
        line = [(time, each.number, each) for each, time in now.items()]
        heapq.heapify(line)
        jobs = {each: islice(each.jobs, most + 1) for each in now}
        chosen, seated = list[QueuedJob](), {leading}
        while line and len(chosen) < most:
            time, number, person = heapq.heappop(line)
            if time > limit + slack:
                break
            if person in seated and time > limit - slack:
                continue
            waiting = next((w for w in jobs[person] if w is not lead and fits(w)), None)
            if waiting is not None:
                chosen.append(waiting)
                seated.add(person)
                heapq.heappush(line, (time + waiting.turn_time, number, person))
        return chosen

    def charge(self, waiting: QueuedJob, units: float) -> None:
        """Note that some work was done: in one's own turn it counts at its end, else at once."""
        person, units = self._people[waiting.job.author_id], min(units, waiting.left)
        if person.leads(waiting):
            waiting.spent += units
        else:
            person.time += units / waiting.job.weight
            if person.has_turn:
                self._time = max(self._time, person.time)
        waiting.left -= units
        person.left -= units

    def end_slice(self, waiting: QueuedJob) -> None:
        """The turn at hand is over, or somebody leaves it, and their person lines up again."""
        person = self._people[waiting.job.author_id]
        if person.has_turn and not person.leads(waiting):
            return
        person.time += waiting.spent / waiting.job.weight
        waiting.spent = 0.0
        person.has_turn = False
        self._line_up(person)

    def remove(self, waiting: QueuedJob) -> None:
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

    def position(self, waiting: QueuedJob) -> QueuePosition:
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
        served = [units for units in self._served(own, start_time) if units > 0]
        start = before + sum(served)
        end = before + waiting.left + sum(self._served(own, end_time))
        return QueuePosition(first + len(served), start, end)

    def _served(self, own: _User, time: float) -> Iterator[float]:
        """Yield the units of work that other users get before a slice of `own` at `time`."""
        for user in self._people.values():
            job = user.jobs[0]
            slices = (time - user.time) * job.turns_per_time
            if user.number < own.number:
                whole = floor(slices + _ROUNDING) + 1
            else:
                whole = ceil(slices - _ROUNDING)
            whole = max(whole, user.has_turn)
            if whole > 0 and user is not own:
                yield min(whole * job.slice - job.spent, user.left)

    def _line_up(self, person: _User) -> None:
        person.place = next(self._numbers)
        heapq.heappush(self._line, (person.time, person.number, person.place, person))


def _time(jobs: list[QueuedJob]) -> float:
    """By how much somebody's time goes on until these jobs are done."""
    return sum((each.spent + each.left) / each.job.weight for each in jobs)
