"""The painters of this program: each has a device, a thread and a seat at the queue."""

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

from bot.scheduling.loading import ModelLoading
from bot.scheduling.model_calls import ModelCall
from bot.scheduling.queue import GpuQueue
from bot.worker.engine_worker import EngineWorker
from bot.worker.painters import least_memory
from bot.worker.workplace import Workplace
from engine.models.memory import Budget

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.models.loading import Models

T = TypeVar("T")


class LocalPainters:
    """The painters at `queue` on the devices of the settings.

    `models` are loaded on the first device already.
    """

    def __init__(
        self, workplace: Workplace, queue: GpuQueue, models: "Models | None" = None
    ) -> None:
        self._workplace = workplace
        self._queue = queue
        given = (models, *(None for _ in workplace.settings.devices[1:]))
        self.all: Sequence[EngineWorker] = [
            EngineWorker(workplace, number, each) for number, each in enumerate(given)
        ]
        """The painters, in the order of their devices in the settings."""
        self._lock = threading.Lock()
        self.loaded: Future[None] = Future()
        """Ends when all have loaded the main models; fails with the reason if one cannot."""

    @property
    def loading(self) -> ModelLoading:
        """How far the models are."""
        return self._workplace.loading

    def start(self) -> None:
        """Start the painters, which load the main models one after the other."""
        self.loaded.set_running_or_notify_cancel()  # cancelling it must not cancel loading
        self._queue.expect(len(self.all))
        for each in self.all:
            each.loaded.add_done_callback(self._on_loaded)
            each.start()

    def call_with_models(
        self, function: "Callable[[Models], T]", models: str | None = None
    ) -> Future[T]:
        """Call `function` with models soon, in the thread of a painter; return its future.

        `models` is their name, by default that of the main ones. The future fails with a
        `UserError` if the program ends first.
        """
        call = ModelCall(function, models or self._workplace.settings.models)
        self._queue.put_call(call)
        return call.result

    def memory(self, models: str) -> Budget | None:
        """Return the memory for models and a run that each painter has; None until one is ready."""
        return least_memory(self.all, models)

    def is_alive(self) -> bool:
        """Return True unless all threads have ended."""
        return any(each.is_alive() for each in self.all)

    def join(self) -> None:
        """Wait for all threads, which end after the current step once the queue is closed."""
        for each in self.all:
            each.join()

    def _on_loaded(self, _: Future[None]) -> None:
        """Pass on that all painters are ready, or why one is not."""
        self._queue.expect(-1)
        with self._lock:
            if self.loaded.done():
                return
            ended = [each.loaded for each in self.all if each.loaded.done()]
            errors = [error for each in ended if (error := each.exception()) is not None]
            if errors:
                self.loaded.set_exception(errors[0])
            elif len(ended) == len(self.all):
                self.loaded.set_result(None)
