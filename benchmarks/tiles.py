"""Measure the seam of tiles: how far pixels differ across it, compared with other neighbours.

    python -m benchmarks tiles [--count N] [--steps N] [--models NAME] [--sheet FILE]

Each held-out prompt is painted as usual and as a tile. The figure is the mean step between the
last row and the first one, divided by the mean step between neighbouring rows, and the same for
columns: above 1, the seam is steeper than the rest. What the pictures show is judged after the tile
is shifted so that its object is whole.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

import engine
from benchmarks.lib.held_out import Asked, held_out_prompts
from benchmarks.lib.painters import paint_all
from benchmarks.lib.statistics import Share
from engine.demo.judge import Judge
from engine.images.contact_sheet import contact_sheet
from engine.images.tiling import Tile, repeated

KINDS: tuple[Tile, ...] = ("none", "both")
SHIFTS = 8
"""Number of places along each axis to which a tile is shifted before it is judged."""


def main(arguments: Sequence[str]) -> None:
    """Paint pictures with and without edges, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks tiles", description=__doc__)
    parser.add_argument("--count", type=int, default=40, help="number of prompts (default 40)")
    parser.add_argument("--steps", type=int, help="default: those of the preset")
    parser.add_argument("--models", default="demo", help="default: demo")
    parser.add_argument("--sheet", type=Path, help="a sheet of the tiles, 2 x 2 copies each")
    options = parser.parse_args(arguments)

    asked, judge = held_out_prompts(options.count), Judge()
    changes = {} if options.steps is None else {"steps": options.steps}
    print("| | rows | columns | worst of a picture | object, color and background right |")
    print("|---|---|---|---|---|")
    for tile in KINDS:
        recipes = [
            engine.make_recipe(
                each.prompt, seed=each.seed, models=options.models, tile=tile, **changes
            )
            for each in asked
        ]
        pictures = paint_all([replace(each, enlarge=1) for each in recipes])
        steps = [[line_steps(each, axis) for each in pictures] for axis in (0, 1)]
        worst = max(seam([each]) for axis in steps for each in axis)
        seams = " | ".join(f"{each:.2f}" for each in (*map(seam, steps), worst))
        right = Share(sum(map(_is_right, [judge] * len(asked), pictures, asked)), len(asked))
        print(f"| tile: {tile} | {seams} | {right} |")
        if options.sheet and tile != "none":
            _write_sheet(pictures, asked, tile, options.sheet)


def line_steps(picture: np.ndarray, axis: int) -> np.ndarray:
    """Return the mean step of each line of a picture (H, W, 3) from the one before it.

    Lines are rows for the axis 0 and columns for 1; that before the first is the last.
    """
    values = picture.astype(np.float64)
    return np.abs(values - np.roll(values, 1, axis)).mean((1 - axis, 2))


def seam(steps: Sequence[np.ndarray]) -> float:
    """Return the mean step across the seams of pictures, in units of that between neighbours."""
    across, elsewhere = (
        [each[part].mean() for each in steps] for part in (slice(1), slice(1, None))
    )
    return float(np.mean(across) / np.mean(elsewhere))


def _is_right(judge: Judge, picture: np.ndarray, asked: Asked) -> bool:
    """Return True if a picture, shifted as a tile can be, shows what its prompt says."""
    size = picture.shape[0] // SHIFTS
    shifts = [(size * row, size * column) for row in range(SHIFTS) for column in range(SHIFTS)]
    return any(
        judge.verdict(np.roll(picture, shift, (0, 1)))
        .matches(asked.color, asked.shape, asked.background)
        .all_right
        for shift in shifts
    )


def _write_sheet(
    pictures: Sequence[np.ndarray], asked: Sequence[Asked], tile: Tile, path: Path
) -> None:
    copies = [repeated(Image.fromarray(each), tile) for each in pictures]
    contact_sheet(copies, columns=8, captions=[each.prompt for each in asked]).save(path)
