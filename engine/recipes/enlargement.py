"""Enlargements: a finished picture that is painted over in tiles, several times as large.

The picture is resized first. Then tiles of the models' usual canvas are painted over one after the
other, each cut out of the large picture as it is by then. Here are the values, and where the tiles
lie. No torch in here; `engine.vqgan_clip.enlarging` paints.
"""

from dataclasses import dataclass
from math import ceil, prod
from reprlib import repr as brief

import numpy as np
from numpy.typing import NDArray

from engine.errors import RecipeError
from engine.images.tiling import Tile, wraps_of
from engine.recipes.checks import MAX_SIDE, MIN_SIDE, check_number, check_whole

FACTORS = (2, 4)
"""Factors by which a picture can be enlarged."""
MAX_OVERLAP = 0.75

Size = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True)
class Enlargement:
    """How a picture is painted larger; its `steps` and rate are those of the recipe.

    Raises:
        RecipeError: A value is not allowed.
    """

    width: int
    """Width of the picture to enlarge, in pixels."""
    height: int
    """Height of the picture to enlarge, in pixels."""
    factor: int = 2
    """How many times as wide and high the result is, 2 or 4."""
    overlap: float = 0.25
    """Least share of a tile's side that it has in common with the next tile, 0 to 0.75."""
    whole: float = 0.5
    """Share of the cutouts that show the whole picture, 0 to 1; the others show the tile."""
    keep: float = 1.0
    """Share of the source's colors and coarse shapes that stays, 0 to 1: at 1 only details that the
    source is too small for can change."""

    def __post_init__(self) -> None:
        check_factor(self.factor)
        for name in ("width", "height"):
            check_whole(name, getattr(self, name), MIN_SIDE, MAX_SIDE // self.factor)
        check_number("overlap", self.overlap, 0, MAX_OVERLAP)
        check_number("whole", self.whole, 0, 1)
        check_number("keep", self.keep, 0, 1)

    @property
    def size(self) -> Size:
        """Width and height of the large picture in pixels."""
        return self.factor * self.width, self.factor * self.height

    def tile_count(self, canvas: Size, tile: Tile) -> int:
        """Return how many tiles of `canvas` (width, height) the large picture has."""
        return prod(len(each) for each in self._starts(canvas, tile))

    def places(self, canvas: Size, tile: Tile) -> list[tuple[int, int]]:
        """Return the top and left edge of each tile in pixels, row by row."""
        rows, columns = self._starts(canvas, tile)
        return [(top, left) for top in rows for left in columns]

    def windows(
        self, canvas: Size, tile: Tile
    ) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
        """Return how much each tile counts, along rows (H,) and columns (W,) of its canvas.

        They belong to the tiles' different tops and lefts, in order. A tile's window is the product
        of both, and the windows of all tiles add up to 1 everywhere.
        """
        (height, width), wraps = self.size[::-1], wraps_of(tile)
        tops, lefts = self._starts(canvas, tile)
        rows = _windows(tops, height, canvas[1], wraps=wraps.rows)
        return rows, _windows(lefts, width, canvas[0], wraps=wraps.columns)

    def _starts(self, canvas: Size, tile: Tile) -> tuple[list[int], list[int]]:
        (height, width), wraps = self.size[::-1], wraps_of(tile)
        rows = _starts(height, canvas[1], self.overlap, wraps=wraps.rows)
        return rows, _starts(width, canvas[0], self.overlap, wraps=wraps.columns)


def check_factor(factor: object) -> None:
    """Raise `RecipeError` unless a picture can be enlarged by `factor`."""
    if type(factor) is not int or factor not in FACTORS:
        raise RecipeError(
            "a picture can be enlarged by {factors}, not by {factor}",
            factors=" or ".join(map(str, FACTORS)),
            factor=brief(factor),
        )


def _starts(length: int, side: int, overlap: float, *, wraps: bool) -> list[int]:
    """Return where tiles of `side` pixels begin on an axis of `length` pixels."""
    stride = side * (1 - overlap)
    if wraps:
        count = max(2, ceil(length / stride))
        return [round(index * length / count) for index in range(count)]
    count = 1 + ceil(max(0, length - side) / stride)
    return [round(index * (length - side) / max(1, count - 1)) for index in range(count)]


def _windows(
    starts: list[int], length: int, side: int, *, wraps: bool
) -> list[NDArray[np.float32]]:
    """Return the window (side,) of each tile on an axis: smooth, 0 at edges inside the picture."""
    ramp = np.minimum(np.arange(side) + 0.5, side - np.arange(side) - 0.5) / side
    bump = np.sin(np.pi * np.minimum(ramp, 0.5)) ** 2
    bumps = [bump.copy() for _ in starts]
    if not wraps:  # at the picture's own edges a tile counts fully
        bumps[0][: side // 2] = bumps[-1][(side - 1) // 2 :] = bump.max()
    total = np.zeros(length)
    indices = [(start + np.arange(side)) % length for start in starts]
    for index, each in zip(indices, bumps, strict=True):
        np.add.at(total, index, each)
    pairs = zip(indices, bumps, strict=True)
    return [(each / total[index]).astype(np.float32) for index, each in pairs]
