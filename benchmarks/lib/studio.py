"""Painters without a bot, and how many steps they take."""

import time

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


class _Counter(ThroughputEstimator):
    """Counts steps, on whatever device they are taken."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0

    def on(self, make: str) -> ThroughputEstimator:
        del make
        return self

    def record(self, cost: float, seconds: float, kind: str) -> None:
        super().record(cost, seconds, kind)
        self.steps += 1


def steps_per_second(painters: int) -> float:
    """Return the steps that painters on the processor, with a thread each, take in a second."""
    settings = EngineSettings(device=("cpu",) * painters, threads=1)
    queue, counter = GpuQueue(), _Counter()
    place = Workplace(
        *(settings, WeightsSettings(), queue, counter),
        *(lambda _: None, lambda _: (), Timings(), ModelLoading()),
    )
    studio = LocalPainters(place, queue)
    studio.start()
    studio.loaded.result()
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
