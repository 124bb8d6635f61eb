"""Numbers of a whole picture from which the judge knows its sky, its ground and its medium."""

import numpy as np
from numpy.typing import NDArray

from engine.demo.scenes.canvas import Pixels
from engine.demo.scenes.features import color_grid, edge_map

Floats = NDArray[np.float32]


def layout(pixels: Pixels) -> tuple[Floats, Floats]:
    """Return numbers for the sky and for the ground: colors and edges by height and place."""
    fine = color_grid(pixels)
    coarse = _halved(fine)
    edges = _halved(edge_map(pixels, 0.5))
    by_row = fine[..., :3].mean(axis=1).ravel()

    def part(rows: slice) -> Floats:
        lines = edges[rows]
        parts = (coarse[rows].ravel(), by_row, lines.mean(1).ravel(), lines.std(1).ravel())
        return np.concatenate(parts)

    return part(slice(0, 6)), part(slice(2, 8))


def by_rows(pixels: Pixels) -> Floats:
    """Return mean color and its spread along rows (96,), by which chaos differs from a scene."""
    colors = color_grid(pixels)[..., :3]
    return np.concatenate([colors.mean(axis=1).ravel(), colors.std(axis=1).ravel()])


def _halved(grid: Floats) -> Floats:
    rows, columns, depth = grid.shape
    return grid.reshape(rows // 2, 2, columns // 2, 2, depth).mean(axis=(1, 3))
