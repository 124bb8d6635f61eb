"""The order of jobs: which job is painted next, and how much work comes before a job.

By default users share the engine fairly, and the jobs of one user are painted in the order of their
submission. A slice is a fixed number of steps of one job. Start-time fair queueing (Goyal, Vin and
Cheng, 1996) picks the next one: each user has a virtual time, which advances by the work done for
them divided by their weight. The user with the earliest virtual time is served next, and a new user
starts at the virtual time of the current slice. So no user waits behind all jobs of another.

Several painters take slices at the same time, each at its seat: SFQ(D) of Jin, Chase and Kaur
(2004). A slice is charged at its beginning, and corrected at its end, so that a user does not get
all seats that become free in the meantime. A user may have several slices at a time, of different
jobs. Who wanted nothing more while others had slices gains no credit by that. And a seat prefers
jobs whose runs live there, as long as nobody waits longer for that than one slice.

Jobs of the same shape can share a step. Each is charged as if it had run alone, and may join only
if that keeps its user no further ahead than a slice of their own would. Batching therefore delays
no user by more than about one slice per user.

Nothing here is safe to call from several threads.
"""

import heapq
from collections.abc import Callable
from itertools import islice, takewhile
from math import ceil, floor, inf

from bot.scheduling.homes import Homes
from bot.scheduling.queued_job import (
    ROUNDING,
    MayTake,
    QueuedJob,
    QueuePosition,
    Slowness,
    anything,
    as_usual,
)
from bot.scheduling.user import User, total_time

_Entry = tuple[float, int, int, User]
"""Time, tie break, entry id and user in a heap; valid if its id is that of the user's entry."""

_ENTRIES_PER_USER, _SPARE_ENTRIES = 4, 64
"""How long a heap becomes before its invalid entries are dropped."""


class FairQueue:
    """Start-time fair queueing: users are served in turn, one slice each."""

    def __init__(self) -> None:
        self.homes = Homes()
        self._users: dict[int, User] = {}
        """Users with jobs, by Discord id."""
        self._heap: list[_Entry] = []
        """Users with a job that waits."""
        self._new: list[_Entry] = []
        """Users whose oldest waiting job lives nowhere."""
        self._last_id = 0
        """The number given last to a user or an entry."""
        self._slices = 0
        """Number of slices that were started."""
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
            user = User(time, self._next_id(), self._slices)
            self._users[author] = user
        user.jobs.append(queued)
        user.add_cost(queued.parts)
        if not user.entry_id:
            self._line_up(user)

    def start_slice(
        self, seat: int = 0, may_take: MayTake = anything, *, at_home_first: bool = False
    ) -> QueuedJob | None:
        """Charge the next user for a slice of their oldest waiting job; call `hold` with that.

        Returns None if there is no job that the seat may take. With `at_home_first`, a job is
        preferred that need not move to the painter of the seat, if its user is next but one slice.
        """
        first = self._earliest(may_take)
        if first is None:
            return None
        user, queued = first
        if at_home_first and queued.home not in (None, seat):
            limit = user.time_in_line + queued.slice_time
            at_home = self._at_home(seat, limit, may_take)
            user, queued = at_home or self._begins(limit, may_take) or first
        self._time = max(self._time, user.time_in_line)
        self._slices += 1
        user.start_slice(queued)
        return queued

    def hold(self, queued: QueuedJob, seat: int) -> None:
        """Give a job to a seat until `end_slice`."""
        queued.seat = seat
        self.homes.settle(queued, seat)
        self._line_up(self._users[queued.job.author_id])

    def batch_candidates(
        self, leader: QueuedJob, most: int, fits: Callable[[QueuedJob], bool]
    ) -> list[QueuedJob]:
        """Return the jobs whose slices would come next, at most `most` of those that fit.

        No user gets further ahead than any other would in a slice with as many jobs of their own.
        A user's first job may reach that limit, so that no place in the batch stays empty.
        """
        if most < 1:
            return []
        times = {each: each.time_beside(leader) for each in self._users.values()}
        leading = self._users[leader.job.author_id]
        times[leading] += leader.used_in_slice / leader.job.weight
        limit = min(time + each.slice_time(most + 1) for each, time in times.items())
        slack = ROUNDING * leader.slice_time
        times[leading] += leader.slice_time  # when the slice of their next job would start
        heap = [(time, each.tie_break, each) for each, time in times.items()]
        heapq.heapify(heap)
        jobs = {each: islice(each.jobs_for(leader.seat), most + 1) for each in times}
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
        if taken:
            queued.slowness = slowness
        before = user.time_in_line
        if queued in user.slices:
            user.advance(queued, used)
        else:
            user.time += used / queued.job.weight
            if user.slices:
                self._time = max(self._time, user.time)
        user.add_cost(taken, -1)
        if user.entry_id and user.time_in_line != before:
            self._push(user)

    def end_slice(self, queued: QueuedJob) -> None:
        """End the job's slice, or its part in the slice of another job."""
        user = self._users[queued.job.author_id]
        user.end_slice(queued)
        queued.seat = None
        self._line_up(user)

    def leave_home(self, queued: QueuedJob) -> None:
        """Note that a job's run is gone."""
        self.homes.settle(queued, None)
        self._line_up(self._users[queued.job.author_id])

    def remove(self, queued: QueuedJob) -> None:
        """Remove a job, and its user with the last one."""
        author = queued.job.author_id
        user = self._users[author]
        user.jobs.remove(queued)
        user.add_cost(queued.parts, -1)
        self.homes.settle(queued, None)
        if user.jobs:
            self._line_up(user)
            return
        user.entry_id = 0
        del self._users[author]
        if not self._users:
            self._idle_times.clear()
        elif user.time > self._time:
            later = {each: time for each, time in self._idle_times.items() if time > self._time}
            self._idle_times = later | {author: user.time}

    def position(self, queued: QueuedJob, slowness: Slowness = as_usual) -> QueuePosition:
        """Return the work before a job as a single painter does it, if no other job is added."""
        own = self._users[queued.job.author_id]
        earlier = list(takewhile(lambda other: other is not queued, own.jobs))
        before = sum(other.work(slowness) for other in earlier)
        begins = own.time + total_time(earlier, slowness)
        if queued in own.slices:
            start_time, jobs_ahead = own.time - 1.0, 0
        else:
            start_time, jobs_ahead = begins, len(earlier)
        end_time = begins + queued.work_before_last_slice(slowness) / queued.job.weight
        served = [work for work in self._work_before(own, start_time, slowness) if work > 0]
        start = before + sum(served)
        end = before + queued.work(slowness) + sum(self._work_before(own, end_time, slowness))
        return QueuePosition(jobs_ahead + len(served), start, end)

    def _work_before(self, own: User, time: float, slowness: Slowness) -> list[float]:
        """Return each other user's work before a slice of `own` at `time`."""
        works: list[float] = []
        for user in self._users.values():  # up to thousands, so without min and max
            head = user.jobs[0]
            slice_work = head.slice_work(slowness)
            slices = (time - user.time) * head.job.weight / slice_work
            if user.tie_break < own.tie_break:
                whole = floor(slices + ROUNDING) + 1
            else:
                whole = ceil(slices - ROUNDING)
            if user.slices and whole < 1:
                whole = 1
            if whole > 0 and user is not own:
                work, left = whole * slice_work - head.used_in_slice, user.work(slowness)
                works.append(work if work < left else left)
        return works

    def _earliest(self, may_take: MayTake) -> tuple[User, QueuedJob] | None:
        """Return the first user in line with a job that may be taken, and that job."""
        return _first(self._heap, inf, lambda user: next(filter(may_take, user.waiting()), None))

    def _at_home(self, seat: int, limit: float, may_take: MayTake) -> tuple[User, QueuedJob] | None:
        """Return the first job in line, up to a time, whose run lives at a seat, and its user."""
        found, first = None, (limit, inf, 0)
        for queued in self.homes.at(seat):
            if queued.seat is None:
                user = self._users[queued.job.author_id]
                rank = user.time_in_line, user.tie_break, queued.job.id
                if rank < first and may_take(queued):
                    found, first = (user, queued), rank
        return found

    def _begins(self, limit: float, may_take: MayTake) -> tuple[User, QueuedJob] | None:
        """Return the first user in line, up to a time, whose oldest waiting job lives nowhere."""
        return _first(
            self._new, limit, lambda user: next(filter(may_take, islice(user.waiting(), 1)), None)
        )

    def _line_up(self, user: User) -> None:
        """Put a user at their place in line if a job of theirs waits, else out of it.

        If others had slices in the meantime, they gain no credit for what they did not want.
        """
        if next(user.waiting(), None) is None:
            if user.entry_id:
                user.entry_id, user.slices_before = 0, self._slices
            return
        if not user.entry_id and user.slices_before < self._slices:
            user.time += max(0.0, self._time - user.time_in_line)
        self._push(user)

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _push(self, user: User) -> None:
        user.entry_id = self._next_id()
        entry = user.time_in_line, user.tie_break, user.entry_id, user
        heapq.heappush(self._heap, entry)
        if next(user.waiting()).home is None:
            heapq.heappush(self._new, entry)
        for heap in (self._heap, self._new):
            if len(heap) > _ENTRIES_PER_USER * len(self._users) + _SPARE_ENTRIES:
                _drop_invalid(heap)


def _drop_invalid(heap: list[_Entry]) -> None:
    """Drop the entries of a heap that are not valid any more, which nobody may ever look at."""
    heap[:] = [each for each in heap if each[2] == each[-1].entry_id]
    heapq.heapify(heap)


def _first(
    heap: list[_Entry], limit: float, choose: Callable[[User], QueuedJob | None]
) -> tuple[User, QueuedJob] | None:
    """Return the first user in a heap, up to a time, with a job that `choose` finds, and that job.

    Entries that are not valid any more are dropped.
    """
    passed: list[_Entry] = []
    found = None
    while heap and heap[0][0] <= limit:
        entry = heap[0]
        user = entry[-1]
        if entry[2] == user.entry_id:
            queued = choose(user)
            if queued is not None:
                found = user, queued
                break
            passed.append(entry)
        heapq.heappop(heap)
    for each in passed:
        heapq.heappush(heap, each)
    return found
