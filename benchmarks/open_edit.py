"""How often the demo Open-Edit changes what it is asked to change, and nothing else.

Drawn pictures with one object; the color of the object, or of the background, becomes another one.
The judge of the drawn world looks at the results.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np

from benchmarks.lib.editing import Change, draw_changes
from benchmarks.lib.machine import describe
from benchmarks.lib.statistics import Share
from engine.demo.judge import Judge, Match
from engine.recipes.edit import Edit
from engine.recipes.open_edit_recipe import OpenEditRecipe

MODELS = "demo-open-edit"


@dataclass(frozen=True)
class Asked:
    """An edit: what is there, and what it becomes."""

    change: Change
    old: str
    new: str


def main(arguments: Sequence[str]) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks open-edit", description=__doc__)
    parser.add_argument("--count", type=int, default=40, help="edits of each kind (default: 40)")
    parser.add_argument("--steps", type=int, nargs="+", default=(0, 10), help="fitting steps")
    options = parser.parse_args(arguments)
    print(describe("cpu", ["python", "-m", "benchmarks", "open-edit", *arguments]), flush=True)
    print("\n| edit of | fitting steps | color | shape | background | clean | all right |")
    print("|---|---|---|---|---|---|---|")
    kinds = {"the object": objects, "the background": grounds}
    for name, kind in kinds.items():
        asked = kind(options.count)
        for steps in options.steps:
            matches = [edited(each, steps) for each in asked]
            parts = [
                f"{sum(getattr(match, part) for match in matches) / len(matches):.0%}"
                for part in ("color", "shape", "background", "clean")
            ]
            right = Share(sum(match.all_right for match in matches), len(matches))
            print(f"| {name} | {steps} | {' | '.join(parts)} | {right} |", flush=True)


def objects(count: int) -> list[Asked]:
    """Return edits of the color of the object."""
    return [
        Asked(each, each.phrase.removeprefix("the "), f"{each.color} {each.shape}")
        for each in draw_changes("color", count, 1)
    ]


def grounds(count: int) -> list[Asked]:
    """Return edits of the color of the background."""
    judge, found = Judge(), list[Asked]()
    for each in draw_changes("background", count, 2):
        before = judge.verdict(np.asarray(each.source)).background
        found.append(Asked(each, f"{before} background", f"{each.background} background"))
    return found


def edited(asked: Asked, steps: int) -> Match:
    """Carry out an edit, and judge the result."""
    from engine import paint
    from engine.models.catalogue import PAINTERS
    from engine.painters import load_painter

    change, buffer = asked.change, BytesIO()
    entry = PAINTERS[MODELS]
    change.source.resize((entry.side, entry.side)).save(buffer, "PNG")
    recipe = OpenEditRecipe(
        models=MODELS,
        seed=change.seed,
        side=entry.side,
        enlarge=1,
        edit=Edit(source=buffer.getvalue(), keep_latent=0, keep_look=0, keep_structure=0),
        old=asked.old,
        new=asked.new,
        optimization_steps=steps,
    )
    picture = np.asarray(paint(recipe, load_painter(MODELS, "cpu", "float32")))
    return Judge().verdict(picture).matches(change.color, change.shape, change.background)
