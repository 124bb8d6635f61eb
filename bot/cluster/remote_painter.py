"""The bot's half of a painter in another process: it sits on a seat of the queue for it."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from bot.cluster.line import Line, PainterLostError
from bot.cluster.messages import CallMade, Gone, Ready, Report, SliceEnded
from bot.cluster.painter_orders import PainterOrders
from bot.cluster.painter_reports import PainterReports
from bot.errors import FAULT
from bot.jobs.events import Failed
from bot.jobs.job import Job
from bot.scheduling.model_calls import ModelCall, SeatCall
from bot.scheduling.queue import GpuQueue
from bot.scheduling.queue_seat import QueueSeat
from bot.scheduling.seats import Slice
from bot.worker.workplace import Workplace
from engine.models.memory import Budget

log = logging.getLogger(__name__)

EXCHANGE_SECONDS = 0.25
"""Seconds between two exchanges with a painter that works."""


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
        self._is_painting = False
        self._orders = PainterOrders(workplace, self._exchange, self._fail)
        self._reports = PainterReports(workplace, self._orders, number, lambda: self.device)
        self._ending = threading.RLock()
        """Held while something is done that counts only if the painter is not lost."""
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
        """Give the painter up; others go on with its jobs. May be called from any thread.

        What it reports is not heard any more, because others may have its jobs from now on.
        """
        with self._ending:
            if self.lost is not None:
                return
            self.lost = reason
            if self._seat is not None:
                for job in self._seat.leave():
                    log.error("painters die of a job", extra={"job": job.id})
                    self._publish_fault(job, f"painters die of it: {reason}")
            if not self.ready.done():
                self.ready.set_exception(PainterLostError(reason))
        if reason:
            log.warning("a painter was lost", extra={"painter": self.number, "cause": reason})
            self._workplace.metrics.painter_died()
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
            self._orders.give_calls_up()

    @property
    def is_idle(self) -> bool:
        """True while the painter has a seat and nothing to do."""
        return self._seat is not None and not self._is_painting and not self._orders.has_calls

    @property
    def waits_for_room(self) -> bool:
        """True until its process begins, for which the cluster may have no room."""
        return self._ready is None and not self.line.place

    @property
    def _must_end(self) -> bool:
        return self._is_closing or self._queue.closed

    def _sit_down(self) -> None:
        """Wait until the painter is ready, and take a seat at the queue."""
        while self._ready is None and not self._must_end:
            self._exchange()
        if self._ready is None:
            return
        self._approve(self._ready)
        self.line.settle()
        with self._ending:
            if self.lost is None:
                self._seat = self._queue.seat(self._ready.kind)
                self.idle_since = time.monotonic()
                self.ready.set_result(self._ready)

    def _work(self) -> None:
        """Get something to do if the painter has nothing, and exchange messages with it."""
        seat = self._seat
        assert seat is not None
        if self._is_painting:
            if (call := seat.next_call()) is not None:
                self._orders.call(call)
            self._orders.end_jobs(seat)
        elif not self._orders.has_calls:
            task = seat.dequeue()
            self._check_that_it_lives(task, seat)
            if task is None or not self._order(task, seat):
                return
        self._exchange()

    def _order(self, task: Slice | SeatCall, seat: QueueSeat) -> bool:
        """Order something from a painter that has nothing to do; return False if there is no use.

        What is ordered may be a call that nobody waits for any more; then nothing is sent.
        """
        if isinstance(task, Slice):
            throughput = self._workplace.throughput.on(seat.kind.name)
            self._is_painting = self._orders.paint(task, seat, throughput)
            return self._is_painting
        self._orders.call(task)
        return self._orders.has_calls

    def _check_that_it_lives(self, task: Slice | SeatCall | None, seat: QueueSeat) -> None:
        """Raise `PainterLostError` if the painter died while it waited for `task`.

        It did not die of that: others get it.
        """
        try:
            self.line.check()
            if self.lost is not None:
                raise PainterLostError(self.lost)
        except PainterLostError:
            seat.end_slice()
            if isinstance(task, ModelCall):
                self._queue.put_call(task)
            elif task is not None and not isinstance(task, Slice):
                task.run(lambda _: None)
            raise

    def _close(self) -> None:
        """Let the painter end after its current step, and hear what it has painted until then."""
        self._orders.close()
        while self.lost is None:
            self._exchange()

    def _exchange(self) -> None:
        """Send the orders that wait, and act on what is reported.

        Nobody loses the painter between a job's end and what is told of it, nor the reverse.
        """
        for report in self.line.exchange(self._orders.take(), EXCHANGE_SECONDS):
            with self._ending:
                if self.lost is not None:
                    return
                self._hear(report)

    def _hear(self, report: Report) -> None:
        """Act on what the painter reports about itself; its work is heard elsewhere."""
        match report:
            case Gone(reason):
                if reason:
                    raise PainterLostError(reason)
                self.lose("")
            case Ready():
                self._ready = report
            case CallMade():
                self._orders.conclude(report)
            case _:
                if isinstance(report, SliceEnded):
                    self._is_painting = False
                    self.idle_since = time.monotonic()
                self._reports.hear(report, self._seat)

    def _fail(self, job: Job, cause: str) -> None:
        """End a job in the slice with an error of the program."""
        with self._ending:
            if self.lost is None and self._seat is not None:
                self._seat.finish(job)
                self._publish_fault(job, cause)

    def _publish_fault(self, job: Job, cause: str) -> None:
        self._workplace.publish(Failed(job.id, FAULT.in_language(job.language), cause))
