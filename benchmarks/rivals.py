"""Measure if the demo painters paint what prompts ask for, with the judge of `quality`.

    python -m benchmarks rivals [--count N] [--painters NAME,NAME] [--sheets FOLDER]

The prompts and seeds are those of `quality`: held-out wordings, each painted once by each painter
with its default settings.
"""

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np

import engine
from benchmarks.lib.held_out import Asked, held_out_prompts
from benchmarks.lib.machine import describe
from benchmarks.quality import matches_of, write_sheet
from engine.demo.judge import Judge, Match
from engine.models.catalogue import CATALOGUE
from engine.models.painter import Painter
from engine.painters import find_painter, load_painter, plain_recipe
from engine.recipes.kinds import AnyRecipe
from engine.settings import DEMO, DEMO_PAINTERS

PROCESSES = 2


def main(arguments: Sequence[str]) -> None:
    """Paint and judge pictures of each painter, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks rivals", description=__doc__)
    parser.add_argument("--count", type=int, default=120, help="prompts (default 120)")
    parser.add_argument("--painters", default=",".join((DEMO, *_painting())))
    parser.add_argument("--sheets", type=Path, help="a folder for contact sheets")
    options = parser.parse_args(arguments)
    asked, judge = held_out_prompts(options.count), Judge()
    print(describe("cpu", ["rivals", *arguments]))
    print("| painter | color | background | shape | clean | all right | CPU seconds a picture |")
    print("|---|---|---|---|---|---|---|")
    for name in options.painters.split(","):
        pictures, seconds = paint(name, asked)
        row = _row(matches_of(judge, pictures, asked))
        print(f"| {name} | {row} | {seconds:.2f} |", flush=True)
        if options.sheets:
            options.sheets.mkdir(parents=True, exist_ok=True)
            captions = [each.prompt for each in asked[:40]]
            write_sheet(pictures[:40], captions, options.sheets / f"{name}.png")


def _painting() -> list[str]:
    """Return the names of the demo painters that paint from words."""
    return [name for name in DEMO_PAINTERS if not find_painter(name).edits]


def paint(name: str, asked: Sequence[Asked]) -> tuple[list[np.ndarray], float]:
    """Return the pictures (H, W, 3) of the prompts, and the mean CPU seconds of one."""
    with ProcessPoolExecutor(PROCESSES, get_context("spawn")) as pool:
        painted = list(pool.map(_paint, [recipe_of(name, each) for each in asked]))
    return [picture for picture, _ in painted], sum(s for _, s in painted) / len(painted)


def recipe_of(name: str, asked: Asked) -> AnyRecipe:
    """Return the recipe of a prompt for some models, with their defaults."""
    if name in CATALOGUE:
        return engine.make_recipe(asked.prompt, seed=asked.seed, models=name)
    return plain_recipe(name, asked.prompt, seed=asked.seed)


def _paint(recipe: AnyRecipe) -> tuple[np.ndarray, float]:
    painter = _painter(recipe.models)
    began = time.process_time()
    picture = np.asarray(engine.paint(recipe, painter))
    return picture, time.process_time() - began


@cache
def _painter(name: str) -> Painter:
    import torch

    torch.set_num_threads(1)  # another process uses the other core
    return load_painter(name, "cpu")


def _row(matches: Sequence[Match]) -> str:
    shares = (
        sum(getattr(match, name) for match in matches) / len(matches)
        for name in ("color", "background", "shape", "clean", "all_right")
    )
    return " | ".join(f"{100 * share:.0f} %" for share in shares)
