"""Painters of a cluster without a bot, and a store that keeps what they publish."""

import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock

from benchmarks.lib.studio import StepCounter
from bot.cluster.cluster import Cluster
from bot.cluster.cluster_painters import ClusterPainters
from bot.cluster.line import PainterLostError
from bot.cluster.messages import Order, Ready, Report
from bot.cluster.painter_process import PainterProcess
from bot.config import ClusterSettings
from bot.monitoring import Metrics
from bot.scheduling.loading import ModelLoading
from bot.scheduling.queue import GpuQueue
from bot.timings import Timings
from bot.worker.workplace import Workplace
from engine import __version__
from engine.settings import EngineSettings
from engine.weights.settings import WeightsSettings
from tests.harness.kept_events import KeptEvents
from tests.harness.painted_alone import PIXELS

TIMINGS = replace(
    Timings(), checkpoint_seconds=0.02, hire_seconds=0.02, retry_seconds=0.1, orphan_seconds=1e9
)


class ThreadLine:
    """A line to a painter in a thread of this process; messages are copied as on a wire."""

    def __init__(self, process: PainterProcess, place: str) -> None:
        self.process = process
        self.place = place
        self.fingerprint: str | None = None
        """What the painter says that it paints; None for the truth."""
        self.leaves = False
        self._broken = ""
        self._lock = Lock()

    def exchange(self, orders: Sequence[Order], seconds: float) -> Sequence[Report]:
        if not self._broken:
            sent = pickle.loads(pickle.dumps(orders))
            reports = self.process.exchange(sent, min(seconds, 0.01))
            if not self._broken:
                copied: list[Report] = pickle.loads(pickle.dumps(reports))
                return [self._forged(each) for each in copied]
        raise PainterLostError(self._broken)

    def _forged(self, report: Report) -> Report:
        if isinstance(report, Ready) and self.fingerprint is not None:
            return replace(report, fingerprint=self.fingerprint)
        return report

    @property
    def broken(self) -> str:
        return self._broken

    def check(self) -> None:
        if self._broken:
            raise PainterLostError(self._broken)

    def is_leaving(self) -> bool:
        return self.leaves

    def settle(self) -> None:
        pass

    def lose(self) -> None:
        """Lose the painter, as if its process was killed."""
        self._broken = "killed"
        self.cut()

    def cut(self) -> None:
        with self._lock:
            self._broken = self._broken or "cut"
            self.process._seat._closed = True
            self.process._seat.receive(())


class ThreadCluster:
    """A cluster whose painters are threads of this process."""

    def __init__(self, places: int) -> None:
        self.room = places
        self.version = __version__
        self.lines: list[ThreadLine] = []
        self.hired = 0
        self.forge: Callable[[ThreadLine], None] = lambda _: None

    def open(self) -> None:
        pass

    def places(self) -> int:
        return self.room

    def hire(self, settings: EngineSettings, weights: WeightsSettings, timings: Timings):
        own = settings.model_copy(update={"device": "cpu", "threads": 1})
        line = ThreadLine(PainterProcess(self.version, own, weights, timings), "")
        self.forge(line)
        self.lines.append(line)
        self.hired += 1
        return line

    def close(self) -> None:
        for each in self.lines:
            each.cut()
        self.lines.clear()  # with their models


class Studio(KeptEvents):
    """The painters of a cluster, and a store that keeps what they publish."""

    def __init__(
        self,
        make_cluster: Callable[[GpuQueue], Cluster],
        cluster: ClusterSettings,
        slice_steps: int = 2,
        *,
        timings: Timings = TIMINGS,
        deterministic: bool = True,
        models: Sequence[str] = PIXELS,
    ) -> None:
        super().__init__()
        settings = EngineSettings(more_models=tuple(models), deterministic=deterministic)
        self.queue = GpuQueue(slice_steps=slice_steps)
        self.loading = ModelLoading()
        self.counter, self.metrics = StepCounter(), Metrics()
        workplace = Workplace(
            *(settings, WeightsSettings(), self.queue, self.counter),
            *(self.publish, self.load, timings, self.loading, self.metrics),
        )
        self.cluster = make_cluster(self.queue)
        self.painters = ClusterPainters(workplace, self.queue, cluster, self.cluster)

    def _ready(self) -> int:
        return len([each for each in self.painters.all if each.device])

    def _has_failed(self) -> bool:
        """Raise the reason why there can be no painters, if there is one."""
        if self.painters.loaded.done():
            self.painters.loaded.result()
        return False

    @contextmanager
    def open(self, ready: int) -> Iterator["Studio"]:
        """Open the studio, with that number of painters who are ready."""
        self.painters.start()
        try:
            self.wait_for(lambda: self._has_failed() or self._ready() >= ready)
            yield self
        finally:
            self.queue.close()
            self.painters.join()
