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
from bot.scheduling.cost import step_units
from bot.scheduling.eta import Pace
from bot.scheduling.model_calls import Errand
from bot.scheduling.queue import GpuQueue, Slice, Wish
from bot.worker.batch import Crew, Room
from bot.worker.job_run import Run
from engine.errors import EngineError, RecipeError
from engine.models.catalogue import find_models
from engine.settings import Settings as EngineSettings
from engine.vqgan_clip.memory_estimate import Budget, free_budget
from engine.weights.registry_entries import WeightsFile
from engine.weights.settings import WeightsSettings

if TYPE_CHECKING:
    from engine.models.loading import Models

log = logging.getLogger(__name__)

T = TypeVar("T")

SAY_SECONDS = 10.0
"""Between two lines of the log that say how far a file has come."""
LIVE_RUNS = 32
"""Runs that stay in the memory of the models' device; others sleep until their next turn."""


class EngineThread:
    """Paints the jobs of `queue` on the models of `settings`, which are fetched if need be.

    `publish` is called in this thread with every event; it must return at once. `recall` returns
    what is kept of a job when its first turn comes, or raises `CancelledError` at the end.
    """

    def __init__(
        self,
        settings: EngineSettings,
        weights: WeightsSettings,
        queue: GpuQueue,
        pace: Pace,
        publish: Callable[[Event], None],
        recall: Callable[[Job], Sequence[StoredCheckpoint]],
    ) -> None:
        self._settings = settings
        self._weights = weights
        self._queue = queue
        self._pace = pace
        self._publish = publish
        self._recall = recall
        self._runs: dict[int, Run] = {}
        """By the job's number; whose turn was longest ago comes first."""
        self._together = 1 if settings.deterministic else settings.together
        """How many jobs advance in one step at most."""
        self._loaded: Future[Models] = Future()
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

    def run_errand(self, act: "Callable[[Models], T]") -> Future[T]:
        """Let `act` have the models soon, in the engine thread; the result is what comes of it.

        If the program ends first, that is a `RefusalError`.
        """
        errand = Errand(act)
        self._queue.put_errand(errand)
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
        while (task := self._queue.take()) is not None:
            if isinstance(task, Errand):
                task.run(models)
            else:
                self._paint(task, models)
        for run in self._runs.values():
            run.save()

    def _load(self) -> "Models":
        from engine.models.devices import choose_device, set_threads
        from engine.models.loading import load_models
        from engine.preparation import prepare_models

        prepare_models(
            self._settings.models,
            self._weights,
            fetches=True,
            progress=self._fetched,
            tell=lambda notice: log.warning("fetching weights", extra={"notice": notice}),
        )
        set_threads(self._settings.threads)
        settings = self._settings
        device = choose_device(settings.device)
        self.memory = free_budget(find_models(settings.models), device, settings.precision)
        models = load_models(settings.models, settings.device, settings.precision)
        if settings.compile:
            from engine.vqgan_clip.compile import compile_models

            compile_models(models)
        return models

    def _fetched(self, file: WeightsFile, done: int, total: int) -> None:
        """Say now and then how far a file is; end it if the program ends."""
        if self._queue.closed:
            raise CancelledError
        now = time.monotonic()
        if now - self._said < SAY_SECONDS:
            return
        self._said = now
        share = f"{done / total:.0%}" if total else "?"
        log.info("fetching weights", extra={"file": file.file, "bytes": done, "share": share})

    def _paint(self, turn: Slice, models: "Models") -> None:
        """Give a job its turn, in which others may take part."""
        job, crew = turn.job, Crew()
        goes_on = self._tend(job, self._settle, models)
        began = time.monotonic()
        for _ in range(turn.steps):
            if not goes_on or self._queue.closed:
                break
            if (errand := self._queue.take_errand()) is not None:
                errand.run(models)
            if not self._tend(job, self._wake_lead, models):
                break
            runs = self._gather(self._runs[job.id], crew, models)
            units = [step_units(run.recipe) for run in runs]
            errors = crew.step(runs)
            now = time.monotonic()
            done = [0.0 if error else each for each, error in zip(units, errors, strict=True)]
            if any(done):
                self._pace.observe(sum(done), now - began)
            began = now
            goes_on, *_ = [
                self._tend(run.job, self._settle, models, each, error)
                for run, each, error in zip(runs, done, errors, strict=True)
            ]
        self._queue.end_turn()
        for job_id in [each for each in self._runs if not self._queue.holds(each)]:
            del self._runs[job_id]

    def _tend(self, job: Job, act: Callable[..., Event | None], *details: object) -> bool:
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
        self._queue.leave(job, finished=end is not None)
        if end is not None:
            self._publish(end)
        return False

    def _settle(
        self, job: Job, models: "Models", units: float = 0.0, error: Exception | None = None
    ) -> Event | None:
        """Note what was done for a job; its end if that has come or is wished, else None.

        An `error` in its step is the end, too. Raises `CancelledError` if nobody wants the job any
        more, or the program ends and nobody can say what is kept of it.
        """
        run = self._run_of(job, models)
        wish = self._queue.advance(units, of=job)
        if error is not None:
            return _failed(job, error)
        if wish is Wish.CANCEL:
            raise CancelledError
        if wish is Wish.STOP and not run.done:
            self._wake(run)
            if not run.done:
                run.stop()
                return _finished(run, models, stopped=True)
        return _finished(run, models) if run.done else None

    def _wake_lead(self, job: Job, models: "Models") -> Event | None:
        """Have the job whose turn it is ready for its next step; its end if there is none."""
        run = self._runs[job.id]
        self._wake(run)
        return _finished(run, models) if run.done else None

    def _gather(self, lead: Run, crew: Crew, models: "Models") -> list[Run]:
        """Who takes the next step, ready for it: `lead`, and whoever fits in."""
        runs = [lead]
        if self._together == 1:
            return runs
        room = Room(lead, self.memory, models.device)

        def fits(job: Job) -> bool:
            run = self._runs.get(job.id)
            recipe = job.recipes[0] if run is None or run.done else run.recipe
            return crew.may_join(job) and room.take(recipe)

        for job in self._queue.gather(self._together, fits)[1:]:
            if self._tend(job, self._join, runs, crew, models):
                runs.append(self._runs[job.id])
        return runs

    def _join(self, job: Job, runs: list[Run], crew: Crew, models: "Models") -> Event | None:
        """Have a job ready for a step with others; its end if there is none.

        Raises `CancelledError` if it does not fit in, and has to wait for its own turn.
        """
        run = self._run_of(job, models)
        try:
            self._make_room([*runs, run])
            run.wake()
        except EngineError as error:  # in its own turn others make room, or it is told why it fails
            crew.refuse(job)
            raise CancelledError from error
        if run.done:
            return _finished(run, models)
        if not crew.suits(runs[0], run):
            raise CancelledError
        return None

    def _run_of(self, job: Job, models: "Models") -> Run:
        """The job's run, which begins with its first turn."""
        run = self._runs.pop(job.id, None)
        if run is None:
            kept = self._recall(job)
            self._publish(Started(job.id))
            run = Run(job, models, kept, self.memory, self._publish)
        self._runs[job.id] = run
        return run

    def _wake(self, run: Run) -> None:
        """Have a run ready for its next step, and send others to sleep if they are too many."""
        others = self._make_room([run])
        try:
            run.wake()
        except RecipeError:
            for each in others:  # the memory that they take may be what is missing
                each.sleep()
            run.wake(thrifty=True)

    def _make_room(self, runs: Sequence[Run]) -> list[Run]:
        """Send runs to sleep that are too many beside these; those that are still awake."""
        others = [each for each in self._runs.values() if each not in runs and each.is_awake]
        too_many = max(0, len(others) + len(runs) - LIVE_RUNS)
        for each in others[:too_many]:
            each.sleep()
        return others[too_many:]


def _finished(run: Run, models: "Models", *, stopped: bool = False) -> Finished:
    return Finished(run.job.id, tuple(run.paintings), run.seconds, models.digests, stopped)


def _failed(job: Job, error: Exception) -> Failed:
    if isinstance(error, EngineError):
        log.warning("job failed", extra={"job": job.id, "cause": str(error)})
        return Failed(job.id, sentence(str(error)))
    log.error("job failed", extra={"job": job.id}, exc_info=error)
    return Failed(job.id, FAULT)
