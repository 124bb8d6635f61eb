"""Painters without a bot, and how many steps they take."""

import time
from pathlib import Path

from bot.cluster.cluster_painters import ClusterPainters
from bot.cluster.ray_cluster import RayCluster
from bot.config import ClusterSettings
from bot.jobs.job import Job
from bot.scheduling.eta import ThroughputEstimator
from bot.scheduling.loading import ModelLoading
from bot.scheduling.queue import GpuQueue
from bot.timings import Timings
from bot.worker.local_painters import LocalPainters
from bot.worker.workplace import Workplace
from engine.presets import make_recipe
from engine.settings import EngineSettings
from engine.weights.settings import WeightsSettings

WARM_UP, SECONDS = 3.0, 20.0
"""How long painters paint before their steps are counted, and how long these are."""
PEOPLE = 6


class StepCounter(ThroughputEstimator):
    """Counts steps, on whatever device they are taken."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0

    def on(self, make: str) -> ThroughputEstimator:
        """Return this one, whatever the make."""
        del make
        return self

    def record(self, cost: float, seconds: float, kind: str) -> None:
        """Count a step."""
        super().record(cost, seconds, kind)
        self.steps += 1


def steps_per_second(painters: int, cluster: str = "") -> float:
    """Return the steps that painters on the processor, with a thread each, take in a second.

    They are threads of this process, or processes of the Ray cluster at an address.
    """
    devices = "auto" if cluster else ("cpu",) * painters
    queue, counter = GpuQueue(), StepCounter()
    place = Workplace(
        *(EngineSettings(device=devices, threads=1), WeightsSettings(), queue, counter),
        *(lambda _: None, lambda _: (), Timings(), ModelLoading()),
    )
    studio = (
        _on_cluster(place, queue, cluster, painters) if cluster else LocalPainters(place, queue)
    )
    studio.start()
    studio.loaded.result()
    while not all(each.device for each in studio.all) or len(studio.all) < painters:
        time.sleep(0.1)
    for number in range(PEOPLE):
        recipe = make_recipe("a red circle", seed=number, models="demo", steps=10_000)
        queue.put(Job(number, number, "", (recipe,)))
    time.sleep(WARM_UP)
    before, began = counter.steps, time.monotonic()
    time.sleep(SECONDS)
    rate = (counter.steps - before) / (time.monotonic() - began)
    queue.close()
    studio.join()
    return rate


def _on_cluster(place: Workplace, queue: GpuQueue, address: str, painters: int) -> ClusterPainters:
    settings = ClusterSettings(address=address, painters=painters, gpus=0)
    cluster = RayCluster(settings, place.timings, Path("data"), lambda: queue.closed)
    return ClusterPainters(place, queue, settings, cluster)
