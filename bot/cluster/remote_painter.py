"""The bot's half of a painter in another process: it sits on a seat of the queue for it."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import replace
from itertools import count
from typing import Any

from bot.cluster.line import Line, PainterLostError
from bot.cluster.messages import (
    CallMade,
    Charged,
    Close,
    EndJob,
    Gone,
    JobData,
    JobEnded,
    LeftBatch,
    LetGo,
    LoadingReport,
    Logged,
    MakeCall,
    Measured,
    Order,
    PaintSlice,
    Ready,
    Report,
    SliceEnded,
    StepTaken,
)
from bot.errors import FAULT, RESTARTING, UserError
from bot.jobs.events import Failed
from bot.jobs.job import Job
from bot.scheduling.cost import work_kind
from bot.scheduling.model_calls import ModelCall, SeatCall
from bot.scheduling.queue import GpuQueue
from bot.scheduling.queue_seat import QueueSeat
from bot.scheduling.run_moves import RunMove
from bot.scheduling.seats import Slice, StopRequest
from bot.worker.suspended_run import SuspendedRun
from bot.worker.workplace import Workplace
from engine.models.memory import Budget

log = logging.getLogger(__name__)

EXCHANGE_SECONDS = 0.25
"""Seconds between two exchanges with a painter that works."""
CLOSE_SECONDS = 60.0
"""Seconds that the last step of a painter and its checkpoints may take when the program ends."""


class RemotePainter:
    """A painter at the other end of `line`, with a thread here that speaks with it.

    `number` is its position among all painters. `approve` is called with what it says about itself
    before it gets a seat at `queue`; it raises `PainterLostError` if the painter cannot be used.
    """

    def __init__(
        self,
        workplace: Workplace,
        queue: GpuQueue,
        line: Line,
        number: int,
        approve: Callable[[Ready], None],
    ) -> None:
        self.number = number
        self.ready: Future[Ready] = Future()
        """What the painter says about itself; `PainterLostError` if it ended before."""
        self.lost: str | None = None
        """Why the painter was lost; "" if it ended as it was told to."""
        self.idle_since = time.monotonic()
        """Monotonic time at which it had nothing to do any more."""
        self._workplace = workplace
        self._queue = queue
        self.line = line
        self._approve = approve
        self._seat: QueueSeat | None = None
        self._ready: Ready | None = None
        self._is_closing = False
        self._kept: frozenset[int] = frozenset()
        """Ids of the jobs whose runs the painter has."""
        self._is_painting = False
        self._numbers = count(1)
        self._calls: dict[int, SeatCall] = {}
        """Calls that the painter makes, by their numbers."""
        self._orders: list[Order] = []
        self._asked: dict[int, StopRequest] = {}
        """Requests that were passed on in this slice, by the ids of the jobs."""
        self._ending = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=f"painter {number}", daemon=True)

    def start(self) -> None:
        """Start the thread; `ready` says when the painter has loaded its models."""
        self._thread.start()

    @property
    def device(self) -> str | None:
        """The device that holds the main models, in words; None until they are loaded."""
        if not self.ready.done() or self.ready.exception() is not None:
            return None
        return " · ".join(filter(None, (self.ready.result().device, self.line.place)))

    def memory(self, models: str) -> Budget | None:
        """Return the memory for models and a run together; None until they are loaded."""
        if not self.ready.done() or self.ready.exception() is not None:
            return None
        return self.ready.result().budgets.get(models)

    def jobs(self) -> list[Job]:
        """Return the jobs that are painted."""
        return [] if self._seat is None else self._seat.jobs()

    def is_alive(self) -> bool:
        """Return True unless the painter has ended."""
        return self.lost is None

    def close(self) -> None:
        """Let the painter end after its current step; its jobs go on elsewhere."""
        self._is_closing = True
        if self._seat is not None:
            self._seat.close()

    def join(self, seconds: float | None = None) -> None:
        """Wait for the thread, at most for some seconds."""
        if self._thread.ident is not None:
            self._thread.join(seconds)

    def lose(self, reason: str) -> None:
        """Give the painter up; others go on with its jobs. May be called from any thread."""
        with self._ending:
            if self.lost is not None:
                return
            self.lost = reason
        if reason:
            log.warning("a painter was lost", extra={"painter": self.number, "cause": reason})
            self._workplace.metrics.painter_died()
        if self._seat is not None:
            for job in self._seat.leave():
                log.error("painters die of a job", extra={"job": job.id})
                self._workplace.publish(Failed(job.id, FAULT.in_language(job.language)))
        if not self.ready.done():
            self.ready.set_exception(PainterLostError(reason))
        self.line.cut()

    def _run(self) -> None:
        try:
            self._sit_down()
            while self.lost is None and not self._must_end:
                self._work()
            self._close()
            self.lose("")
        except PainterLostError as error:
            self.lose(str(error))
        except Exception as error:
            log.exception("a painter cannot be used", extra={"painter": self.number})
            self.lose(f"{type(error).__name__}: {error}")
        finally:
            for call in self._calls.values():
                _give_up(call)

    @property
    def _kind(self) -> str:
        assert self._ready is not None
        return self._ready.kind.name

    @property
    def is_idle(self) -> bool:
        """True while the painter has a seat and nothing to do."""
        return self._seat is not None and not self._is_painting and not self._calls

    @property
    def _must_end(self) -> bool:
        return self._is_closing or self._queue.closed

    def _sit_down(self) -> None:
        """Wait until the painter is ready, and take a seat at the queue."""
        while self._ready is None and not self._must_end:
            self._exchange()
        if self._ready is not None:
            self._approve(self._ready)
            self.line.settle()
            self._seat = self._queue.seat(self._ready.kind)
            self.ready.set_result(self._ready)
            self.idle_since = time.monotonic()

    def _work(self) -> None:
        """Get something to do if the painter has nothing, and exchange messages with it."""
        assert self._seat is not None
        if self._is_painting:
            if (call := self._seat.next_call()) is not None:
                self._send_call(call)
            self._pass_requests_on()
        elif not self._calls:
            task = self._seat.dequeue()
            self._check_that_it_lives()
            if isinstance(task, Slice):
                self._send_slice(task)
            elif task is not None:
                self._send_call(task)
            if not self._orders:
                return
        self._exchange()

    def _check_that_it_lives(self) -> None:
        """Raise `PainterLostError` if the painter died while it waited for work.

        It did not die of the job that it would get now.
        """
        assert self._seat is not None
        try:
            self.line.check()
        except PainterLostError:
            self._seat.end_slice()
            raise

    def _close(self) -> None:
        """Let the painter end after its current step, and hear what it has painted until then."""
        self._orders.append(Close())
        while self.lost is None:
            self._exchange()

    def _exchange(self) -> None:
        """Send the orders that wait, and act on what is reported."""
        orders, self._orders = self._orders, []
        for report in self.line.exchange(orders, EXCHANGE_SECONDS):
            if self.lost is not None:
                return
            self._hear(report)

    def _send_slice(self, current: Slice) -> None:
        """Order a slice, or act on what keeps it from being painted."""
        assert self._seat is not None
        job, seat = current.job, self._seat
        try:
            leader = self._data_of(job, self._fetch(current.move))
            companions = [self._data_of(each) for each in self._companions(job)]
        except CancelledError:
            seat.end_slice()
            return
        except PainterLostError:
            raise
        except Exception as error:
            log.error("job failed", extra={"job": job.id}, exc_info=error)
            seat.finish(job)
            seat.end_slice()
            self._workplace.publish(Failed(job.id, FAULT.in_language(job.language)))
            return
        everybody = seat.jobs()
        throughput = self._workplace.throughput.on(self._kind)
        kinds = {work_kind(recipe) for each in everybody for recipe in each.recipes}
        self._kept = frozenset(each for each in self._kept if each in seat)
        self._kept |= {each.id for each in everybody}
        self._asked = dict(self._requests())
        self._orders.append(
            PaintSlice(
                leader=leader,
                steps=current.steps,
                companions=companions,
                kept=self._kept,
                requests=dict(self._asked),
                slowness={kind: throughput.slowness(kind) for kind in kinds},
            )
        )
        self._is_painting = True

    def _fetch(self, move: RunMove | None) -> SuspendedRun | None:
        """Wait until another painter has let go of a run, and return it.

        This painter lets go of runs meanwhile. Raises `CancelledError` if the program ends first.
        """
        assert self._seat is not None
        if move is None:
            return None
        while (call := self._seat.next_call_before(move)) is not None:
            self._send_call(call)
            while self._calls:
                self._exchange()
        try:
            return move.result.result()
        except CancelledError:
            raise
        except Exception:  # then it goes on from its last stored checkpoint
            log.exception("a run could not be moved", extra={"job": move.job.id})
            return None

    def _companions(self, leader: Job) -> Sequence[Job]:
        """Return the jobs that may share the steps of the slice; the painter decides."""
        assert self._seat is not None
        settings = self._workplace.settings
        if settings.deterministic or settings.together == 1:
            return ()
        shapes = {(each.models, each.width, each.height) for each in leader.recipes}

        def fits(job: Job) -> bool:
            return any((each.models, each.width, each.height) in shapes for each in job.recipes)

        return self._seat.select_batch(settings.together, fits)[1:]

    def _data_of(self, job: Job, run: SuspendedRun | None = None) -> JobData:
        """Return a job, and what its run goes on from if the painter does not have it."""
        is_there = run is None and job.id in self._kept
        stored = () if run or is_there else self._workplace.load_checkpoints(job)
        return JobData(_without_people(job), is_there, tuple(stored), run)

    def _send_call(self, call: SeatCall) -> None:
        """Order a call, unless it is too late for it."""
        if not call.result.set_running_or_notify_cancel():
            return
        number = next(self._numbers)
        self._calls[number] = call
        if isinstance(call, RunMove):
            self._kept -= {call.job.id}
            self._orders.append(LetGo(number, _without_people(call.job)))
        else:
            self._orders.append(MakeCall(number, call.function, call.models))

    def _requests(self) -> Iterable[tuple[int, StopRequest]]:
        """Return the requests to end jobs in the slice, by their ids."""
        assert self._seat is not None
        for job in [each.job for each in self._seat.batch]:
            if (request := self._seat.charge(job=job)) is not None:
                yield job.id, request

    def _pass_requests_on(self) -> None:
        """Order jobs to be ended that people asked to end."""
        for job_id, request in self._requests():
            if self._asked.get(job_id) is not request:
                self._asked[job_id] = request
                self._orders.append(EndJob(job_id, request))

    def _hear(self, report: Report) -> None:
        """Act on what the painter reports."""
        place, seat = self._workplace, self._seat
        match report:
            case LoadingReport(downloads, verdicts):
                place.loading.downloads = downloads
                place.loading.verdicts.update(verdicts)
            case Logged():
                self._log(report)
            case Gone(reason):
                if reason:
                    raise PainterLostError(reason)
                self.lose("")
            case Ready():
                self._ready = report
            case CallMade(number, result, error):
                _conclude(self._calls.pop(number), result, error)
            case Measured(cost, seconds, kind):
                throughput = place.throughput.on(self._kind)
                throughput.record(cost, seconds, kind)
            case StepTaken(kind, seconds, runs):
                place.metrics.step_taken(kind, seconds, runs)
            case Charged() | LeftBatch() | JobEnded() | SliceEnded():
                assert seat is not None
                self._account(seat, report)
            case _:
                place.publish(report)

    def _account(
        self, seat: QueueSeat, report: Charged | LeftBatch | JobEnded | SliceEnded
    ) -> None:
        """Tell the queue what happened in the slice."""
        if isinstance(report, SliceEnded):
            self._is_painting = False
            self.idle_since = time.monotonic()
            seat.end_slice()
            return
        batch = [each.job for each in seat.batch]
        job = next((each for each in batch if each.id == report.job_id), None)
        if job is None:
            return
        match report:
            case Charged(_, cost, slowness):
                seat.charge(cost, job=job, slowness=slowness)
            case LeftBatch(_, has_run):
                seat.leave_batch(job)
                if not has_run:
                    self._kept -= {job.id}
            case JobEnded():
                seat.finish(job)

    def _log(self, report: Logged) -> None:
        """Write a line into the log as if it came from here."""
        logger = logging.getLogger(report.logger)
        if logger.isEnabledFor(report.level):
            extra = {**report.extra, "painter": self.number}
            record = logger.makeRecord(
                *(report.logger, report.level, "", 0, report.text, (), None), extra=extra
            )
            record.exc_text = report.traceback
            logger.handle(record)


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


def _conclude(call: SeatCall, result: Any, error: Exception | None) -> None:
    if error is None:
        call.result.set_result(result)
    else:
        call.result.set_exception(error)


def _give_up(call: SeatCall) -> None:
    """Tell who waits for a call that its painter is gone: a run goes on from what is stored."""
    if isinstance(call, ModelCall):
        call.result.set_exception(UserError(RESTARTING))
    else:
        call.result.set_result(None)
