"""What the dispatcher has to tell one front, until the front asks."""

import asyncio
from collections.abc import Collection

from bot.dispatch.messages import CallResult
from bot.jobs.events import NoticeEvent, ProgressEvent, Started


class Mailbox:
    """News for a front, which is about the jobs that the front waits for."""

    def __init__(self) -> None:
        self.jobs: Collection[int] = frozenset[int]()
        """Ids of the jobs that the front waits for."""
        self.state_at = 0.0
        """Monotonic time at which the front is told the state again."""
        self._events: list[Started | NoticeEvent] = []
        self._progress: dict[int, ProgressEvent] = {}
        self._ended: set[int] = set()
        self._calls = set[int]()
        """Numbers of the calls that were begun, while the front waits for them."""
        self._results: dict[int, CallResult] = {}
        """The results of calls, until the front says that it has them."""
        self._is_urgent = asyncio.Event()

    def expect(self, calls: Collection[int]) -> None:
        """Note which calls the front waits for: it has the results of all others, or has ended."""
        self._calls.intersection_update(calls)
        self._results = {each: made for each, made in self._results.items() if each in calls}

    def begin(self, call: int) -> bool:
        """Return True if a call is to be made; False if an order for it is repeated."""
        is_new = call not in self._calls
        self._calls.add(call)
        return is_new

    def on_event(self, event: Started | NoticeEvent | ProgressEvent) -> None:
        """Keep an event of a job that the front waits for; a newer progress replaces an older."""
        if event.job_id not in self.jobs:
            return
        if isinstance(event, ProgressEvent):
            self._progress[event.job_id] = event
        else:
            self._events.append(event)
            self._is_urgent.set()

    def on_end(self, job_id: int) -> None:
        """Keep the end of a job that the front waits for."""
        if job_id in self.jobs:
            self._ended.add(job_id)
            self._is_urgent.set()

    def on_result(self, result: CallResult) -> None:
        """Keep the result of a call of the front."""
        self._results[result.number] = result
        self._is_urgent.set()

    async def wait(self, seconds: float) -> None:
        """Wait until there is something urgent, at most so long."""
        try:
            await asyncio.wait_for(self._is_urgent.wait(), seconds)
        except TimeoutError:
            return

    def take(
        self,
    ) -> tuple[list[Started | NoticeEvent | ProgressEvent], list[int], list[CallResult]]:
        """Return and forget the events and the ids of jobs that have ended; return results."""
        events = [*self._events, *self._progress.values()]
        ended = sorted(self._ended)
        self._events, self._progress, self._ended = [], {}, set()
        self._is_urgent.clear()
        return events, ended, list(self._results.values())
