"""The engine thread: takes one turn after the other from the queue and paints.

Between two steps of a job it does errands, which need the models for a moment.

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

from bot import phrases
from bot.errands import Errand
from bot.jobs import Event, Failed, Finished, Job, Started
from bot.pace import Pace, step_units
from bot.queue import GpuQueue, Slice, Wish
from bot.records import StoredCheckpoint
from bot.runs import Run
from engine.catalogue import find_models
from engine.errors import EngineError, RecipeError
from engine.memory import Budget, free_budget
from engine.settings import Settings as EngineSettings
from engine.weights.entries import WeightsFile
from engine.weights.settings import WeightsSettings

if TYPE_CHECKING:
    from engine.models import Models

log = logging.getLogger(__name__)

T = TypeVar("T")

SAY_SECONDS = 10.0
"""Between two lines of the log that say how far a file has come."""
LIVE_RUNS = 32
"""Runs that stay in the memory of the models' device; others sleep until their next turn."""
FAULT = "Something went wrong inside the painter, and it was logged. Please try again."


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
        from engine.devices import choose_device, set_threads
        from engine.models import load_models
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
        return load_models(settings.models, settings.device, settings.precision)

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
        """Give a job its turn, and say how it ended if it did."""
        job = turn.job
        try:
            end = self._advance(turn, models)
        except CancelledError:  # the program ends, and nobody can say what is kept of the job
            end = None
        except EngineError as error:
            log.warning("job failed", extra={"job": job.id, "cause": str(error)})
            end = Failed(job.id, phrases.sentence(str(error)))
        except Exception:
            log.exception("job failed", extra={"job": job.id})
            end = Failed(job.id, FAULT)
        self._queue.end_turn(finished=end is not None)
        if end is not None:
            self._publish(end)
        for job_id in [each for each in self._runs if not self._queue.holds(each)]:
            del self._runs[job_id]

    def _advance(self, turn: Slice, models: "Models") -> Event | None:
        """Take the steps of a turn; the job's end if it has come, else None."""
        job = turn.job
        run = self._run_of(job, models)
        began = time.monotonic()
        wish = self._queue.advance()
        for _ in range(turn.steps):
            if wish is not None or run.done or self._queue.closed:
                break
            if (errand := self._queue.take_errand()) is not None:
                errand.run(models)
            self._wake(run)
            if run.done:
                break
            units = step_units(run.recipe)
            run.step()
            now = time.monotonic()
            self._pace.observe(units, now - began)
            began = now
            wish = self._queue.advance(units)
        if wish is Wish.CANCEL:
            return None
        if wish is Wish.STOP and not run.done:
            self._wake(run)
        if not run.done and wish is not Wish.STOP:
            return None
        stopped = not run.done
        if stopped:
            run.stop()
        return Finished(job.id, tuple(run.paintings), run.seconds, models.digests, stopped)

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
        others = [each for each in self._runs.values() if each is not run and each.is_awake]
        for each in others[: max(0, len(others) - LIVE_RUNS + 1)]:
            each.sleep()
        try:
            run.wake()
        except RecipeError:
            for each in others:  # the memory that they take may be what is missing
                each.sleep()
            run.wake(thrifty=True)
