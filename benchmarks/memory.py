"""Measure the memory of a step in each precision and with each memory plan.

Uses the paper's architectures with random weights, in new processes. The figure is the peak of
resident memory (on CUDA, of memory that torch has reserved) during two steps, above that before the
models were built. The last column compares the latent's gradient with that of the first plan.
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
    """The measurements of a run."""

    peak: int
    """Peak memory in bytes, including the models' weights."""
    weights: int
    """Size of the models' weights in bytes."""
    gradient: "np.ndarray"
    """Gradient of the latent in the first step."""


def main(arguments: list[str]) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks memory", description=__doc__)
    parser.add_argument("--sides", type=int, nargs="+", default=SIDES)
    parser.add_argument("--cutouts", type=int, default=CUTOUTS)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=PRECISIONS)
    options = parser.parse_args(arguments)
    print("| side | precision | plan | peak | share of the first | cosine of the gradients |")
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
    """Take two steps with a memory plan, in a process that has done nothing else."""
    import torch

    from benchmarks.lib.architectures import paper_pair, paper_recipe
    from benchmarks.lib.machine import peak_memory, weigh
    from engine.models.latent_generator import vqgan_of
    from engine.vqgan_clip.generation import Generation

    before = peak_memory(torch.device(device))
    models = paper_pair(device, precision=precision)
    weights = weigh(vqgan_of(models.generator), *models.perceptors)
    run = Generation(paper_recipe(side, cutouts), models, PLANS[number])
    run.step()
    gradient = run.latent.grad
    assert gradient is not None
    first_gradient = gradient.cpu().numpy().copy()
    run.step()
    return Measured(peak_memory(torch.device(device)) - before, weights, first_gradient)
