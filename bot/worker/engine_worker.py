"""The engine thread: takes one turn after the other from the queue and paints.

In a turn other jobs may take part (`bot.worker.batch`). Between two steps it does errands, which
need the models for a moment.

It alone touches the models. It never waits for Discord, and nothing that happens to one job ends
it: what a person caused becomes a sentence for them, everything else is logged with its cause.
Torch is imported in this thread, since that takes seconds.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, TypeVar

from bot.errors import FAULT, sentence
from bot.jobs.events import Event, Failed, Finished, Started
from bot.jobs.job import Job
from bot.jobs.records import StoredCheckpoint
from bot.scheduling.cost import step_cost
from bot.scheduling.eta import ThroughputEstimator
from bot.scheduling.model_calls import ModelCall
from bot.scheduling.queue import GpuQueue, Slice, StopRequest
from bot.worker.batch import MemoryReservation, StepBatch
from bot.worker.job_run import JobRun
from engine.errors import EngineError, RecipeError
from engine.models.catalogue import find_models
from engine.settings import EngineSettings
from engine.vqgan_clip.memory_estimate import Budget, free_budget
from engine.weights.registry_entries import WeightsFile
from engine.weights.settings import WeightsSettings

if TYPE_CHECKING:
    from engine.models.loading import Models
    from engine.vqgan_clip.compile import Compiler

log = logging.getLogger(__name__)

T = TypeVar("T")

FETCH_LOG_SECONDS = 10.0
"""Between two lines of the log that say how far a file has come."""
MAX_RESIDENT_RUNS = 32
"""Runs that stay in the memory of the models' device; others sleep until their next turn."""


class EngineWorker:
    """Paints the jobs of `queue` on the models of `settings`, which are fetched if need be.

    `publish` is called in this thread with every event; it must return at once. `recall` returns
    what is kept of a job when its first turn comes, or raises `CancelledError` at the end.
    """

    def __init__(
        self,
        settings: EngineSettings,
        weights: WeightsSettings,
        queue: GpuQueue,
        pace: ThroughputEstimator,
        publish: Callable[[Event], None],
        recall: Callable[[Job], Sequence[StoredCheckpoint]],
    ) -> None:
        self._settings = settings
        self._weights = weights
        self._queue = queue
        self._pace = pace
        self._publish = publish
        self._recall = recall
        self._runs: dict[int, JobRun] = {}
        """By the job's number; whose turn was longest ago comes first."""
        self._together = 1 if settings.deterministic else settings.together
        """How many jobs advance in one step at most."""
        self._loaded: Future[Models] = Future()
        self._compiler: Compiler | None = None
        self._said = float("-inf")
        self.memory = Budget(0)
        """What the models and a run may take together, known once the models are loaded."""
        self._thread = threading.Thread(target=self._run, name="engine")

    def start(self) -> "Future[Models]":
        """Begin; the result are the models once they are loaded, or what prevented it.

        Fetching them can take an hour, and ends with `CancelledError` if the queue is closed.
        """
        self._loaded.set_running_or_notify_cancel()  # whoever stops waiting does not end it
        self._thread.start()
        return self._loaded

    def call_with_models(self, act: "Callable[[Models], T]") -> Future[T]:
        """Let `act` have the models soon, in the engine thread; the result is what comes of it.

        If the program ends first, that is a `UserError`.
        """
        errand = ModelCall(act)
        self._queue.put_call(errand)
        return errand.result

    def is_alive(self) -> bool:
        """Whether the thread is at work."""
        return self._thread.is_alive()

    def join(self) -> None:
        """Wait for the end, which comes after the step at hand once the queue is closed."""
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            models = self._load()
        except BaseException as error:
            self._loaded.set_exception(error)
            return
        self._loaded.set_result(models)
        while (task := self._queue.dequeue()) is not None:
            if isinstance(task, ModelCall):
                task.run(models)
            else:
                self._paint(task, models)
        for run in self._runs.values():
            run.save()
        if self._compiler is not None:
            self._compiler.close()

    def _load(self) -> "Models":
        from engine.models.devices import choose_device, set_threads
        from engine.models.loading import load_models
        from engine.preparation import prepare_models

        prepare_models(
            self._settings.models,
            self._weights,
            fetches=True,
            progress=self._fetched,
            notify=lambda notice: log.warning("fetching weights", extra={"notice": notice}),
        )
        set_threads(self._settings.threads)
        settings = self._settings
        device = choose_device(settings.device)
        self.memory = free_budget(find_models(settings.models), device, settings.precision)
        models = load_models(settings.models, settings.device, settings.precision)
        if settings.compile:
            from engine.vqgan_clip.compile import Compiler

            self._compiler = Compiler(models)
        return models

    def _fetched(self, file: WeightsFile, done: int, total: int) -> None:
        """Say now and then how far a file is; end it if the program ends."""
        if self._queue.closed:
            raise CancelledError
        now = time.monotonic()
        if now - self._said < FETCH_LOG_SECONDS:
            return
        self._said = now
        share = f"{done / total:.0%}" if total else "?"
        log.info("fetching weights", extra={"file": file.file, "bytes": done, "share": share})

    def _paint(self, turn: Slice, models: "Models") -> None:
        """Give a job its turn, in which others may take part."""
        job, crew = turn.job, StepBatch()
        goes_on = self._run_guarded(job, self._finish_if_done, models)
        began = time.monotonic()
        for _ in range(turn.steps):
            if not goes_on or self._queue.closed:
                break
            if (errand := self._queue.next_call()) is not None:
                errand.run(models)
            if not self._run_guarded(job, self._prepare_leader, models):
                break
            runs = self._gather(self._runs[job.id], crew, models)
            units = [step_cost(run.recipe) for run in runs]
            errors = crew.step(runs)
            now = time.monotonic()
            done = [0.0 if error else each for each, error in zip(units, errors, strict=True)]
            if any(done):
                self._pace.record(sum(done), now - began)
            began = now
            goes_on, *_ = [
                self._run_guarded(run.job, self._finish_if_done, models, each, error)
                for run, each, error in zip(runs, done, errors, strict=True)
            ]
        self._queue.end_slice()
        for job_id in [each for each in self._runs if not self._queue.holds(each)]:
            del self._runs[job_id]

    def _run_guarded(self, job: Job, act: Callable[..., Event | None], *details: object) -> bool:
        """Do something for a job that takes part in the turn; say whether it goes on.

        It does not if `act` returns its end, or raises something, which ends this job only.
        """
        end = None
        try:
            end = act(job, *details)
            if end is None:
                return True
        except CancelledError:
            pass
        except Exception as error:
            end = _failed(job, error)
        self._queue.finish(job, finished=end is not None)
        if end is not None:
            self._publish(end)
        return False

    def _finish_if_done(
        self, job: Job, models: "Models", units: float = 0.0, error: Exception | None = None
    ) -> Event | None:
        """Note what was done for a job; its end if that has come or is wished, else None.

        An `error` in its step is the end, too. Raises `CancelledError` if nobody wants the job any
        more, or the program ends and nobody can say what is kept of it.
        """
        run = self._get_run(job, models)
        wish = self._queue.charge(units, of=job)
        if error is not None:
            return _failed(job, error)
        if wish is StopRequest.CANCEL:
            raise CancelledError
        if wish is StopRequest.STOP and not run.done:
            self._wake(run)
            if not run.done:
                run.stop()
                return _finished(run, models, stopped=True)
        return _finished(run, models) if run.done else None

    def _prepare_leader(self, job: Job, models: "Models") -> Event | None:
        """Have the job whose turn it is ready for its next step; its end if there is none."""
        run = self._runs[job.id]
        self._wake(run)
        return _finished(run, models) if run.done else None

    def _gather(self, lead: JobRun, crew: StepBatch, models: "Models") -> list[JobRun]:
        """Who takes the next step, ready for it: `lead`, and whoever fits in."""
        runs = [lead]
        if self._together == 1:
            return runs
        room = MemoryReservation(lead, self.memory, models.device)

        def fits(job: Job) -> bool:
            run = self._runs.get(job.id)
            recipe = job.recipes[0] if run is None or run.done else run.recipe
            return crew.can_join(job) and room.reserve(recipe)

        for job in self._queue.select_batch(self._together, fits)[1:]:
            if self._run_guarded(job, self._join, runs, crew, models):
                runs.append(self._runs[job.id])
        return runs

    def _join(
        self, job: Job, runs: list[JobRun], crew: StepBatch, models: "Models"
    ) -> Event | None:
        """Have a job ready for a step with others; its end if there is none.

        Raises `CancelledError` if it does not fit in, and has to wait for its own turn.
        """
        run = self._get_run(job, models)
        try:
            self._suspend_surplus([*runs, run])
            run.resume()
        except EngineError as error:  # in its own turn others make room, or it is told why it fails
            crew.exclude(job)
            raise CancelledError from error
        if run.done:
            return _finished(run, models)
        if not crew.is_compatible(runs[0], run):
            raise CancelledError
        return None

    def _get_run(self, job: Job, models: "Models") -> JobRun:
        """The job's run, which begins with its first turn."""
        run = self._runs.pop(job.id, None)
        if run is None:
            kept = self._recall(job)
            self._publish(Started(job.id))
            run = JobRun(job, models, kept, self.memory, self._publish, self._compiler)
        self._runs[job.id] = run
        return run

    def _wake(self, run: JobRun) -> None:
        """Have a run ready for its next step, and send others to sleep if they are too many."""
        others = self._suspend_surplus([run])
        try:
            run.resume()
        except RecipeError:
            for each in others:  # the memory that they take may be what is missing
                each.suspend()
            run.resume(thrifty=True)

    def _suspend_surplus(self, runs: Sequence[JobRun]) -> list[JobRun]:
        """Send runs to sleep that are too many beside these; those that are still awake."""
        others = [each for each in self._runs.values() if each not in runs and each.is_resident]
        too_many = max(0, len(others) + len(runs) - MAX_RESIDENT_RUNS)
        for each in others[:too_many]:
            each.suspend()
        return others[too_many:]


def _finished(run: JobRun, models: "Models", *, stopped: bool = False) -> Finished:
    return Finished(run.job.id, tuple(run.paintings), run.seconds, models.digests, stopped)


def _failed(job: Job, error: Exception) -> Failed:
    if isinstance(error, EngineError):
        log.warning("job failed", extra={"job": job.id, "cause": str(error)})
        return Failed(job.id, sentence(str(error)))
    log.error("job failed", extra={"job": job.id}, exc_info=error)
    return Failed(job.id, FAULT)
