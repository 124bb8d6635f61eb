"""Measure if each chapter of a story is painted: the picture at its end is judged.

    python -m benchmarks stories [--count N] [--chapters K] [--steps N] [--fade F] [--sheet FILE]

The chapters of each story are held-out prompts of the demo pair. `--sheet` writes the first ones,
a row each, at the steps of a growing picture.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

import engine
from benchmarks.lib.held_out import Asked, held_out_prompts
from benchmarks.lib.statistics import Share
from benchmarks.quality import matches_of
from engine.demo.judge import Judge
from engine.recipes.story import FADE

COLUMNS = 8
"""Number of pictures of each story on the sheet."""
ROWS = 4
"""Maximum number of stories on the sheet."""
_TOGETHER = 8
"""Number of runs that share steps."""


def main(arguments: Sequence[str]) -> None:
    """Paint and judge stories, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks stories", description=__doc__)
    parser.add_argument("--count", type=int, default=24, help="stories (default 24)")
    parser.add_argument("--chapters", type=int, default=2, help="chapters of each (default 2)")
    parser.add_argument("--steps", type=int, help="steps of each chapter")
    parser.add_argument("--fade", type=float, default=FADE, help=f"default {FADE:g}")
    parser.add_argument("--sheet", type=Path, help="picture to write, a .webp or .png file")
    options = parser.parse_args(arguments)
    import torch

    torch.set_num_threads(1)
    models = engine.load_models("demo", "cpu", "float32")
    asked = held_out_prompts(options.count * options.chapters)
    stories = [asked[n :: options.count] for n in range(options.count)]
    settings = {} if options.steps is None else {"steps": options.steps * options.chapters}
    recipes = [
        engine.make_recipe(
            " ^ ".join(each.prompt for each in story),
            seed=story[0].seed,
            fade=options.fade if options.chapters > 1 else None,
            **settings,
        )
        for story in stories
    ]
    growing = [
        pictures
        for start in range(0, options.count, _TOGETHER)
        for pictures in _paint(recipes[start : start + _TOGETHER], models, options.chapters)
    ]
    _print_table(growing, stories, options.chapters)
    if options.sheet:
        _write_sheet(growing[:ROWS], options.sheet)


def _paint(
    recipes: Sequence["engine.Recipe"], models: "engine.Models", chapters: int
) -> list[list[np.ndarray]]:
    """Return pictures of each recipe at equal distances; the last of each chapter is at its end."""
    from engine.models.tensors import to_picture
    from engine.vqgan_clip.loop import step

    runs = [engine.Generation(recipe, models) for recipe in recipes]
    steps, shown = recipes[0].steps, _shown(chapters)
    growing: list[list[np.ndarray]] = [[] for _ in runs]
    for number in range(1, shown + 1):
        while runs[0].steps_done < steps * number // shown:
            if any(step(runs)):
                raise RuntimeError("a run diverged")
        for pictures, run in zip(growing, runs, strict=True):
            pictures.append(np.asarray(to_picture(run.image())))
    return growing


def _shown(chapters: int) -> int:
    return max(1, COLUMNS // chapters) * chapters


def _print_table(
    growing: Sequence[list[np.ndarray]], stories: Sequence[list[Asked]], chapters: int
) -> None:
    judge = Judge()
    print("| chapter | right at its end | color | shape | background |\n|---|---|---|---|---|")
    for chapter in range(chapters):
        last = (chapter + 1) * _shown(chapters) // chapters - 1
        ends = [pictures[last] for pictures in growing]
        matches = matches_of(judge, ends, [story[chapter] for story in stories])
        counts = [
            sum(getattr(match, name) for match in matches)
            for name in ("color", "shape", "background")
        ]
        right = Share(sum(match.all_right for match in matches), len(matches))
        print(f"| {chapter + 1} | {right} | {' | '.join(map(str, counts))} |")


def _write_sheet(growing: Sequence[list[np.ndarray]], path: Path) -> None:
    from engine.images.contact_sheet import contact_sheet

    pictures = [Image.fromarray(each) for row in growing for each in row]
    large = [each.resize((128, 128), Image.Resampling.LANCZOS) for each in pictures]
    contact_sheet(large, columns=len(growing[0])).save(path)
