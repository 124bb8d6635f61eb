"""How much a restyled clip flickers, and whether it shows what was asked, beside plain edits.

Flicker is the mean difference, in levels of 255, between a frame and the one before, moved as the
clip moves, where that motion is certain. That of the clip itself is what noise and the flow's
errors make of it. The clips are drawn in the world of the demo models; each gets another color for
its object, and a judge without a neural network reads every frame.
"""

import argparse
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image
from torch import Tensor

import engine
from benchmarks.lib.clips import RATE, DrawnClip, drawn_clip
from benchmarks.lib.held_out import held_out_wording
from benchmarks.lib.machine import describe
from engine.demo.judge import Judge
from engine.demo.world import COLORS
from engine.editing.edit_recipe import edit_recipe
from engine.editing.restyle import USUAL_FILM, restyle_recipe
from engine.films import painted_frames, shown_frames
from engine.images.contact_sheet import contact_sheet
from engine.images.stored_clip import clip_frames, write_clip
from engine.models.loading import Models
from engine.models.tensors import to_picture, to_tensor
from engine.vqgan_clip.optical_flow import find_flow

_QUALITY = 10
"""Constant rate factor of a stored clip, that of `engine.images.clip`."""
_ON_SHEET = 9
"""Number of frames in each row of the sheet."""


@dataclass(frozen=True)
class Asked:
    """A clip, its frames as they are stored, and what to make of it."""

    clip: DrawnClip
    video: bytes
    frames: list[Image.Image]
    color: str
    prompt: str
    seed: int


@dataclass(frozen=True)
class Measured:
    """One film."""

    flicker: float
    own: float
    """The flicker of the clip itself, in the same frames."""
    color: float
    """Share of the frames whose object has the color that was asked for."""
    background: float
    """Share of the frames with the clip's background."""
    overlap: float
    """Mean overlap of the object with that of the clip."""
    seconds: float
    """Processor seconds of painting."""


def main(arguments: Sequence[str]) -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks restyle", description=__doc__)
    parser.add_argument("--clips", type=int, default=8, help="clips to paint (default: 8)")
    parser.add_argument("--frames", type=int, default=25, help="frames of each (default: 25)")
    parser.add_argument("--noise", type=float, default=0.01, help="of each frame (default: 0.01)")
    parser.add_argument("--keep", type=float, nargs="*", default=[0.9, 0.0])
    parser.add_argument("--first", type=int, default=0, help="seed of the first clip (default: 0)")
    parser.add_argument("--long", type=int, default=0, help="frames of a clip to measure memory")
    parser.add_argument("--sheet", type=Path, help="picture to write, a .webp or .png file")
    options = parser.parse_args(arguments)
    print(describe("cpu", ["python", "-m", "benchmarks", "restyle", *arguments]), flush=True)
    models, judge = engine.load_models("demo", "cpu", "float32"), Judge()
    if options.long:
        _print_memory(options.long, models)
    if options.clips:
        _print_flicker(options, models, judge)


def _print_flicker(options: argparse.Namespace, models: Models, judge: Judge) -> None:
    seeds = range(options.first, options.first + options.clips)
    asked = [_asked(seed, options.frames, options.noise) for seed in seeds]
    print(
        "\n| keep | n | how | flicker | of the clip | ratio, mean | largest | color right "
        "| background right | overlap | CPU s |\n|---|---|---|---|---|---|---|---|---|---|---|"
    )
    sheet: list[Image.Image] = []
    stride = 1 + USUAL_FILM.between
    steps = edit_recipe("a", asked[0].frames[0], seed=0).steps
    for keep in options.keep:
        films = [_restyled(each, keep, models) for each in asked]
        alone = [_alone(each, keep, steps, models) for each in asked]
        few = [_alone(each, keep, USUAL_FILM.steps, models) for each in asked]
        rows: dict[str, list[Measured]] = {
            "restyled, all frames": [
                _measure(a, shown, a.frames, cpu, judge)
                for a, (shown, cpu) in zip(asked, films, strict=True)
            ],
            "restyled, painted frames": [
                _measure(a, shown[::stride], a.frames[::stride], cpu, judge)
                for a, (shown, cpu) in zip(asked, films, strict=True)
            ],
        }
        for name, edits in ((f"each alone, {steps} steps", alone), ("each alone, 4 steps", few)):
            rows[name] = [
                _measure(a, shown, a.frames[::stride], cpu, judge)
                for a, (shown, cpu) in zip(asked, edits, strict=True)
            ]
        for name, row in rows.items():
            print(_line(keep, name, row), flush=True)
        for each, (shown, _), (edits, _) in zip(asked[:2], films, alone, strict=False):
            for row in (each.frames[::stride], shown[::stride], edits):
                sheet += row[:_ON_SHEET]
    if options.sheet:
        _write_sheet(sheet, len(asked[0].frames[::stride]), options.sheet)


def _print_memory(frames: int, models: Models) -> None:
    """Print the peak memory of the process after parts of a long clip, all frames painted."""
    asked = _asked(0, frames, 0.01)
    film = replace(USUAL_FILM, frames_per_second=RATE, between=0, steps=1)
    recipe = restyle_recipe(
        asked.prompt, asked.video, size=(64, 64), shown=frames, seed=1, film=film, steps=5
    )
    print("\n| frames | peak memory, MB |\n|---|---|")
    run = engine.Generation(recipe, models)
    for number, _ in enumerate(painted_frames(run, lambda: True), 1):
        if number in (50, frames):
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"| {number} | {peak:.0f} |", flush=True)


def _asked(seed: int, count: int, noise: float) -> Asked:
    clip = drawn_clip(seed, count, noise=noise)
    video, _ = write_clip(map(to_picture, clip.frames), RATE, _QUALITY, None)
    color = Random(seed).choice(
        [each for each in COLORS if each not in (clip.color, clip.background)]
    )
    prompt = held_out_wording(clip.shape, color, clip.background, seed)
    return Asked(clip, video, list(clip_frames(video)), color, prompt, seed)


def _restyled(asked: Asked, keep: float, models: Models) -> tuple[list[Image.Image], float]:
    """Return all shown frames of a restyled clip, and the processor seconds."""
    recipe = replace(
        restyle_recipe(
            asked.prompt,
            asked.video,
            size=asked.frames[0].size,
            shown=len(asked.frames),
            seed=asked.seed,
            keep=keep,
        ),
        enlarge=1,
    )
    began = time.process_time()
    run = engine.Generation(recipe, models)
    shown = list(shown_frames(list(painted_frames(run, lambda: True)), recipe))
    return shown, time.process_time() - began


def _alone(
    asked: Asked, keep: float, steps: int, models: Models
) -> tuple[list[Image.Image], float]:
    """Return the frames that are painted in a film, each edited by itself with its own seed."""
    began, edits = time.process_time(), list[Image.Image]()
    for number, frame in enumerate(asked.frames[:: 1 + USUAL_FILM.between]):
        seed = 1000 * asked.seed + number
        run = engine.Generation(
            edit_recipe(asked.prompt, frame, seed=seed, keep=keep, steps=steps), models
        )
        while not run.done:
            run.step()
        edits.append(to_picture(run.image()))
    return edits, time.process_time() - began


def _measure(
    asked: Asked,
    frames: list[Image.Image],
    source: list[Image.Image],
    seconds: float,
    judge: Judge,
) -> Measured:
    painted, own = (list(map(np.asarray, each)) for each in (frames, source))
    verdicts = [judge.verdict(each) for each in painted]
    masks = [tuple(map(judge.object_mask, each)) for each in zip(painted, own, strict=True)]
    overlaps = [float((a & b).sum() / max(1, (a | b).sum())) for a, b in masks]
    flicker = partial(_flicker, [to_tensor(each) for each in source])
    return Measured(
        flicker(frames),
        flicker(source),
        statistics.fmean(each.color == asked.color for each in verdicts),
        statistics.fmean(each.background == asked.clip.background for each in verdicts),
        statistics.fmean(overlaps),
        seconds,
    )


def _flicker(source: list[Tensor], frames: list[Image.Image]) -> float:
    """Return the flicker of frames of a clip whose own are `source`."""
    pictures = [to_tensor(each) for each in frames]
    found: list[float] = []
    for (before, after), (last, here) in zip(pairwise(pictures), pairwise(source), strict=True):
        flow = find_flow(here, last)
        certain = (flow.certain > 0.5).float()
        difference = (after - flow.warp(before)).abs().mean(1, keepdim=True) * certain
        found.append(255 * float(difference.sum() / certain.sum().clamp(min=1)))
    return statistics.fmean(found)


def _line(keep: float, name: str, row: list[Measured]) -> str:
    def mean(value: Callable[[Measured], float]) -> float:
        return statistics.fmean(map(value, row))

    ratios = [each.flicker / each.own for each in row]
    return (
        f"| {keep:g} | {len(row)} | {name} | {mean(lambda each: each.flicker):.2f} "
        f"| {mean(lambda each: each.own):.2f} | {statistics.fmean(ratios):.2f} | {max(ratios):.2f} "
        f"| {100 * mean(lambda each: each.color):.0f} % "
        f"| {100 * mean(lambda each: each.background):.0f} % "
        f"| {mean(lambda each: each.overlap):.3f} | {mean(lambda each: each.seconds):.1f} |"
    )


def _write_sheet(frames: list[Image.Image], painted: int, path: Path) -> None:
    large = [each.resize((128, 128), Image.Resampling.BICUBIC) for each in frames]
    contact_sheet(large, columns=min(_ON_SHEET, painted)).save(path)
