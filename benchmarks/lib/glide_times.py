"""Time the steps of GLIDE beside the original's and beside bounds of their products."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from statistics import median

import torch

from benchmarks.lib.large_glide import RECIPE, Enlarging, OriginalSteps, build_glide
from benchmarks.lib.products import Bounds, measure_bounds
from benchmarks.lib.spending import Spent, Work, in_turn, least, middle
from engine.glide.painter import Glide
from engine.glide.unet import UNet

STEPS: Mapping[str, int] = {"base": RECIPE.base_steps, "upsampler": RECIPE.upsample_steps}
"""Number of steps of each network for a picture."""
OURS, ORIGINAL, HALF = "engine, float32", "original, float32", "engine, bfloat16"


def compare_glide(rounds: int, stages: Sequence[str] | None = None) -> None:
    """Print tables of a step of each network, and of a whole picture."""
    glide = build_glide()
    text = least(lambda: glide.begin(RECIPE), 1)
    print(f"\n### GLIDE: a step\n\nTo read the text, once for a picture, takes {_cell(text)}.\n")
    print("| network | what | CPU s | wall s | CPU s, share of the original's |")
    print("|---|---|---|---|---|")
    pictures: dict[str, list[Spent]] = {}
    for stage in stages or STEPS:
        spent, bounds = _measure(glide, stage, rounds)
        for name, each in spent.items():
            print(f"| {stage} | {name} | {_columns(middle(each))} | {_shares(spent, name)} |")
            pictures.setdefault(name, []).append(middle(each) * STEPS[stage])
        _print_bounds(stage, bounds)
    if len(next(iter(pictures.values()))) == len(STEPS):
        _print_pictures(pictures, text)


def _measure(glide: Glide, stage: str, rounds: int) -> tuple[dict[str, list[Spent]], Bounds]:
    half = deepcopy(glide.base if stage == "base" else glide.upsampler)
    half.freeze_for_inference(torch.bfloat16)
    changed = {stage: half}
    whole: UNet = getattr(glide, stage)
    # Both know only weights that are not packed.
    original, bounds = OriginalSteps.like(whole), measure_bounds(_steps(glide, stage))
    whole.pack_for_inference()
    half.pack_for_inference()
    works: dict[str, Work] = {
        OURS: _steps(glide, stage),
        ORIGINAL: original.step,
        HALF: _steps(replace(glide, **changed), stage),
    }
    return in_turn(works, rounds), bounds


def _steps(glide: Glide, stage: str) -> Work:
    run = glide.begin(RECIPE)
    return run.step if stage == "base" else Enlarging(run).step


def _print_bounds(stage: str, bounds: Bounds) -> None:
    trillions = f"{bounds.operations / 1e12:.3g} TFLOP"
    large = f"bound: {trillions} at the speed of one large product"
    print(f"| {stage} | {large} | {_columns(bounds.at_peak)} | |")
    alone = "bound: products of the same shapes, each alone"
    print(f"| {stage} | {alone} | {_columns(bounds.alone)} | |", flush=True)


def _print_pictures(pictures: Mapping[str, Sequence[Spent]], text: Spent) -> None:
    """Print what a whole picture takes: the median of each kind of step, times their number."""
    steps = " and ".join(f"{count} steps of the {name}" for name, count in STEPS.items())
    print(f"\n### GLIDE: a picture\n\nThe medians above times their number: {steps}.\n")
    print("| what | CPU s | wall s | CPU s, share of the original's |\n|---|---|---|---|")
    # The original reads the text in each step, which is in the seconds of a step.
    whole = {
        name: sum(each, Spent(0, 0) if name == ORIGINAL else text)
        for name, each in pictures.items()
    }
    for name, each in whole.items():
        print(f"| {name} | {_columns(each, 0)} | {each.cpu / whole[ORIGINAL].cpu:.0%} |")


def _shares(spent: Mapping[str, Sequence[Spent]], name: str) -> str:
    """Return the median of the rounds' shares, and their range."""
    pairs = zip(spent[name], spent[ORIGINAL], strict=True)
    shares = [each.cpu / original.cpu for each, original in pairs]
    return f"{median(shares):.0%} ({min(shares):.0%}-{max(shares):.0%})"


def _columns(spent: Spent, digits: int = 2) -> str:
    return f"{spent.cpu:.{digits}f} | {spent.wall:.{digits}f}"


def _cell(spent: Spent) -> str:
    return f"{spent.cpu:.2f} CPU s ({spent.wall:.2f} s)"
