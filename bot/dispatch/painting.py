"""Queue, painters and their events, as one: what paints for one process, or for several."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from bot.cluster.cluster_painters import ClusterPainters
from bot.cluster.ray_cluster import RayCluster
from bot.config import BotSettings
from bot.delivery.outbox import EventOutbox, Listener
from bot.monitoring import Metrics
from bot.scheduling.eta import ThroughputEstimator
from bot.scheduling.loading import ModelLoading
from bot.scheduling.queue import GpuQueue
from bot.storage import Store
from bot.timings import Timings
from bot.worker.local_painters import LocalPainters
from bot.worker.painters import Painters
from bot.worker.workplace import Workplace

if TYPE_CHECKING:
    from engine.models.loading import Models


class EventSource(Protocol):
    """What brings the events of jobs, once they are stored."""

    @property
    def waiting_bytes(self) -> int:
        """The size of the pictures and frames that are painted and not stored yet."""
        ...

    def attach(self, listener: Listener) -> None:
        """Set who is told of events; call it before anything is painted."""
        ...

    async def run(self) -> None:
        """Bring events until cancelled."""
        ...

    def cancel_later(self, job_id: int) -> None:
        """Cancel a job as soon as that can be stored; call it in the event loop."""
        ...

    def close(self) -> None:
        """Keep nobody waiting any more."""
        ...

    async def drain(self) -> None:
        """Wait until nothing is lost if the program ends."""
        ...


@dataclass(frozen=True)
class Painting:
    """What paints. Nothing runs yet: attach a listener, start `outbox.run()` and `worker`."""

    queue: GpuQueue
    throughput: ThroughputEstimator
    loading: ModelLoading
    outbox: EventSource
    worker: Painters


def build_painting(
    settings: BotSettings,
    store: Store,
    timings: Timings,
    metrics: Metrics,
    models: "Models | None" = None,
) -> Painting:
    """Build what paints, in this process or on a cluster; `models` are loaded already, if given."""
    queue = GpuQueue(
        fair=settings.queue.order == "fair",
        slice_steps=settings.queue.slice_steps,
        device_seconds=timings.device_seconds,
    )
    throughput, loading = ThroughputEstimator(), ModelLoading()
    outbox = EventOutbox(store, timings, queue.hold)
    workplace = Workplace(
        *(settings.engine, settings.weights, queue, throughput),
        *(outbox.publish, outbox.load_checkpoints, timings, loading, metrics),
    )
    worker = _painters(settings, workplace, queue, models)
    return Painting(queue, throughput, loading, outbox, worker)


def _painters(
    settings: BotSettings, workplace: Workplace, queue: GpuQueue, models: "Models | None"
) -> Painters:
    """Return the painters: of this program, or of a cluster if the settings name one."""
    if not settings.cluster.address:
        return LocalPainters(workplace, queue, models)
    folder, timings = settings.storage.folder, workplace.timings
    cluster = RayCluster(settings.cluster, timings, folder, lambda: queue.closed)
    return ClusterPainters(workplace, queue, settings.cluster, cluster)
