"""Tiles: pictures that continue across their own edges, so that copies of one join without a seam.

No torch in here; `engine.models.wrapping` does the same with tensors.
"""

from math import ceil
from typing import Literal, NamedTuple, get_args

import numpy as np
from PIL import Image

Tile = Literal["none", "x", "y", "both"]
"""Along which axes a picture continues across its edges: none, from left to right, from top to
bottom, or both."""
TILES: tuple[Tile, ...] = get_args(Tile)

_REACH = 4
"""Pixels that resampling reads beyond an edge, in pixels of the smaller of both pictures."""


class Wraps(NamedTuple):
    """Which edges of a picture continue on the opposite side."""

    rows: bool
    """Whether the last row continues in the first one."""
    columns: bool
    """Whether the last column continues in the first one."""


def wraps_of(tile: Tile) -> Wraps:
    """Return which edges a `Tile` names."""
    return Wraps(tile in ("y", "both"), tile in ("x", "both"))


def tile_of(*, rows: bool, columns: bool) -> Tile:
    """Return the `Tile` that names the edges which continue."""
    if rows and columns:
        return "both"
    return "y" if rows else "x" if columns else "none"


def resize(
    picture: Image.Image, size: tuple[int, int], method: Image.Resampling, tile: Tile = "none"
) -> Image.Image:
    """Resize a picture to `size` (width, height); a tile stays one."""
    if tile == "none":
        return picture.resize(size, method)
    wraps = wraps_of(tile)
    across = _margin(picture.width, size[0]) if wraps.columns else 0
    down = _margin(picture.height, size[1]) if wraps.rows else 0
    margins = [(down, down), (across, across)]
    pixels = np.asarray(picture)
    margins += [(0, 0)] * (pixels.ndim - 2)
    wider = Image.fromarray(np.pad(pixels, margins, mode="wrap"))
    box = (across, down, across + picture.width, down + picture.height)
    return wider.resize(size, method, box=box)


def repeated(picture: Image.Image, tile: Tile) -> Image.Image:
    """Return two copies of a tile side by side along each axis on which it continues."""
    wraps = wraps_of(tile)
    copies = (1 + wraps.rows, 1 + wraps.columns)
    pixels = np.asarray(picture)
    return Image.fromarray(np.tile(pixels, (*copies, *[1] * (pixels.ndim - 2))))


def _margin(before: int, after: int) -> int:
    """Return how many pixels resampling reads beyond an edge."""
    return ceil(_REACH * max(1.0, before / after))
