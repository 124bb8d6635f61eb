"""What a step takes in each precision and by each plan: the paper's architectures, random weights,
fresh processes.

The figure is the peak of the resident memory (on CUDA, of what torch has reserved) while two steps
are taken, over that before the models were built. Beside it, how the latent's gradient differs from
that of the first plan.
"""

import argparse
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from multiprocessing import get_context
from typing import TYPE_CHECKING

from benchmarks.lib.statistics import cosine
from engine.vqgan_clip.memory_plan import PLANS

if TYPE_CHECKING:
    import numpy as np

SIDES, CUTOUTS = (256, 512), 32
PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class Measured:
    """What came of a step."""

    peak: int
    """Bytes, the models' weights included."""
    weights: int
    """Bytes of these."""
    gradient: "np.ndarray"


def main(arguments: list[str]) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks memory", description=__doc__)
    parser.add_argument("--sides", type=int, nargs="+", default=SIDES)
    parser.add_argument("--cutouts", type=int, default=CUTOUTS)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=PRECISIONS)
    options = parser.parse_args(arguments)
    print("| side | precision | plan | peak | of the first | cosine of the gradients |")
    print("|---|---|---|---|---|---|")
    for side in options.sides:
        first: Measured | None = None
        for precision, (number, plan) in product(options.precisions, enumerate(PLANS)):
            ask = (number, side, options.cutouts, options.device, precision)
            with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                done = pool.submit(measure, *ask).result()
            first = first or done
            share, alike = done.peak / first.peak, cosine(first.gradient, done.gradient)
            peak = f"{done.peak / 1e9:.2f} GB"
            print(f"| {side} | {precision} | {plan} | {peak} | {share:.0%} | {alike:.6f} |")


def measure(number: int, side: int, cutouts: int, device: str, precision: str) -> Measured:
    """Take two steps by a plan, in a process that has done nothing else."""
    import torch

    from benchmarks.lib.architectures import paper_pair, paper_recipe
    from benchmarks.lib.machine import peak_memory, weigh
    from engine.vqgan_clip.generation import Generation

    before = peak_memory(torch.device(device))
    models = paper_pair(device, precision=precision)
    weights = weigh(models.generator, *models.perceptors)
    run = Generation(paper_recipe(side, cutouts), models, PLANS[number])
    run.step()
    gradient = run.latent.grad
    assert gradient is not None
    kept = gradient.cpu().numpy().copy()
    run.step()
    return Measured(peak_memory(torch.device(device)) - before, weights, kept)
