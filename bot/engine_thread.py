"""The engine thread: takes one job after the other from the queue and paints it.

Between two steps of a job it does errands, which need the models for a moment.

It alone touches the models. It never waits for Discord, and nothing that happens to one job ends
it: what a person caused becomes a sentence for them, everything else is logged with its cause.
Torch is imported in this thread, since that takes seconds.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

from bot import phrases
from bot.errands import Errand
from bot.jobs import Event, Failed, Finished, Job, Painting, Pixels, Progress, PutBack, Started
from bot.pace import Pace
from bot.queue import GpuQueue
from engine.catalogue import find_models
from engine.errors import EngineError
from engine.recipe import Recipe
from engine.settings import Settings as EngineSettings

if TYPE_CHECKING:
    from torch import Tensor

    from engine.generation import Generation
    from engine.models import Models

log = logging.getLogger(__name__)

T = TypeVar("T")

PROGRESS_SECONDS = 1.0
"""Time between two pictures of the progress."""
FRAMES = 48
"""How many pictures of a run are kept for its animation."""
FAULT = "Something went wrong inside the painter, and it was logged. Please try again."


class EngineThread:
    """Paints the jobs of `queue` on the models of `settings`.

    `publish` is called in this thread with every event; it must return at once.
    """

    def __init__(
        self,
        settings: EngineSettings,
        queue: GpuQueue,
        pace: Pace,
        publish: Callable[[Event], None],
    ) -> None:
        self._settings = settings
        self._queue = queue
        self._pace = pace
        self._publish = publish
        self._loaded: Future[Models] = Future()
        self._thread = threading.Thread(target=self._run, name="engine")

    def start(self) -> "Future[Models]":
        """Begin; the result are the models once they are loaded, or what prevented it."""
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
            models = _load(self._settings)
        except BaseException as error:
            self._loaded.set_exception(error)
            return
        self._loaded.set_result(models)
        while (task := self._queue.take()) is not None:
            if isinstance(task, Errand):
                task.run(models)
            else:
                self._publish(self._end_of(task, models))

    def _end_of(self, job: Job, models: "Models") -> Event:
        """Paint a job and return how it ended."""
        self._publish(Started(job.id))
        try:
            return self._painted(job, models)
        except EngineError as error:
            log.warning("job failed", extra={"job": job.id, "cause": str(error)})
            return Failed(job.id, phrases.sentence(str(error)))
        except Exception:
            log.exception("job failed", extra={"job": job.id})
            return Failed(job.id, FAULT)

    def _painted(self, job: Job, models: "Models") -> Event:
        began = time.monotonic()
        paintings: list[Painting] = []
        for recipe in job.recipes:
            painting = self._paint(job, recipe, len(paintings), models)
            if painting is None:
                return PutBack(job.id)
            paintings.append(painting)
        return Finished(job.id, tuple(paintings), time.monotonic() - began, models.digests)

    def _paint(self, job: Job, recipe: Recipe, done: int, models: "Models") -> Painting | None:
        """One picture of a job, after `done` others; None if the program is about to end."""
        from engine.generation import Generation
        from engine.memory import check_memory, running_out_is_an_error

        check_memory(recipe, find_models(recipe.models), models.device)
        with running_out_is_an_error(recipe):
            generation = Generation(recipe, models)
            frames = self._advance(job, generation, done, models)
            if frames is None:
                return None
            pixels = to_pixels(generation.image())
            return Painting(recipe, pixels, (*frames, pixels))

    def _advance(
        self, job: Job, generation: "Generation", done: int, models: "Models"
    ) -> list[Pixels] | None:
        """Take all steps, telling of them about once a second, and return the frames."""
        recipe = generation.recipe
        every = max(1, recipe.total_steps // FRAMES)
        frames: list[Pixels] = []
        shown = 0.0
        while not generation.done:
            if self._queue.closed:
                return None
            if (errand := self._queue.take_errand()) is not None:
                errand.run(models)
            began = time.monotonic()
            generation.step()
            now = time.monotonic()
            self._pace.observe(recipe, now - began)
            is_frame = (generation.steps_done - 1) % every == 0
            is_due = now - shown >= PROGRESS_SECONDS
            if not (is_frame or is_due):
                continue
            pixels = to_pixels(generation.last_seen)
            if is_frame:
                frames.append(pixels)
            if is_due:
                shown = now
                left = self._pace.seconds_left(job, done, generation.steps_done)
                self._publish(Progress(job.id, pixels, done + 1, generation.steps_done, left))
        return frames


def _load(settings: EngineSettings) -> "Models":
    from engine.devices import set_threads
    from engine.models import load_models

    set_threads(settings.threads)
    return load_models(settings.models, settings.device)


def to_pixels(image: "Tensor") -> Pixels:
    """A picture (1, 3, height, width), floats in [0, 1], as 8-bit pixels in main memory."""
    return (image[0].movedim(0, -1) * 255).round().byte().cpu().numpy()
