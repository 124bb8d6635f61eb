"""A painter: a thread with models on one device, which paints what its seat at the queue gives it.

Jobs and calls name their models (`bot.worker.loaded_models`); a slice that has to load them is
longer, so that loading takes a small share of the time. Only this thread touches the models. It
never waits for Discord. This thread also imports torch, because that takes seconds.
"""

import logging
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

from bot.jobs.job import Job
from bot.scheduling.seats import DeviceKind
from bot.worker.job_runs import JobRuns
from bot.worker.loaded_models import LoadedModels
from bot.worker.model_checks import ModelChecks
from bot.worker.slice_painter import SlicePainter
from bot.worker.workplace import Workplace
from engine.models.memory import Budget

if TYPE_CHECKING:
    from torch import device as torch_device

    from engine.models.loading import Models

log = logging.getLogger(__name__)


class EngineWorker:
    """The painter on device `number` of the settings, on which `models` are loaded already."""

    def __init__(self, workplace: Workplace, number: int = 0, models: "Models | None" = None):
        self._workplace = workplace
        self._number = number
        queue, loading = workplace.queue, workplace.loading
        checks = ModelChecks(workplace.weights, loading, lambda: queue.closed)
        self._models = LoadedModels(
            workplace.settings, models, self._release, checks.check, workplace.loads
        )
        self._runs = JobRuns(
            self._models,
            lambda: self._kind.runs,
            lambda: str(self._models.device),
            *(workplace.publish, workplace.load_checkpoints, workplace.timings),
        )
        self._painter: SlicePainter | None = None
        """What paints; None until the models are loaded."""
        self.loading = loading
        self.loaded: Future[None] = Future()
        """Ends when the main models are loaded; fails with the reason if they cannot be."""
        self._thread = threading.Thread(
            target=self._run, name=f"engine {number}" if number else "engine"
        )

    def start(self) -> None:
        """Start the thread, which first loads the main models: `loaded` says when.

        Downloading them can take an hour. It ends with `CancelledError` if the queue is closed.
        """
        self.loaded.set_running_or_notify_cancel()  # cancelling it must not cancel loading
        self._thread.start()

    def memory(self, models: str) -> Budget | None:
        """Return the memory for models and a run together; None until they are loaded."""
        return None if self.device is None else self._models.budget(models)

    @property
    def device(self) -> str | None:
        """The device that holds the main models, as torch names it; None until they are loaded."""
        return self.loading.devices.get(self._number)

    @property
    def models(self) -> LoadedModels:
        """The models; only the painter's thread uses them."""
        return self._models

    def jobs(self) -> list[Job]:
        """Return the jobs that are painted."""
        return [] if self._painter is None else self._painter.seat.jobs()

    def is_alive(self) -> bool:
        """Return True unless the thread has ended."""
        return self._thread.ident is None or self._thread.is_alive()

    def join(self) -> None:
        """Wait for the thread, which ends after the current step once the queue is closed."""
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            self.loading.devices[self._number] = self._load()
            self._painter = self._sit_down()
        except BaseException as error:
            self.loaded.set_exception(error)
            return
        self.loaded.set_result(None)
        try:
            self._painter.run()
        except BaseException as error:
            log.exception("a painter died", extra={"painter": self._number, "device": self.device})
            self._workplace.metrics.painter_died()
            self._painter.give_up(error)

    def _load(self) -> str:
        """Load the main models, once those of painters before are loaded; return their device."""
        place = self._workplace
        with place.loads:
            place.prepare(self._models.loaded)
            device = self._models.device or self._choose_device()
            self._models.place(device, place.budgets(device))
            return str(self._models.get(place.settings.models).device)

    def _choose_device(self) -> "torch_device":
        import torch

        from engine.models.devices import choose_device

        devices = self._workplace.settings.devices
        device = choose_device(devices[self._number])
        if device.type == "cuda" and len(devices) > 1:
            torch.cuda.set_device(device)  # for this thread, which computes nowhere else
        return device

    @property
    def _kind(self) -> DeviceKind:
        """What counts about the device, once it is known."""
        assert self._models.device is not None
        return self._workplace.kind(self._models.device)

    def _sit_down(self) -> SlicePainter:
        """Take a seat at the queue."""
        place, settings = self._workplace, self._workplace.settings
        return SlicePainter(
            place.queue.seat(self._kind),
            self._models,
            self._runs,
            place.throughput.on(self._kind.name),
            place.publish,
            1 if settings.deterministic else settings.together,
            place.metrics,
        )

    def _release(self, models: str) -> None:
        """Suspend the runs on models that are about to be dropped."""
        self._runs.suspend_on(models)
