"""The order of jobs: which job is painted next, and how much work comes before a job.

By default users share the engine fairly, and the jobs of one user are painted in the order of their
submission. A slice is a fixed number of steps of one job. Start-time fair queueing (Goyal, Vin and
Cheng, 1996) picks the next one: each user has a virtual time, which advances by the work done for
them divided by their weight. The user with the earliest virtual time is served next, and a new user
starts at the virtual time of the current slice. So no user waits behind all jobs of another.

Jobs of the same shape can share a step. Each is charged as if it had run alone, and may join only
if that keeps its user no further ahead than a slice of their own would. Batching therefore delays
no user by more than about one slice per user.

Nothing here is safe to call from several threads.
"""

import heapq
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count, islice, takewhile
from math import ceil, floor

from bot.jobs.job import Job
from bot.scheduling.cost import Part, remaining_parts, step_cost

Slowness = Callable[[str], float]
"""How much longer than usual as much work of a kind takes (`bot.scheduling.cost.work_kind`)."""


def as_usual(kind: str) -> float:
    """Return that work of any kind takes as long as usual."""
    del kind
    return 1.0


_ROUNDING = 1e-9
"""Share of a slice by which two times may differ and still count as equal."""


@dataclass(frozen=True)
class QueuePosition:
    """The work that is done before a job."""

    jobs_ahead: int
    """Number of other jobs with a slice before the job's next one; 0 while it is painted."""
    start: float
    """Work before the job's next slice: its cost, times how much slower than usual it is."""
    end: float
    """Work until the job is finished, its own work included."""


class QueuedJob:
    """An unfinished job and its remaining work."""

    def __init__(self, job: Job, steps_done: int, slice_steps: int) -> None:
        self.job = job
        self._parts = deque(remaining_parts(job, steps_done))
        """The steps that are left, in the order in which they are taken."""
        self._slice_steps = slice_steps
        self.slice_cost = slice_steps * step_cost(job.recipes[0])
        """Cost of a whole slice of the first steps."""
        self.slice_time = self.slice_cost / job.weight
        """Virtual time by which such a slice advances the job's user."""
        self.used_in_slice = 0.0
        """Work done in the job's current slice; 0 between slices."""
        self.stop_requested = False
        """True once the job must end where it is."""

    @property
    def parts(self) -> Iterable[Part]:
        """The steps that are left, in the order in which they are taken."""
        return self._parts

    def take(self, cost: float) -> list[Part]:
        """Take steps of some cost off those that are left, and return them."""
        taken: list[Part] = []
        while self._parts and cost > 0:
            part = self._parts[0]
            each = min(cost, part.cost)
            taken.append(Part(part.kind, part.step_cost, each))
            part.cost -= each
            cost -= each
            if part.cost <= _ROUNDING * part.step_cost:
                self._parts.popleft()
        return taken

    def work(self, slowness: Slowness) -> float:
        """Return the work that is left."""
        return sum(each.cost * slowness(each.kind) for each in self._parts)

    def slice_work(self, slowness: Slowness) -> float:
        """Return the work of a whole slice of the next steps."""
        if not self._parts:
            return self.slice_cost
        return self._slice_steps * self._parts[0].step_cost * slowness(self._parts[0].kind)

    def work_before_last_slice(self, slowness: Slowness) -> float:
        """Return the work from the start of the current or next slice to that of the last one."""
        slices = self.used_in_slice / self.slice_work(slowness)
        slices += sum(each.cost / each.step_cost for each in self._parts) / self._slice_steps
        before = ceil(slices - _ROUNDING) - 1
        if before < 1:
            return 0.0
        steps = (slices - before) * self._slice_steps
        last = 0.0
        for part in reversed(self._parts):
            taken = min(steps, part.cost / part.step_cost)
            last += taken * part.step_cost * slowness(part.kind)
            steps -= taken
        return self.used_in_slice + self.work(slowness) - last


class FifoQueue:
    """Jobs in the order of their submission, each painted to its end."""

    def __init__(self) -> None:
        self._jobs: dict[int, QueuedJob] = {}

    def add(self, queued: QueuedJob) -> None:
        """Add a new job behind all others."""
        self._jobs[queued.job.id] = queued

    def start_slice(self) -> QueuedJob | None:
        """Return the job that was submitted first; None if there are no jobs."""
        return next(iter(self._jobs.values()), None)

    def batch_candidates(
        self, leader: QueuedJob, most: int, fits: Callable[[QueuedJob], bool]
    ) -> list[QueuedJob]:
        """Return the next jobs up to the first that does not fit, so that none is overtaken."""
        others = (each for each in self._jobs.values() if each is not leader)
        return list(islice(takewhile(fits, others), most))

    def charge(self, queued: QueuedJob, cost: float, _slowness: float = 1.0) -> None:
        """Record work done for a job."""
        queued.take(cost)

    def end_slice(self, _: QueuedJob) -> None:
        """Do nothing: the same job has the next slice, too."""

    def remove(self, queued: QueuedJob) -> None:
        """Remove a job."""
        self._jobs.pop(queued.job.id, None)

    def position(self, queued: QueuedJob, slowness: Slowness = as_usual) -> QueuePosition:
        """Return the work of all jobs before this one."""
        before = list(takewhile(lambda other: other is not queued, self._jobs.values()))
        start = sum(other.work(slowness) for other in before)
        return QueuePosition(len(before), start, start + queued.work(slowness))


class _User:
    """A user's unfinished jobs, oldest first, and their virtual time."""

    def __init__(self, time: float, tie_break: int) -> None:
        self.time = time
        """Virtual time at the start of the user's next or current slice."""
        self.tie_break = tie_break
        """Rank among users with the same virtual time; the smallest is served first."""
        self.jobs: deque[QueuedJob] = deque()
        self._costs = defaultdict[str, float](float)
        """Cost of the steps that are left in all jobs, by its kind."""
        self.entry_id = 0
        """Id of the user's valid entry in the heap; 0 if there is none."""
        self.is_serving = False
        """True while a slice of the user's oldest job is painted."""

    def add_cost(self, parts: Iterable[Part], sign: int = 1) -> None:
        """Add steps to those that are left, or take them off with the sign -1."""
        for part in parts:
            self._costs[part.kind] += sign * part.cost

    def work(self, slowness: Slowness) -> float:
        """Return the work that is left in all jobs."""
        return sum(cost * slowness(kind) for kind, cost in self._costs.items())

    def is_head(self, queued: QueuedJob) -> bool:
        """Return True if the current slice is that of this job."""
        return self.is_serving and queued is self.jobs[0]

    def slice_time(self, most: int) -> float:
        """Return the virtual time of a slice that at most `most` of the user's jobs share."""
        return sum(each.slice_time for each in islice(self.jobs, most))


class FairQueue:
    """Start-time fair queueing: users are served in turn, one slice each."""

    def __init__(self) -> None:
        self._users: dict[int, _User] = {}
        """Users with jobs, by Discord id."""
        self._heap: list[tuple[float, int, int, _User]] = []
        """Time, tie break, entry id and user; an entry is valid if its id is the user's."""
        self._ids = count(1)
        self._time = 0.0
        """Virtual time of the current or last slice, at which new users start."""
        self._idle_times: dict[int, float] = {}
        """Virtual times of users without jobs that are later than the current one, by user id."""

    def add(self, queued: QueuedJob) -> None:
        """Add a new job behind its author's other jobs."""
        author = queued.job.author_id
        user = self._users.get(author)
        if user is None:
            time = max(self._time, self._idle_times.pop(author, 0.0))
            user = _User(time, next(self._ids))
            self._users[author] = user
        user.jobs.append(queued)
        user.add_cost(queued.parts)
        if len(user.jobs) == 1 and not user.is_serving:
            self._push(user)

    def start_slice(self) -> QueuedJob | None:
        """Start a slice of the next user's oldest job; None if there are no jobs."""
        while self._heap:
            time, _, entry_id, user = heapq.heappop(self._heap)
            if entry_id == user.entry_id:
                self._time = max(self._time, time)
                user.entry_id, user.is_serving = 0, True
                return user.jobs[0]
        return None

    def batch_candidates(
        self, leader: QueuedJob, most: int, fits: Callable[[QueuedJob], bool]
    ) -> list[QueuedJob]:
        """Return the jobs whose slices would come next, at most `most` of those that fit.

        No user gets further ahead than any other would in a slice with as many jobs of their own.
        A user's first job may reach that limit, so that no place in the batch stays empty.
        """
        if most < 1:
            return []
        times = {each: each.time for each in self._users.values()}
        leading = self._users[leader.job.author_id]
        times[leading] += leader.used_in_slice / leader.job.weight
        limit = min(time + each.slice_time(most + 1) for each, time in times.items())
        slack = _ROUNDING * leader.slice_time
        times[leading] += leader.slice_time  # when the slice of their next job would start
        heap = [(time, each.tie_break, each) for each, time in times.items()]
        heapq.heapify(heap)
        jobs = {each: islice(each.jobs, most + 1) for each in times}
        chosen, seated = list[QueuedJob](), {leading}
        while heap and len(chosen) < most:
            time, tie_break, user = heapq.heappop(heap)
            if time > limit + slack:
                break
            if user in seated and time > limit - slack:
                continue
            queued = next((each for each in jobs[user] if each is not leader and fits(each)), None)
            if queued is not None:
                chosen.append(queued)
                seated.add(user)
                heapq.heappush(heap, (time + queued.slice_time, tie_break, user))
        return chosen

    def charge(self, queued: QueuedJob, cost: float, slowness: float = 1.0) -> None:
        """Record work done for a job.

        Work in a user's own slice advances their virtual time at its end, other work at once: by
        its cost, times how much longer it takes than other work of that cost. So turns are fair by
        time, and not by steps, whatever paints.
        """
        user, taken = self._users[queued.job.author_id], queued.take(cost)
        used = sum(part.cost for part in taken) * slowness
        if user.is_head(queued):
            queued.used_in_slice += used
        else:
            user.time += used / queued.job.weight
            if user.is_serving:
                self._time = max(self._time, user.time)
        user.add_cost(taken, -1)

    def end_slice(self, queued: QueuedJob) -> None:
        """End the job's slice, or its part in the slice of another job."""
        user = self._users[queued.job.author_id]
        if user.is_serving and not user.is_head(queued):
            return
        user.time += queued.used_in_slice / queued.job.weight
        queued.used_in_slice = 0.0
        user.is_serving = False
        self._push(user)

    def remove(self, queued: QueuedJob) -> None:
        """Remove a job, and its user with the last one."""
        author = queued.job.author_id
        user = self._users[author]
        user.jobs.remove(queued)
        user.add_cost(queued.parts, -1)
        if user.jobs:
            return
        user.entry_id = 0
        del self._users[author]
        if not self._users:
            self._idle_times.clear()
        elif user.time > self._time:
            later = {each: time for each, time in self._idle_times.items() if time > self._time}
            self._idle_times = later | {author: user.time}

    def position(self, queued: QueuedJob, slowness: Slowness = as_usual) -> QueuePosition:
        """Return the work before a job, as long as no other job is added."""
        own = self._users[queued.job.author_id]
        earlier = list(takewhile(lambda other: other is not queued, own.jobs))
        before = sum(other.work(slowness) for other in earlier)
        begins = own.time + _total_time(earlier, slowness)
        if own.is_serving and not earlier:
            start_time, jobs_ahead = own.time - 1.0, 0
        else:
            start_time, jobs_ahead = begins, len(earlier)
        end_time = begins + queued.work_before_last_slice(slowness) / queued.job.weight
        served = [work for work in self._work_before(own, start_time, slowness) if work > 0]
        start = before + sum(served)
        end = before + queued.work(slowness) + sum(self._work_before(own, end_time, slowness))
        return QueuePosition(jobs_ahead + len(served), start, end)

    def _work_before(self, own: _User, time: float, slowness: Slowness) -> list[float]:
        """Return each other user's work before a slice of `own` at `time`."""
        works: list[float] = []
        for user in self._users.values():  # up to thousands, so without min and max
            head = user.jobs[0]
            slice_work = head.slice_work(slowness)
            slices = (time - user.time) * head.job.weight / slice_work
            if user.tie_break < own.tie_break:
                whole = floor(slices + _ROUNDING) + 1
            else:
                whole = ceil(slices - _ROUNDING)
            if user.is_serving and whole < 1:
                whole = 1
            if whole > 0 and user is not own:
                work, left = whole * slice_work - head.used_in_slice, user.work(slowness)
                works.append(work if work < left else left)
        return works

    def _push(self, user: _User) -> None:
        user.entry_id = next(self._ids)
        heapq.heappush(self._heap, (user.time, user.tie_break, user.entry_id, user))


def _total_time(jobs: list[QueuedJob], slowness: Slowness) -> float:
    """Return the virtual time by which these jobs advance their user until they are finished."""
    return sum((each.used_in_slice + each.work(slowness)) / each.job.weight for each in jobs)
