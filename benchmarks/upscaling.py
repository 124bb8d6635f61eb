"""Enlarge pictures in several ways: seams, objects, nearness to the truth, and seconds.

    python -m benchmarks upscaling [--count N] [--strong N] [--four N] [--drawn N] [--sheet FILE]

Seams: the mean step between two neighbouring lines of pixels where a tile begins or ends, and in
the middle of each overlap, in units of that between the lines 2 to 5 pixels beside them. Objects:
how many pictures have as many, for the judge without a neural network, as before. Drawn scenes are
also drawn twice as large: the figures are the mean differences in levels of 255, of all pixels and
of those at outlines.
"""

import argparse
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

import engine
from benchmarks.lib.held_out import held_out_prompts
from benchmarks.lib.machine import describe
from benchmarks.lib.painters import paint_all
from benchmarks.lib.statistics import Share
from engine.demo import world
from engine.demo.judge import Judge
from engine.editing.enlarging import enlarge_recipe
from engine.images.contact_sheet import contact_sheet
from engine.images.image_io import enlarge
from engine.models.tensors import to_picture
from engine.recipes.enlargement import Enlargement
from engine.recipes.recipe import Recipe

BESIDE = (2, 3, 4, 5)
"""Distances in pixels of the lines with which a border of a tile is compared."""
EDGE, REACH = 30, 2
"""Least step in levels that makes an outline, and how far its surroundings reach in pixels."""

Picture = NDArray[np.uint8]
"""A picture (H, W, 3)."""
Method = Callable[[str, Image.Image], Image.Image]
"""Enlarges a picture, which a prompt describes."""


@dataclass
class _Found:
    """What was measured of one method."""

    steps: list[tuple[float, float]]
    """Mean steps across borders and beside them, of each picture."""
    unchanged: int
    seconds: float
    results: list[Image.Image]


def main(arguments: Sequence[str]) -> None:
    """Enlarge pictures, and print tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks upscaling", description=__doc__)
    parser.add_argument("--count", type=int, default=40, help="painted pictures (default 40)")
    parser.add_argument("--strong", type=int, default=8, help="... with many strong steps")
    parser.add_argument("--four", type=int, default=4, help="... four times as large")
    parser.add_argument("--drawn", type=int, default=20, help="drawn scenes (default 20)")
    parser.add_argument("--sheet", type=Path, help="a sheet of the first eight")
    options = parser.parse_args(arguments)
    print(describe("cpu", ["python", "-m", "benchmarks", "upscaling", *arguments]), flush=True)
    torch.set_num_threads(1)
    models = engine.load_models("demo", "cpu", "float32")
    asked = held_out_prompts(options.count)
    recipes = [engine.make_recipe(each.prompt, seed=each.seed, preset="fast") for each in asked]
    pictures = [Image.fromarray(each) for each in paint_all([_small(each) for each in recipes])]
    words = [each.prompt for each in asked]

    def tiles(factor: int = 2, *, naive: bool = False, strong: bool = False) -> Method:
        def method(prompt: str, picture: Image.Image) -> Image.Image:
            recipe = enlarge_recipe(prompt, picture, factor=factor, seed=1, enlarge=1)
            if naive:
                recipe = _naive(recipe)
            if strong:
                recipe = replace(recipe, steps=20, learning_rate=10 * recipe.learning_rate)
            return engine.paint(recipe, models)

        return method

    print("\n| enlarged | pictures | seam | as many objects | CPU s each |")
    print("|---|---|---|---|---|", flush=True)
    resized = _measure("twice, resized", lambda _, each: enlarge(each, 2), pictures, words)
    large = _measure("twice, by tiles", tiles(), pictures, words)
    few = options.strong
    _measure("... of the tile only", tiles(naive=True), pictures[:few], words[:few])
    strong = [
        _measure(f"... {name}", tiles(naive=naive, strong=True), pictures[:few], words[:few])
        for name, naive in (("20 strong steps", False), ("20 strong steps, of the tile only", True))
    ]
    four = options.four
    _measure("4 times, by tiles", tiles(4), pictures[:four], words[:four], 4)
    _print_drawn(
        options.drawn,
        {
            "resized": lambda _, each: enlarge(each, 2),
            "by tiles": tiles(),
            "by tiles, without words": lambda _, each: engine.paint(
                enlarge_recipe(None, each, seed=1, enlarge=1), models
            ),
            "on one canvas, 10 steps": lambda prompt, each: engine.paint(
                _on_one_canvas(prompt, each), models
            ),
        },
    )
    if options.sheet:
        rows = [resized, large, *strong]
        sheet = [each for found in rows for each in found.results[:8]]
        contact_sheet(sheet, columns=8).save(options.sheet)


def _small(recipe: Recipe) -> Recipe:
    return replace(recipe, enlarge=1)


def _naive(recipe: Recipe) -> Recipe:
    """Return the recipe with cutouts of the tile only, and nothing kept of the source."""
    enlargement = recipe.enlargement
    assert enlargement is not None
    return replace(recipe, enlargement=replace(enlargement, whole=0.0, keep=0.0))


def _on_one_canvas(prompt: str, picture: Image.Image) -> Recipe:
    """Return a recipe that paints on a canvas twice as large, as this program did before."""
    size = (2 * picture.width, 2 * picture.height)
    start = engine.init_image(picture, size)
    recipe = engine.make_recipe(prompt, seed=1, size=size, init_image=start, enlarge=1)
    rate = recipe.learning_rate / 10
    return replace(recipe, steps=10, learning_rate=rate, regularizer=0.0, smoothness=0.0)


def _measure(
    name: str,
    method: Method,
    pictures: Sequence[Image.Image],
    words: Sequence[str],
    factor: int = 2,
) -> _Found:
    """Enlarge pictures by one method, and print a row."""
    judge, found = Judge(), _Found([], 0, 0.0, [])
    lines = _lines(pictures[0].width, factor) if pictures else []
    for prompt, picture in zip(words, pictures, strict=True):
        began = time.process_time()
        result = method(prompt, picture)
        found.seconds += time.process_time() - began
        found.results.append(result)
        pixels = np.asarray(result)
        before = judge.object_count(np.asarray(picture))
        found.unchanged += judge.object_count(pixels) == before
        found.steps += [_steps(pixels, axis, lines) for axis in (0, 1)]
    if pictures:
        across, beside = np.mean(found.steps, axis=0)
        share = Share(found.unchanged, len(pictures))
        seconds = found.seconds / len(pictures)
        row = f"| {name} | {len(pictures)} | {across / beside:.2f} | {share} | {seconds:.1f} |"
        print(row, flush=True)
    return found


def _lines(side: int, factor: int) -> list[int]:
    """Return the lines where tiles begin or end, and those in the middle of overlaps."""
    canvas, enlargement = (side, side), Enlargement(side, side, factor)
    starts = sorted({top for top, _ in enlargement.places(canvas, "none")})
    ends = [each + side for each in starts[:-1]]
    middles = [(a + b) // 2 for a, b in zip(starts[1:], ends, strict=True)]
    return sorted({*starts[1:], *ends, *middles})


def _steps(pixels: Picture, axis: int, lines: Sequence[int]) -> tuple[float, float]:
    """Return the mean steps at some lines along an axis, and at the lines beside them."""
    steps = np.abs(np.diff(pixels.astype(np.float64), axis=axis)).mean((1 - axis, 2))
    beside = {line + sign * each for line in lines for each in BESIDE for sign in (-1, 1)}
    beside = sorted(beside - set(lines))
    return float(steps[[line - 1 for line in lines]].mean()), float(
        steps[[line - 1 for line in beside]].mean()
    )


def _print_drawn(count: int, methods: dict[str, Method]) -> None:
    """Print how near enlarged scenes are to the same scenes, drawn larger."""
    if count == 0:
        return
    scenes = world.sample_single_scenes(count, torch.Generator().manual_seed(77))
    print(
        "\n| drawn scenes, twice as large | all pixels | at outlines |\n|---|---|---|", flush=True
    )
    for name, method in methods.items():
        differences: list[tuple[float, float]] = []
        for index in range(len(scenes)):
            small, truth = (_drawn(scenes[index : index + 1], side) for side in (64, 128))
            differences.append(_difference(method(_words(scenes, index), small), truth))
        everywhere, outlines = np.mean(differences, axis=0)
        print(f"| {name} | {everywhere:.2f} | {outlines:.1f} |", flush=True)


def _words(scenes: world.Scenes, index: int) -> str:
    color, shape = (int(each[index, 0]) for each in (scenes.color, scenes.shape))
    ground = world.COLORS[int(scenes.background[index])]
    return f"a {world.COLORS[color]} {world.SHAPES[shape]} on a {ground} background"


def _drawn(scene: world.Scenes, side: int) -> Image.Image:
    """Draw a scene of one object, with soft edges one pixel wide, on `side` pixels."""
    steps = (torch.arange(side) + 0.5) / side
    x, y = steps[None, :], steps[:, None]
    angle, radius = float(scene.angle[0, 0]), float(scene.radius[0, 0])
    dx, dy = (axis - float(scene.center[0, 0, index]) for index, axis in enumerate((x, y)))
    cosine, sine = math.cos(angle) / radius, math.sin(angle) / radius
    turned = (cosine * dx + sine * dy, cosine * dy - sine * dx)
    distance = world.signed_distance(int(scene.shape[0, 0]), *turned) * radius * side
    rgb, slope = world.palette(), scene.gradient[0]
    ground = (rgb[scene.background[0]] + scene.tint[0, 2])[:, None, None]
    ground = (ground + slope[0] * (x - 0.5) + slope[1] * (y - 0.5)).clamp(0, 1)
    paint = (rgb[scene.color[0, 0]] + scene.tint[0, 0]).clamp(0, 1)[:, None, None]
    return to_picture(torch.lerp(ground, paint, world.coverage(distance)))


def _difference(result: Image.Image, truth: Image.Image) -> tuple[float, float]:
    """Return the mean difference in levels of all pixels, and of those at outlines."""
    a, b = (np.asarray(each, dtype=np.float64) for each in (result, truth))
    down, across = (np.abs(b - np.roll(b, 1, axis)).sum(2) for axis in (0, 1))
    steep = np.maximum(down, across) > EDGE
    outlines = np.asarray(ndimage.binary_dilation(steep, iterations=REACH), dtype=bool)
    difference = np.abs(a - b)
    return float(difference.mean()), float(difference[outlines].mean())
