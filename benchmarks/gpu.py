"""Measure a GPU in at most ten minutes, and check that it paints what a CPU paints.

    python -m benchmarks gpu [--json FILE]

Checks the first step and some judged pictures of the demo pair against the CPU. Then times steps of
the paper's pair with random weights for one and for several jobs: as they are, as CUDA graphs, and
compiled, beside the baseline. What does not fit into the time is left out, and the table says so.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.lib import gpu_checks
from benchmarks.lib.gpu_times import BASELINE, PICTURE_STEPS, WAYS, Case, Stand, Taken
from benchmarks.lib.machine import describe, kept_precision, measure_peak

if TYPE_CHECKING:
    import torch

SIDES, CUTOUTS, JOBS = (256, 512), 32, (1, 8)
PICTURES = 8
MINUTES = 10.0
RESERVED = 2.0
"""Minutes before the end after which no case is begun: compiling takes a minute or two."""


def main(arguments: Sequence[str]) -> None:
    """Check and measure, and print tables.

    Exits with an error if there is no GPU, or if it does not paint what the CPU paints.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks gpu", description=__doc__)
    parser.add_argument("--sides", type=int, nargs="+", default=SIDES)
    parser.add_argument("--cutouts", type=int, default=CUTOUTS)
    parser.add_argument("--jobs", type=int, nargs="+", default=JOBS)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--precision", default="auto", choices=("auto", "float32", "bfloat16"))
    parser.add_argument("--pictures", type=int, default=PICTURES, help="pictures that are judged")
    parser.add_argument("--picture-steps", type=int, help="default: those of the preset")
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--steps", type=int, default=0, help="per measurement (default: a second)")
    parser.add_argument("--small", action="store_true", help="narrow models, to try the program")
    parser.add_argument("--json", type=Path, help="file for all figures")
    options = parser.parse_args(arguments)
    import torch

    if not torch.cuda.is_available():
        sys.exit("no GPU here: torch sees no CUDA device")
    started, device = time.monotonic(), torch.device("cuda")
    print(describe("cuda", ["python", "-m", "benchmarks", "gpu", *arguments]), flush=True)
    step, pictures = _check(device, options)
    deadline = started + 60 * (options.minutes - min(RESERVED, options.minutes / 2))
    rows = _measure(device, options, deadline)
    if options.json:
        figures = {"step": asdict(step), "pictures": asdict(pictures), "rows": rows}
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    if not (step.is_same and pictures.is_same):
        sys.exit("this GPU does not paint what the CPU paints: the times above mean nothing")


def _check(
    device: "torch.device", options: argparse.Namespace
) -> tuple[gpu_checks.StepCheck, gpu_checks.PictureCheck]:
    print("\n### Does it paint what the CPU paints?\n")
    print("| what, with the demo pair in float32 | GPU and CPU |\n|---|---|")
    step = gpu_checks.check_step(device)
    print(f"| gradient of the first step, cosine | {step.cosine:.6f} |")
    print(f"| loss of the first step, relative difference | {step.error:.2g} |")
    print(f"| the step as a CUDA graph | {'the same' if step.has_graph else 'not possible'} |")
    pictures = gpu_checks.check_pictures(device, options.pictures, options.picture_steps)
    right = f"{pictures.right} and {pictures.right_on_cpu} of {pictures.total}"
    print(f"| pictures that the judge finds right | {right} |", flush=True)
    return step, pictures


def _measure(
    device: "torch.device", options: argparse.Namespace, deadline: float
) -> list[dict[str, Any]]:
    from benchmarks.lib.architectures import PAPER, SMALL

    precision = kept_precision(options.precision, device)
    peak = measure_peak(device, precision)
    name = str(precision).removeprefix("torch.")
    stand = Stand(device, name, SMALL if options.small else PAPER, options.steps)
    print(f"\n### Steps with {options.cutouts} cutouts in {name}\n")
    print(f"The peak is that of a matrix product: {peak.matrices / 1e12:.3g} TFLOP/s.\n")
    print(
        "| side | jobs | way | a step of all jobs, ms | a picture of "
        f"{PICTURE_STEPS} steps, s | memory | share of the peak | |"
    )
    print("|---" * 8 + "|")
    rows: list[dict[str, Any]] = []
    for side, jobs in product(options.sides, options.jobs):
        operations = jobs * stand.operations(side, options.cutouts)
        for way in options.ways:
            case = Case(way, side, options.cutouts, jobs)
            taken = _try(stand, case) if time.monotonic() < deadline else "no time was left"
            print(_row(case, taken, operations, peak.matrices), flush=True)
            found = {"note": taken} if isinstance(taken, str) else asdict(taken)
            rows.append(asdict(case) | {"operations": operations} | found)
    return rows


def _try(stand: Stand, case: Case) -> Taken | str:
    """Measure a case, or say why it could not be measured."""
    try:
        return stand.measure(case)
    except RuntimeError as error:
        return f"failed: {type(error).__name__}"


def _row(case: Case, taken: Taken | str, operations: int, peak: float) -> str:
    where = f"| {case.side} | {case.jobs} | {case.way} |"
    if isinstance(taken, str):
        return f"{where} – | – | – | – | {taken} |"
    # The baseline computes in float32, whose peak is another one.
    share = "–" if case.way == BASELINE else f"{operations / taken.seconds / peak:.0%}"
    picture = taken.seconds * PICTURE_STEPS / case.jobs
    return (
        f"{where} {1000 * taken.seconds:.4g} | {picture:.3g} | {taken.memory / 1e9:.2f} GB "
        f"| {share} | {taken.note} |"
    )
