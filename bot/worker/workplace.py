"""What all painters of the program share, and what is done once for all of them.

The files of all models are prepared, and the memory of all devices is measured, before any painter
loads models: so runs on devices of one kind are planned alike, whichever painter has them.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bot.jobs.events import Event
from bot.jobs.job import Job
from bot.jobs.records import StoredCheckpoint
from bot.monitoring import Metrics
from bot.scheduling.eta import ThroughputEstimator
from bot.scheduling.loading import ModelLoading
from bot.scheduling.run_kinds import run_kind
from bot.scheduling.seats import DeviceKind, Seats
from bot.timings import Timings
from bot.worker.model_files import ModelFiles
from engine.models.catalogue import find_entry
from engine.models.memory import Budget, free_budget
from engine.settings import EngineSettings
from engine.weights.settings import WeightsSettings

if TYPE_CHECKING:
    from torch import device as torch_device

Budgets = dict[str, Budget]
"""The memory for models and a run, by the names of the models."""


@dataclass
class Workplace:
    """What all painters share.

    `publish` is called in their threads with every event; it must return at once.
    `load_checkpoints(job)` is called before a job's first slice. It raises `CancelledError` during
    shutdown.
    """

    settings: EngineSettings
    weights: WeightsSettings
    queue: Seats
    throughput: ThroughputEstimator
    publish: Callable[[Event], None]
    load_checkpoints: Callable[[Job], Sequence[StoredCheckpoint]]
    timings: Timings
    loading: ModelLoading
    metrics: Metrics = field(default_factory=Metrics)
    make_of: "Callable[[torch_device], str] | None" = None
    """Returns the name of a device's make, if devices of several machines are compared."""
    sharing: int = 1
    """Number of processes like this one that share its devices."""
    loads: threading.RLock = field(default_factory=threading.RLock)
    """Held by the painter that loads models."""
    _budgets: dict[str, Budgets] = field(default_factory=dict[str, Budgets], init=False)
    """The memory by kind of device; empty until it is measured."""

    def prepare(self, loaded: Sequence[str]) -> None:
        """Prepare the files of models that are not loaded, choose threads, and measure memory.

        That is done once; the caller holds `loads`. Downloads can take an hour. Raises
        `CancelledError` if the program ends, and `ModelError` or `WeightsError` if models or a
        device are not available.
        """
        from engine.models.devices import choose_device, set_measured_threads

        if self._budgets:
            return
        settings = self.settings
        files = ModelFiles(self.weights, self.loading, lambda: self.queue.closed)
        for name in settings.all_installed:
            if name not in loaded:
                files.prepare(name)
        devices = [choose_device(each) for each in settings.devices]
        computing = [each for each in devices if each.type == "cpu"]
        entries = [find_entry(each) for each in settings.all_installed]
        first, share = (computing or devices)[0], max(1, len(computing))
        set_measured_threads(settings.threads, first, settings.precision, entries, share)
        for device in dict.fromkeys(devices):
            self._measure(device, share if device.type == "cpu" else 1)

    def kind(self, device: "torch_device") -> DeviceKind:
        """Return what counts about a device for whoever decides which painter paints what.

        Another device of the same make paints the same bytes, any of the same type can go on.
        """
        from engine.models.devices import make_of

        make = (self.make_of or make_of)(device)
        exact = make if self.settings.deterministic and make != device.type else ""
        return DeviceKind(make, run_kind(device.type, exact))

    def budgets(self, device: "torch_device") -> Budgets:
        """Return the memory of a painter on a device, by the names of the models."""
        make = self.kind(device).name
        if make not in self._budgets:  # models that were given may be elsewhere
            self._measure(device, 1)
        return self._budgets[make]

    def _measure(self, device: "torch_device", share: int) -> None:
        """Note the memory of a device that `share` painters have; of alike devices, the least."""
        settings, known = self.settings, self._budgets.setdefault(self.kind(device).name, {})
        for name in settings.all_installed:
            found = free_budget(find_entry(name), device, settings.precision)
            found = replace(found, bytes=found.bytes // (share * self.sharing))
            known[name] = min(known.get(name, found), found, key=lambda each: each.bytes)
