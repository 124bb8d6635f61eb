"""Times and memory of steps on a GPU, in each way to take them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.lib.alternation import ENDLESS
from benchmarks.lib.machine import seconds_of

if TYPE_CHECKING:
    import torch

    from benchmarks.lib.architectures import Architecture
    from engine.models.loading import Models
    from engine.vqgan_clip.generation import Generation

BASELINE = "baseline"
WAYS = ("eager", "graph", "compiled", BASELINE)
"""Ways to take a step: the engine's as it is, as a CUDA graph, and compiled; and the step as public
programs write it (`benchmarks.lib.baseline`)."""
ROUNDS, SECONDS = 3, 1.0
"""Number of measurements of which the median counts, and the least seconds of each."""
PICTURE_STEPS = 400
"""Number of steps of a picture, for the time that it takes."""


@dataclass(frozen=True)
class Case:
    """What is measured: the way, the picture's side, the cutouts, and the jobs together."""

    way: str
    side: int
    cutouts: int
    jobs: int


@dataclass(frozen=True)
class Taken:
    """What the steps of all jobs take together."""

    seconds: float
    """Seconds of a step of each job."""
    memory: int
    """Peak of the bytes that torch has reserved, those of the models included."""
    note: str = ""
    """What differs from the way that was asked for."""


class Stand:
    """Measures cases on one device with models that are built once."""

    def __init__(
        self, device: "torch.device", precision: str, sizes: "Architecture", steps: int
    ) -> None:
        """Build the models; `steps` is the number per measurement, or 0 for enough of them."""
        from benchmarks.lib.architectures import paper_pair
        from benchmarks.lib.baseline import plain_pair

        self._device = device
        self._steps = steps
        self.models = paper_pair(str(device), precision=precision, sizes=sizes)
        self._plain = plain_pair(str(device), sizes=sizes)

    def operations(self, side: int, cutouts: int) -> int:
        """Count the floating point operations of a step of one job, in both passes.

        These are products, convolutions and attention.
        """
        from torch.utils.flop_counter import FlopCounterMode

        (run,) = self._runs(Case("eager", side, cutouts, 1))
        with FlopCounterMode(display=False) as counter:
            run.step()
        return counter.get_total_flops()

    def measure(self, case: Case) -> Taken:
        """Measure a case. Raises the errors of torch, for example if memory runs out."""
        import torch

        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(self._device)
        if case.way == BASELINE:
            step = self._baseline(case.side, case.cutouts)
            steps, note = [step] * case.jobs, "one after the other" if case.jobs > 1 else ""
            return Taken(self._seconds(lambda: [each() for each in steps]), self._peak(), note)
        with _compiled(self.models, case.way == "compiled"):
            runs = self._runs(case)
            seconds = self._seconds(_step_of(runs, case.way))
            return Taken(seconds, self._peak(), _note(runs, case))

    def _baseline(self, side: int, cutouts: int) -> Callable[[], object]:
        from benchmarks.lib.architectures import paper_recipe
        from benchmarks.lib.baseline import Baseline

        return Baseline(paper_recipe(side, cutouts), self._plain).step

    def _runs(self, case: Case) -> list["Generation"]:
        from benchmarks.lib.architectures import paper_recipe
        from engine.vqgan_clip.cuda_graph import CudaGraphs
        from engine.vqgan_clip.generation import Generation

        recipe = replace(paper_recipe(case.side, case.cutouts), steps=ENDLESS)
        runs = [Generation(replace(recipe, seed=seed), self.models) for seed in range(case.jobs)]
        if case.way == "graph":
            graphs = CudaGraphs()
            for run in runs:
                run.graph = graphs.for_run(run)
        return runs

    def _seconds(self, step: Callable[[], object]) -> float:
        """Return the seconds of a step after warm-up, in which graphs are captured."""
        from engine.vqgan_clip.cuda_graph import WARM_UP_STEPS

        for _ in range(WARM_UP_STEPS + 1):
            step()
        count = self._steps or max(1, round(SECONDS / seconds_of(step, self._device)))

        def work() -> None:
            for _ in range(count):
                step()

        return median(seconds_of(work, self._device) for _ in range(ROUNDS)) / count

    def _peak(self) -> int:
        import torch

        return torch.cuda.max_memory_reserved(self._device)


def _step_of(runs: Sequence["Generation"], way: str) -> Callable[[], object]:
    """Return what takes a step of all runs: together, or with graphs one after the other."""
    from engine.vqgan_clip import loop

    if way == "graph":
        return lambda: [run.step() for run in runs]
    return partial(loop.step, runs)


def _note(runs: Sequence["Generation"], case: Case) -> str:
    from engine.vqgan_clip.cuda_graph import StepGraph

    if case.way != "graph":
        return ""
    graphs = [run.graph for run in runs]
    if not all(isinstance(each, StepGraph) and each.is_captured for each in graphs):
        return "no graph could be captured"
    return "one after the other" if case.jobs > 1 else ""


@contextmanager
def _compiled(models: "Models", wanted: bool) -> Iterator[None]:
    """Compile models in the block, if `wanted`."""
    from engine.vqgan_clip.compile import compile_models

    if not wanted:
        yield
        return
    owners = (models.generator, *models.perceptors)
    compile_models(models)
    try:
        yield
    finally:
        for owner, name in zip(owners, ("decode", *["encode_image"] * len(owners)), strict=False):
            delattr(owner, name)  # the method of its class is back
