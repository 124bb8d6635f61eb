"""Compare a step of this engine with one of the baseline.

Uses the paper's architectures with random weights. Measures time in alternation in one process,
peak memory in new processes, the gradient against float32's and the baseline's, the times of a
step's stages, and the share of the machine's peak. All except the time use only the middle one of
the given numbers of cutouts.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.lib.alternation import ENDLESS, alternate
from benchmarks.lib.engines import Engine
from benchmarks.lib.machine import describe, kept_precision
from engine.vqgan_clip.memory_plan import PLANS

SIDES, CUTOUTS, ROUNDS = (256, 512), (16, 32, 64), 5
SECTIONS = ("time", "memory", "gradient", "stages", "peak")


def main(arguments: Sequence[str]) -> None:
    """Measure and print tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks step", description=__doc__)
    parser.add_argument("--sides", type=int, nargs="+", default=SIDES)
    parser.add_argument("--cutouts", type=int, nargs="+", default=CUTOUTS)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="auto", choices=("auto", "float32", "bfloat16"))
    parser.add_argument("--plan", type=int, default=0, choices=range(len(PLANS)))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=SECTIONS)
    parser.add_argument("--json", type=Path, help="file for all figures")
    options = parser.parse_args(arguments)
    # Set before torch is imported: without a GPU its profiler would print warnings.
    os.environ.setdefault("KINETO_LOG_LEVEL", "5")
    _run(options, ["python", "-m", "benchmarks", "step", *arguments])


def _run(options: argparse.Namespace, command: Sequence[str]) -> None:
    import torch

    from benchmarks.lib import stages, step_checks
    from engine.models.devices import precision_name

    engine = Engine(options.device, options.precision, options.plan)
    usual = sorted(options.cutouts)[len(options.cutouts) // 2]
    header = describe(options.device, command)
    precision = precision_name(kept_precision(options.precision, torch.device(options.device)))
    plan = PLANS[options.plan]
    print(f"{header} The engine computes in {precision}; its plan: {plan}.", flush=True)
    sections: dict[str, Callable[[], Any]] = {
        "time": lambda: timing(engine, options.sides, options.cutouts, options.rounds),
        "memory": lambda: step_checks.memory(engine, options.sides, usual),
        "gradient": lambda: step_checks.gradients(engine, options.sides, usual),
        "stages": lambda: stages.breakdown(engine, options.sides, usual),
        "peak": lambda: stages.shares(engine, options.sides, usual),
    }
    figures: dict[str, Any] = {"header": header}
    for name in SECTIONS:
        if name in options.sections:
            figures[name] = sections[name]()
            if options.json:
                options.json.write_text(json.dumps(figures, indent=1) + "\n")
    sys.stdout.flush()


def timing(
    engine: Engine, sides: Sequence[int], cutouts: Sequence[int], rounds: int
) -> list[dict[str, Any]]:
    """Time steps of both in alternation, for all sizes and numbers of cutouts."""
    import torch

    from benchmarks.lib.architectures import paper_recipe
    from benchmarks.lib.baseline import Baseline, plain_pair
    from engine.vqgan_clip.generation import Generation

    device = torch.device(engine.device)
    models, plain = engine.models(), plain_pair(engine.device)
    print("\n### A step\n")
    print(
        "| side | cutouts | engine, s | baseline, s | engine, steps/s | baseline, steps/s | ratio |"
    )
    print("|---|---|---|---|---|---|---|")
    rows = []
    for side in sides:
        for count in cutouts:
            torch.manual_seed(side + count)
            recipe = replace(paper_recipe(side, count), steps=ENDLESS)
            ours = Generation(recipe, models, PLANS[engine.plan])
            theirs = Baseline(recipe, plain)
            compared = alternate(ours.step, theirs.step, rounds, device)
            del ours, theirs
            a, b = median(compared.ours), median(compared.theirs)
            print(
                f"| {side} | {count} | {a:.4g} | {b:.4g} | {1 / a:.3g} | {1 / b:.3g} "
                f"| {compared.ratio} |",
                flush=True,
            )
            rows.append({"side": side, "cutouts": count, "seconds": a, "baseline": b})
            rows[-1] |= asdict(compared) | {"ratio": median(compared.ratios)}
    for name, key in (("the engine", "seconds"), ("the baseline", "baseline")):
        _print_increments(rows, key, name)
    return rows


def _print_increments(rows: Sequence[dict[str, Any]], key: str, name: str) -> None:
    """Print the cost of an additional cutout and megapixel, between neighbors in the grid."""
    seconds = {(row["side"], row["cutouts"]): row[key] for row in rows}
    sides = sorted({side for side, _ in seconds})
    counts = sorted({count for _, count in seconds})
    if len(sides) * len(counts) < 3:
        return
    print(f"\n### Linear in pixels and cutouts: {name}\n")
    print("| side | " + " | ".join(f"{count} cutouts, s" for count in counts) + " |", end="")
    pairs = list(pairwise(counts))
    print("".join(f" a further cutout from {a} to {b}, ms |" for a, b in pairs))
    print("|---" * (1 + len(counts) + len(pairs)) + "|")
    for side in sides:
        cells = [f"{seconds[side, count]:.4g}" for count in counts]
        cells += [f"{1000 * (seconds[side, b] - seconds[side, a]) / (b - a):.3g}" for a, b in pairs]
        print(f"| {side} | {' | '.join(cells)} |")
    for a, b in pairwise(sides):
        megapixels = (b**2 - a**2) / 1e6
        cells = [f"{(seconds[b, c] - seconds[a, c]) / megapixels:.4g}" for c in counts]
        empty = "| " * len(pairs)
        print(f"| a further megapixel from {a} to {b}, s | {' | '.join(cells)} {empty}|")
    if len(sides) > 1 and len(counts) > 1:
        print(f"\n{_fitted(seconds)}", flush=True)


def _fitted(seconds: dict[tuple[int, int], float]) -> str:
    """Fit a plane to the grid, and say how far the grid is from it."""
    import numpy as np

    causes = np.array([(1, side**2 / 1e6, count) for side, count in seconds])
    taken = np.array(list(seconds.values()))
    solution, *_ = np.linalg.lstsq(causes, taken, rcond=None)
    away = np.abs(causes @ solution / taken - 1).max()
    base, megapixel, cutout = solution
    return (
        f"By least squares: seconds = {base:.4g} + {megapixel:.4g} per megapixel "
        f"+ {cutout:.4g} per cutout; the grid differs from this by at most {away:.1%}."
    )
