"""What the bot orders from one painter: slices, calls, and the end of jobs."""

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import CancelledError
from dataclasses import replace
from itertools import count

from bot.cluster.messages import (
    CallMade,
    Close,
    EndJob,
    JobData,
    LetGo,
    MakeCall,
    Order,
    PaintSlice,
)
from bot.errors import RESTARTING, UserError, cause_of
from bot.jobs.job import Job
from bot.scheduling.cost import work_kind
from bot.scheduling.eta import ThroughputEstimator
from bot.scheduling.model_calls import ModelCall, SeatCall
from bot.scheduling.queue_seat import QueueSeat
from bot.scheduling.run_moves import RunMove
from bot.scheduling.seats import Slice, StopRequest
from bot.worker.suspended_run import SuspendedRun
from bot.worker.workplace import Workplace

log = logging.getLogger(__name__)


class PainterOrders:
    """The orders for one painter, and what they tell about it: whose runs it has, what it calls.

    `exchange` sends the orders that wait, and acts on what the painter reports. `fail` ends a job
    whose checkpoints cannot be loaded, with the cause. Only one thread uses this.
    """

    def __init__(
        self,
        workplace: Workplace,
        exchange: Callable[[], None],
        fail: Callable[[Job, str], None],
    ) -> None:
        self._workplace = workplace
        self._exchange = exchange
        self._fail = fail
        self._waiting: list[Order] = []
        self._kept: frozenset[int] = frozenset()
        """Ids of the jobs whose runs the painter has."""
        self._numbers = count(1)
        self._calls: dict[int, SeatCall] = {}
        """Calls that the painter makes, by their numbers."""
        self._asked: dict[int, StopRequest] = {}
        """Requests that were passed on in this slice, by the ids of the jobs."""

    @property
    def has_calls(self) -> bool:
        """True while the painter has calls to make."""
        return bool(self._calls)

    def take(self) -> Sequence[Order]:
        """Return the orders that wait, and forget them."""
        orders, self._waiting = self._waiting, []
        return orders

    def close(self) -> None:
        """Order the painter to end after its current step."""
        self._waiting.append(Close())

    def call(self, call: SeatCall) -> None:
        """Order a call, unless it is too late for it."""
        if not call.result.set_running_or_notify_cancel():
            return
        number = next(self._numbers)
        self._calls[number] = call
        if isinstance(call, RunMove):
            self.forget_run(call.job.id)
            self._waiting.append(LetGo(number, _without_people(call.job)))
        else:
            self._waiting.append(MakeCall(number, call.function, call.models))

    def conclude(self, made: CallMade) -> None:
        """Pass on what came of a call."""
        call = self._calls.pop(made.number)
        if made.error is None:
            call.result.set_result(made.result)
        else:
            call.result.set_exception(made.error)

    def give_calls_up(self) -> None:
        """Tell who waits for calls that the painter is gone: runs go on from what is stored."""
        for call in self._calls.values():
            if isinstance(call, ModelCall):
                call.result.set_exception(UserError(RESTARTING))
            else:
                call.result.set_result(None)
        self._calls = {}

    def forget_run(self, job_id: int) -> None:
        """Note that the painter does not have a job's run."""
        self._kept -= {job_id}

    def end_jobs(self, seat: QueueSeat) -> None:
        """Order jobs in the slice to be ended that people asked to end."""
        for job_id, request in _requests(seat):
            if self._asked.get(job_id) is not request:
                self._asked[job_id] = request
                self._waiting.append(EndJob(job_id, request))

    def paint(self, current: Slice, seat: QueueSeat, throughput: ThroughputEstimator) -> bool:
        """Order a slice; return False if it ends at once, because there is nothing to paint.

        `throughput` is that of the painter's device.
        """
        try:
            leader = self._load(current.job, self._fetch(current.move, seat))
            companions = self._companions(current, seat) if leader else ()
        except CancelledError:
            leader, companions = None, ()
        if leader is None:
            seat.end_slice()
            return False
        everybody = seat.jobs()
        kinds = {work_kind(recipe) for each in everybody for recipe in each.recipes}
        self._kept = frozenset(each for each in self._kept if each in seat)
        self._kept |= {each.id for each in everybody}
        self._asked = dict(_requests(seat))
        self._waiting.append(
            PaintSlice(
                leader=leader,
                steps=current.steps,
                companions=companions,
                kept=self._kept,
                requests=dict(self._asked),
                slowness={kind: throughput.slowness(kind) for kind in kinds},
            )
        )
        return True

    def _fetch(self, move: RunMove | None, seat: QueueSeat) -> SuspendedRun | None:
        """Wait until another painter has let go of a run, and return it.

        Raises `CancelledError` if the program ends first.
        """
        if move is None:
            return None
        while (call := seat.next_call_before(move)) is not None:
            self.call(call)
            while self._calls:
                self._exchange()
        try:
            return move.result.result()
        except CancelledError:
            raise
        except Exception:  # then it goes on from its last stored checkpoint
            log.exception("a run could not be moved", extra={"job": move.job.id})
            return None

    def _companions(self, current: Slice, seat: QueueSeat) -> Sequence[JobData]:
        """Return the jobs that may share the steps of the slice; the painter decides."""
        settings = self._workplace.settings
        if settings.deterministic or settings.together == 1 or not current.steps:
            return ()
        shapes = {(each.models, each.width, each.height) for each in current.job.recipes}

        def fits(job: Job) -> bool:
            return any((each.models, each.width, each.height) in shapes for each in job.recipes)

        jobs = seat.select_batch(settings.together, fits)[1:]
        return [each for each in map(self._load, jobs) if each is not None]

    def _load(self, job: Job, run: SuspendedRun | None = None) -> JobData | None:
        """Return a job, and what its run goes on from if the painter does not have it.

        If that cannot be loaded, the job ends with an error, and None is returned. Raises
        `CancelledError` if the program ends.
        """
        is_there = run is None and job.id in self._kept
        try:
            stored = () if run or is_there else self._workplace.load_checkpoints(job)
        except CancelledError:
            raise
        except Exception as error:
            log.error("job failed", extra={"job": job.id}, exc_info=error)
            self._fail(job, cause_of(error))
            return None
        return JobData(_without_people(job), is_there, tuple(stored), run)


def _requests(seat: QueueSeat) -> Iterable[tuple[int, StopRequest]]:
    """Return the requests to end jobs in the slice, by their ids."""
    for job in [each.job for each in seat.batch]:
        if (request := seat.charge(job=job)) is not None:
            yield job.id, request


def _without_people(job: Job) -> Job:
    """Return a job without what concerns people: painters need not know for whom they paint."""
    return replace(
        job,
        author_id=0,
        prompt="",
        guild_id=None,
        parent_id=None,
        author_locale=None,
        spoiler=False,
    )
