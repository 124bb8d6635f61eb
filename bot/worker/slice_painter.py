"""Painting slices: the steps of one job at a time, which others can share.

What happens to one job is an `Outcome` and ends no other job: an error that the user caused becomes
a sentence for them, any other is logged with its cause. Used by the engine thread only.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import CancelledError

from bot.errors import FAULT, cause_of, message_of
from bot.jobs.events import Event, Failed, Finished
from bot.jobs.job import Job
from bot.monitoring import Metrics
from bot.scheduling.cost import work_kind
from bot.scheduling.eta import ThroughputEstimator
from bot.scheduling.model_calls import SeatCall
from bot.scheduling.run_moves import RunMove
from bot.scheduling.seats import Seat, Slice, StopRequest
from bot.worker.batch import StepBatch
from bot.worker.job_run import JobRun
from bot.worker.job_runs import JobRuns
from bot.worker.loaded_models import LoadedModels
from bot.worker.outcomes import Outcome, Standing
from engine.errors import EngineError, RecipeError

log = logging.getLogger(__name__)

SLICES_AFTER_LOADING = 8
"""Number of usual slices in one that has to load its models; the user is charged for all."""


class SlicePainter:
    """Paints the slices that `seat` gives, with the runs on `models`.

    Up to `batch_size` jobs share a step. `throughput` is that of the device. `publish` is called
    with every event; it must return at once.
    """

    def __init__(
        self,
        seat: Seat,
        models: LoadedModels,
        runs: JobRuns,
        throughput: ThroughputEstimator,
        publish: Callable[[Event], None],
        batch_size: int,
        metrics: Metrics,
    ) -> None:
        self.seat = seat
        self._models = models
        self._runs = runs
        self._throughput = throughput
        self._publish = publish
        self._batch_size = batch_size
        self._metrics = metrics

    def run(self) -> None:
        """Paint until the queue is closed, and save what was painted."""
        while (task := self.seat.dequeue()) is not None:
            if isinstance(task, Slice):
                self._run_slice(task)
            else:
                self._make(task)
        self._runs.save()

    def give_up(self, error: BaseException) -> None:
        """Leave the seat, because painting ended with an error; others go on with the jobs."""
        for job in self.seat.leave():
            self._publish(_fault(job, error))
        self._runs.forget()

    def _make(self, call: SeatCall) -> None:
        """Make a call between two steps."""
        if isinstance(call, RunMove):
            call.run(self._runs.let_go)
        else:
            call.run(self._models.get)

    def _run_slice(self, current: Slice) -> None:
        """Paint one slice of a job; other jobs can share its steps."""
        job = current.job
        is_active = self._handle(job, self._start(current))
        leader = self._runs.find(job)
        name = leader.recipe.models if leader and is_active else job.recipes[0].models
        batch = StepBatch(self._models.budget)
        slices = 1 if self._models.is_loaded(name) else SLICES_AFTER_LOADING
        for _ in range(slices * current.steps):
            if leader is None or not is_active or self.seat.closed:
                break
            if (call := self.seat.next_call()) is not None:
                self._make(call)
            if not self._handle(job, self._prepare(leader)):
                break
            batch.start_step(leader)
            kind = work_kind(leader.recipe)
            if self._batch_size > 1:
                self._fill_batch(batch)
            began = time.monotonic()  # loading models is no part of a step
            results = batch.step()
            if cost := sum(each.cost for each in results):
                seconds = time.monotonic() - began
                self._throughput.record(cost, seconds, kind)
                self._metrics.step_taken(kind, seconds, len(results))
            is_active, *_ = [
                self._handle(each.run.job, self._conclude(each.run, each.cost, each.error))
                for each in results
            ]
        self.seat.end_slice()
        self._runs.keep_queued(self.seat)

    def _handle(self, job: Job, outcome: Outcome) -> bool:
        """Act on what became of a job in the batch; return True if it takes the next step."""
        match outcome:
            case Standing.READY:
                return True
            case Standing.WITHDRAWN | Standing.DEFERRED:
                self.seat.leave_batch(job)
                return False
            case Finished():
                event = outcome
            case EngineError():
                event = _user_failure(job, outcome)
            case Exception():
                event = _fault(job, outcome)
        self.seat.finish(job)
        self._publish(event)
        return False

    def _start(self, current: Slice) -> Outcome:
        """Have the run of the slice's job, and obey requests that came before the slice."""
        try:
            if current.move is not None:
                self._fetch(current.move)
        except CancelledError:
            return Standing.WITHDRAWN
        except Exception:  # then it goes on from its last stored checkpoint
            log.exception("a run could not be moved", extra={"job": current.job.id})
        run = self._runs.use(current.job)
        return self._conclude(run) if isinstance(run, JobRun) else run

    def _fetch(self, move: RunMove) -> None:
        """Wait until another painter has let go of a run, and have it.

        Raises `CancelledError` if the program ends first, or what kept the painter from it.
        """
        while (call := self.seat.next_call_before(move)) is not None:
            self._make(call)
        run = move.result.result()
        if run is not None:
            self._runs.take_in(run)

    def _prepare(self, run: JobRun) -> Outcome:
        """Make a run ready for its next step, and suspend others if they are too many."""
        try:
            others = self._runs.suspend_surplus([run])
            try:
                run.resume()
            except RecipeError:
                for each in others:  # the memory that they take may be what is missing
                    each.suspend()
                self._models.keep_only(run.recipe.models)
                run.resume(low_memory=True)
        except Exception as error:
            return error
        return run.result() if run.done else Standing.READY

    def _fill_batch(self, batch: StepBatch) -> None:
        """Add the jobs that share the leader's next step."""

        def fits(job: Job) -> bool:
            run = self._runs.find(job)
            return batch.reserve(job, job.recipes[0] if run is None or run.done else run.recipe)

        for job in self.seat.select_batch(self._batch_size, fits)[1:]:
            self._handle(job, self._join(job, batch))

    def _join(self, job: Job, batch: StepBatch) -> Outcome:
        """Add a job to the batch, ready for its next step."""
        run = self._runs.use(job)
        if not isinstance(run, JobRun):
            return run
        try:
            self._runs.suspend_surplus([*batch.runs, run])
            run.resume()
            if run.done:
                return run.result()
            return Standing.READY if batch.add(run) else Standing.DEFERRED
        except EngineError:  # in its own slice others make room for it, or its user is told
            batch.exclude(job)
            return Standing.DEFERRED
        except Exception as error:
            return error

    def _conclude(self, run: JobRun, cost: float = 0.0, error: Exception | None = None) -> Outcome:
        """Charge a job for its step, and obey a request to stop or cancel it."""
        slowness = self._throughput.slowness(run.last_kind) if cost else 1.0
        request = self.seat.charge(cost, job=run.job, slowness=slowness)
        if error is not None:
            return error
        if request is StopRequest.CANCEL:
            return Standing.WITHDRAWN
        if run.done:
            return run.result()
        return self._stop(run) if request is StopRequest.STOP else Standing.READY

    def _stop(self, run: JobRun) -> Outcome:
        """End a job where it is."""
        outcome = self._prepare(run)
        if outcome is not Standing.READY:
            return outcome
        try:
            return run.stop()
        except Exception as error:
            return error


def _user_failure(job: Job, error: EngineError) -> Failed:
    """Tell the user why their job cannot be painted."""
    return Failed(job.id, message_of(error).in_language(job.language), cause_of(error))


def _fault(job: Job, error: BaseException) -> Failed:
    """Log an error that the user did not cause."""
    log.error("job failed", extra={"job": job.id}, exc_info=error)
    return Failed(job.id, FAULT.in_language(job.language), cause_of(error))
