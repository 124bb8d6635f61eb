"""What is true at the moment, read when Prometheus asks."""

from collections.abc import Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bot.background import Background
from bot.host_page.health import is_connected
from bot.host_page.vitals import Vitals
from bot.monitoring.metrics import PREFIX
from engine import __version__
from engine.files import MEBIBYTE


class Gauges(Collector):
    """Reads queue, painters, connection and vitals; any thread may call it."""

    def __init__(self, background: Background, vitals: Vitals) -> None:
        self._background = background
        self._vitals = vitals

    def describe(self) -> Iterator[Metric]:
        """Return no names in advance."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Return all values."""
        yield from self._queue()
        yield from self._painters()
        yield from self._connection()
        yield from self._memory()

    def _queue(self) -> Iterator[Metric]:
        queue, throughput = self._background.queue, self._background.throughput
        unfinished, waiting = len(queue.jobs()), queue.waiting()
        states = {"painting": unfinished - waiting, "waiting": waiting}
        yield _gauge("jobs", "Unfinished jobs.", states, "state")
        work = queue.remaining_work(throughput.slowness, throughput.speed)
        if (seconds := throughput.seconds(work)) is not None:
            yield _gauge("queue_work_seconds", "Estimated painting time of all jobs.", seconds)
        waiting_bytes = self._background.outbox.waiting_bytes
        yield _gauge("unstored_bytes", "Pictures that are painted and not stored.", waiting_bytes)

    def _painters(self) -> Iterator[Metric]:
        painters = self._background.worker.all
        alive = [each for each in painters if each.is_alive()]
        ready = sum(each.device is not None for each in alive)
        states = {"ready": ready, "loading": len(alive) - ready, "dead": len(painters) - len(alive)}
        yield _gauge("painters", "Painters, by what they are able to do.", states, "state")

    def _connection(self) -> Iterator[Metric]:
        client = self._background.reporter.client_if_any
        yield _gauge("discord_connected", "1 if connected to Discord.", int(is_connected(client)))
        if client is not None and client.latency == client.latency:  # NaN before the first beat
            yield _gauge("discord_latency_seconds", "Latency of the gateway.", client.latency)
        yield _gauge("build", "Always 1; the version is a label.", {__version__: 1}, "version")

    def _memory(self) -> Iterator[Metric]:
        vitals = self._vitals
        memory = {"resident": vitals.resident_bytes, "available": vitals.available_bytes}
        yield _gauge("memory_bytes", "Memory.", {**memory, **vitals.cuda_bytes}, "kind")
        reachable = int(vitals.is_store_reachable)
        yield _gauge("store_reachable", "1 if the database answers.", reachable)
        if vitals.store_bytes is not None:
            yield _gauge("store_bytes", "Size of the database.", vitals.store_bytes)
        limit = self._background.settings.storage.disk_mib * MEBIBYTE
        yield _gauge("store_limit_bytes", "Its allowed size; 0 for no limit.", limit)
        yield _gauge("disk_free_bytes", "Free space at the bot's folder.", vitals.disk_free_bytes)


def _gauge(
    name: str, about: str, values: float | Mapping[str, float], label: str | None = None
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"{PREFIX}_{name}", about, labels=[label] if label else [])
    if isinstance(values, Mapping):
        for each, value in values.items():
            family.add_metric([each], value)
    else:
        family.add_metric([], values)
    return family
