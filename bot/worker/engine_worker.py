"""The engine thread: takes one slice after the other from its seat at the queue and paints it.

Other jobs can share the steps of a slice (`bot.worker.batch`). Model calls are made between two
steps. Jobs and calls name their models (`bot.worker.loaded_models`); a slice that has to load them
is longer, so that loading takes a small share of the time.

Only this thread touches the models. It never waits for Discord. What happens to one job is an
`Outcome` and ends no other job: an error that the user caused becomes a sentence for them, any
other is logged with its cause. This thread also imports torch, because that takes seconds.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, TypeVar

from bot.errors import FAULT, message_of
from bot.jobs.events import Event, Failed, Finished
from bot.jobs.job import Job
from bot.jobs.records import StoredCheckpoint
from bot.scheduling.cost import work_kind
from bot.scheduling.eta import ThroughputEstimator
from bot.scheduling.loading import ModelLoading
from bot.scheduling.model_calls import ModelCall, SeatCall
from bot.scheduling.queue import GpuQueue
from bot.scheduling.run_moves import RunMove
from bot.scheduling.seats import Seat, Slice, StopRequest
from bot.timings import Timings
from bot.worker.batch import StepBatch
from bot.worker.job_run import JobRun
from bot.worker.job_runs import JobRuns
from bot.worker.loaded_models import LoadedModels
from bot.worker.model_checks import ModelChecks
from bot.worker.model_files import ModelFiles
from bot.worker.outcomes import Outcome, Standing
from engine.errors import EngineError, RecipeError
from engine.models.catalogue import find_entry
from engine.models.memory import Budget
from engine.settings import EngineSettings
from engine.weights.settings import WeightsSettings

if TYPE_CHECKING:
    from engine.models.loading import Models

log = logging.getLogger(__name__)

T = TypeVar("T")

SLICES_AFTER_LOADING = 8
"""Number of usual slices in one that has to load its models; the user is charged for all."""


class EngineWorker:
    """Paints the jobs of `queue` on the models of `settings`, of which `models` are loaded already.

    The files of the others are downloaded if necessary.

    `publish` is called in this thread with every event; it must return at once.
    `load_checkpoints(job)` is called once, before a job's first slice. It raises `CancelledError`
    during shutdown.
    """

    def __init__(
        self,
        settings: EngineSettings,
        weights: WeightsSettings,
        queue: GpuQueue,
        throughput: ThroughputEstimator,
        publish: Callable[[Event], None],
        load_checkpoints: Callable[[Job], Sequence[StoredCheckpoint]],
        timings: Timings,
        loading: ModelLoading,
        models: "Models | None" = None,
    ) -> None:
        self._settings = settings
        self._files = ModelFiles(weights, loading, lambda: queue.closed)
        self._queue = queue
        self._seat: Seat
        """What the thread asks from when its models are loaded."""
        self._throughput = throughput
        self._publish = publish
        checks = ModelChecks(weights, loading, lambda: queue.closed)
        self._models = LoadedModels(settings, models, self._release, checks.check)
        self._runs = JobRuns(self._models, publish, load_checkpoints, timings)
        self._batch_size = 1 if settings.deterministic else settings.together
        """Maximum number of jobs that share one step."""
        self.loading = loading
        self.loaded: Future[None] = Future()
        """Ends when the main models are loaded; fails with the reason if they cannot be."""
        self._thread = threading.Thread(target=self._run, name="engine")

    def start(self) -> None:
        """Start the thread, which first loads the main models: `loaded` says when.

        Downloading them can take an hour. It ends with `CancelledError` if the queue is closed.
        """
        self.loaded.set_running_or_notify_cancel()  # cancelling it must not cancel loading
        self._thread.start()

    def call_with_models(
        self, function: "Callable[[Models], T]", models: str | None = None
    ) -> Future[T]:
        """Call `function` with models soon, in the engine thread; return its future.

        `models` is their name, by default that of the main ones. The future fails with a
        `UserError` if the program ends first.
        """
        call = ModelCall(function, models or self._settings.models)
        self._queue.put_call(call)
        return call.result

    def memory(self, models: str) -> Budget | None:
        """Return the memory for models and a run together; None until they are loaded."""
        return None if self.loading.device is None else self._models.budget(models)

    def is_alive(self) -> bool:
        """Return True unless the thread has ended."""
        return self._thread.ident is None or self._thread.is_alive()

    def join(self) -> None:
        """Wait for the thread, which ends after the current step once the queue is closed."""
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            self.loading.device = self._load()
        except BaseException as error:
            self.loaded.set_exception(error)
            return
        self._seat = self._queue.seat()
        self.loaded.set_result(None)
        while (task := self._seat.dequeue()) is not None:
            if isinstance(task, Slice):
                self.run_slice(task)
            else:
                self._make(task)
        self._runs.save()

    def _make(self, call: SeatCall) -> None:
        """Make a call between two steps."""
        if isinstance(call, RunMove):
            call.run(self._runs.let_go)
        else:
            call.run(self._models.get)

    def _load(self) -> str:
        """Prepare all installed models, and load the main ones; return their device."""
        from engine.models.devices import choose_device, set_measured_threads

        settings = self._settings
        for name in settings.all_installed:
            if not self._models.is_loaded(name):
                self._files.prepare(name)
        device = self._models.device or choose_device(settings.device)
        entries = map(find_entry, settings.all_installed)
        set_measured_threads(settings.threads, device, settings.precision, entries)
        self._models.measure(device)
        return str(self._models.get(settings.models).device)

    def run_slice(self, current: Slice) -> None:
        """Paint one slice of a job; other jobs can share its steps."""
        job = current.job
        is_active = self._handle(job, self._start(current))
        leader = self._runs.find(job)
        name = leader.recipe.models if leader and is_active else job.recipes[0].models
        batch = StepBatch(self._models.budget)
        slices = 1 if self._models.is_loaded(name) else SLICES_AFTER_LOADING
        for _ in range(slices * current.steps):
            if leader is None or not is_active or self._seat.closed:
                break
            if (call := self._seat.next_call()) is not None:
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
                self._throughput.record(cost, time.monotonic() - began, kind)
            is_active, *_ = [
                self._handle(each.run.job, self._conclude(each.run, each.cost, each.error))
                for each in results
            ]
        self._seat.end_slice()
        self._runs.keep_queued(self._seat)

    def _handle(self, job: Job, outcome: Outcome) -> bool:
        """Act on what became of a job in the batch; return True if it takes the next step."""
        match outcome:
            case Standing.READY:
                return True
            case Standing.WITHDRAWN | Standing.DEFERRED:
                self._seat.leave_batch(job)
                return False
            case Finished():
                event = outcome
            case EngineError():
                event = _user_failure(job, outcome)
            case Exception():
                event = _fault(job, outcome)
        self._seat.finish(job)
        self._publish(event)
        return False

    def _start(self, current: Slice) -> Outcome:
        """Have the run of the slice's job, and obey requests that came before the slice."""
        try:
            if current.move is not None:
                self._fetch(current.move)
        except CancelledError:
            return Standing.WITHDRAWN
        except Exception as error:
            return error
        run = self._runs.use(current.job)
        return self._conclude(run) if isinstance(run, JobRun) else run

    def _fetch(self, move: RunMove) -> None:
        """Wait until another painter has let go of a run, and have it.

        Raises `CancelledError` if the program ends first, or what kept the painter from it.
        """
        while (call := self._seat.next_call_before(move)) is not None:
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

        for job in self._seat.select_batch(self._batch_size, fits)[1:]:
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
        request = self._seat.charge(cost, job=run.job, slowness=slowness)
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

    def _release(self, models: str) -> None:
        """Suspend the runs on models that are about to be dropped."""
        self._runs.suspend_on(models)


def _user_failure(job: Job, error: EngineError) -> Failed:
    """Tell the user why their job cannot be painted."""
    log.warning("job failed", extra={"job": job.id, "cause": str(error)})
    return Failed(job.id, message_of(error).in_language(job.language))


def _fault(job: Job, error: Exception) -> Failed:
    """Log an error that the user did not cause."""
    log.error("job failed", extra={"job": job.id}, exc_info=error)
    return Failed(job.id, FAULT.in_language(job.language))
