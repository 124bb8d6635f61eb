"""A seat at a queue in another process: it does what the orders say, and reports what happens."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future

from bot.cluster.messages import (
    CallMade,
    Charged,
    Close,
    EndJob,
    Gone,
    JobData,
    LeftBatch,
    LetGo,
    MakeCall,
    Order,
    PaintSlice,
    SliceEnded,
)
from bot.cluster.report_box import ReportBox
from bot.jobs.job import Job
from bot.jobs.records import StoredCheckpoint
from bot.scheduling.model_calls import ModelCall, SeatCall
from bot.scheduling.run_moves import RunMove
from bot.scheduling.seats import DeviceKind, Slice, StopRequest

PAINTER_ENDED = "the painter ended with an error, which its machine's log has"


class RemoteSeat:
    """The only seat of a painter's process. See `bot.scheduling.seats.Seat`.

    It is the queue too, as the painter sees it (`bot.scheduling.seats.Seats`). Orders come in any
    thread; everything else is called by the painter's.
    """

    def __init__(self, reports: ReportBox) -> None:
        self.slowness: dict[str, float] = {}
        """How much longer than usual work of each kind takes, as the bot measured it."""
        self._reports = reports
        self._changed = threading.Condition()
        self._slices: deque[PaintSlice] = deque()
        self._calls: deque[SeatCall] = deque()
        self._slice: PaintSlice | None = None
        self._batch: list[Job] = []
        self._candidates: Sequence[JobData] = ()
        self._requests: dict[int, StopRequest] = {}
        self._stored: dict[int, Sequence[StoredCheckpoint]] = {}
        self._closed = False

    def receive(self, orders: Iterable[Order]) -> None:
        """Do what the bot orders, as soon as the painter asks for it."""
        with self._changed:
            for order in orders:
                self._receive(order)
            self._changed.notify_all()

    def _receive(self, order: Order) -> None:
        match order:
            case PaintSlice():
                self._slices.append(order)
            case EndJob(job_id, request):
                self._requests[job_id] = request
            case MakeCall(number, function, models):
                call = ModelCall(function, models)
                call.result.add_done_callback(lambda made: self._report_call(number, made))
                self._calls.append(call)
            case LetGo(number, job):
                move = RunMove(job)
                move.result.add_done_callback(lambda made: self._report_call(number, made))
                self._calls.append(move)
            case Close():
                self._closed = True

    def load_checkpoints(self, job: Job) -> Sequence[StoredCheckpoint]:
        """Return what the bot sent of a job's checkpoints."""
        with self._changed:
            return self._stored.pop(job.id, ())

    @property
    def closed(self) -> bool:
        """True once the painter should end."""
        return self._closed

    def seat(self, kind: DeviceKind) -> "RemoteSeat":
        """Return this seat; the bot hears of the kind by itself."""
        del kind
        return self

    def dequeue(self) -> Slice | SeatCall | None:
        """Wait for the next call or slice; return None once the painter should end.

        What was ordered before comes first: a slice may have brought steps that nobody else has.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._calls or self._slices)
            if self._calls:
                return self._calls.popleft()
            return self._begin(self._slices.popleft()) if self._slices else None

    def next_call(self) -> SeatCall | None:
        """Return a call to make before the next step, if there is one."""
        with self._changed:
            return self._calls.popleft() if self._calls else None

    def next_call_before(self, move: RunMove) -> SeatCall | None:
        """Return None: the bot has fetched the run before it ordered the slice."""
        del move

    def select_batch(self, most: int, fits: Callable[[Job], bool]) -> list[Job]:
        """Return the jobs that take the next step, the leader first.

        Who may share the steps is known with the order; who cannot leaves the slice at once.
        """
        candidates, self._candidates = self._candidates, ()
        for each in candidates:
            job = each.job
            if len(self._batch) < most and job.id not in self._requests and fits(job):
                self._batch.append(job)
            else:
                self._refuse(each)
        return list(self._batch)

    def charge(
        self, cost: float = 0.0, *, job: Job | None = None, slowness: float = 1.0
    ) -> StopRequest | None:
        """Report work done for a job in the batch; return the request to end it, if any."""
        job = job or self._batch[0]
        if cost:
            self._reports.put(Charged(job.id, cost, slowness))
        with self._changed:
            return self._requests.get(job.id)

    def leave_batch(self, job: Job) -> None:
        """Take a job out of the batch; it stays in the queue unless it was removed."""
        if job in self._batch:
            self._batch.remove(job)
            self._reports.put(LeftBatch(job.id))

    def finish(self, job: Job) -> None:
        """Take a job that has ended out of the batch; the event of its end tells the bot."""
        if job in self._batch:
            self._batch.remove(job)

    def end_slice(self) -> None:
        """End the current slice for all jobs in the batch, and those that never came to it."""
        candidates, self._candidates = self._candidates, ()
        for each in candidates:
            self._refuse(each)
        with self._changed:
            self._batch = []
            self._requests.clear()
            self._stored.clear()
        self._reports.put(SliceEnded())

    def jobs(self) -> list[Job]:
        """Return the jobs in the batch, the leader first."""
        return list(self._batch)

    def __contains__(self, job_id: int) -> bool:
        """Return True if the run of a job lives here, and should be kept."""
        with self._changed:
            calls = [each for each in self._calls if isinstance(each, RunMove)]
            is_wanted = any(each.job.id == job_id for each in calls)
            return is_wanted or (self._slice is not None and job_id in self._slice.kept)

    def leave(self) -> list[Job]:
        """Report that the painter died; the bot knows what becomes of its jobs."""
        self._reports.put(Gone(PAINTER_ENDED))
        return []

    def _refuse(self, candidate: JobData) -> None:
        """Report that a job took no part in the slice."""
        self._reports.put(LeftBatch(candidate.job.id, has_run=candidate.is_there))

    def _begin(self, order: PaintSlice) -> Slice:
        """Begin a slice; the caller holds the lock."""
        self._slice = order
        self.slowness = dict(order.slowness)
        self._requests = dict(order.requests) | self._requests
        everybody: list[JobData] = [order.leader, *order.companions]
        self._stored = {each.job.id: each.checkpoints for each in everybody}
        self._batch = [order.leader.job]
        self._candidates = order.companions
        return Slice(order.leader.job, order.steps, _arrived(order.leader))

    def _report_call(self, number: int, made: Future[object]) -> None:
        error = made.exception()
        if error is not None and not isinstance(error, Exception):  # such as a panic of a library
            error = RuntimeError(f"{type(error).__name__}: {error}")
        self._reports.put(CallMade(number, None if error else made.result(), error))


def _arrived(data: JobData) -> RunMove | None:
    """Return the move of a run that has arrived with the order; None if none has."""
    if data.run is None:
        return None
    move = RunMove(data.job)
    move.result.set_result(data.run)
    return move
