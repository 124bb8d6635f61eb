"""Where in a picture the outlines of things are: templates of edges over places and sizes."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from engine.demo.scenes.canvas import SIDE, Pixels
from engine.demo.scenes.drawing import Frame
from engine.demo.scenes.features import BINS, CELL, edge_map
from engine.demo.scenes.table import KINDS

Floats = NDArray[np.float32]

WINDOW = 11
"""Side of a template in cells."""
STEP = 1.18
"""Ratio of neighboring sizes."""
SCALES = tuple(STEP**-number for number in range(7))
"""How much the picture is enlarged for each size."""
THING = 36
"""Larger side of a thing in pixels of a scaled picture; the window shows a margin around it."""
_BORDER = 3
"""Cells beyond the picture's edges, where windows may reach."""
LENGTH = WINDOW * WINDOW * BINS
"""Number of values of a template."""


TURNED = ("bird", "boat", "fish", "person", "rocket", "flower")
"""Kinds with a second template, because they look to the left or the right, or vary a lot."""
_NAMES = tuple(KINDS)
TEMPLATES = len(KINDS) + len(TURNED)
"""Number of templates: one of each kind in the order of `KINDS`, and the second ones."""


@dataclass(frozen=True)
class Windows:
    """All windows of a picture."""

    edges: Floats
    """Edges in each window (N, LENGTH)."""
    x: Floats
    """Middles of the windows (N,), as fractions of the picture's side."""
    y: Floats
    size: Floats
    """Larger side of a thing that fills its window (N,), as a fraction of the side."""


def windows_of(pixels: Pixels) -> Windows:
    """Return all windows of a picture (128, 128, 3)."""
    parts: list[Floats] = []
    xs: list[Floats] = []
    ys: list[Floats] = []
    sizes: list[Floats] = []
    for scale in SCALES:
        border = ((_BORDER, _BORDER), (_BORDER, _BORDER), (0, 0))
        cells = np.pad(edge_map(pixels, scale), border)
        views = sliding_window_view(cells, (WINDOW, WINDOW), axis=(0, 1))
        rows, columns = views.shape[:2]
        parts.append(views.reshape(rows * columns, LENGTH))
        middles = (np.arange(max(rows, columns)) + WINDOW / 2 - _BORDER) * (CELL / scale / SIDE)
        ys.append(np.repeat(middles[:rows], columns).astype(np.float32))
        xs.append(np.tile(middles[:columns], rows).astype(np.float32))
        sizes.append(np.full(rows * columns, THING / scale / SIDE, dtype=np.float32))
    return Windows(*(np.concatenate(each) for each in (parts, xs, ys, sizes)))


def kind_scores(windows: Windows, templates: Floats) -> Floats:
    """Return how well each kind's better template (LENGTH + 1, TEMPLATES) fits, (N, K)."""
    scores = windows.edges @ templates[:-1] + templates[-1]
    kinds = scores[:, : len(KINDS)]
    for number, kind in enumerate(TURNED):
        column = kinds[:, _NAMES.index(kind)]
        np.maximum(column, scores[:, len(KINDS) + number], out=column)
    return kinds


def distances(windows: Windows, frame: Frame) -> tuple[Floats, Floats]:
    """Return how far windows are from a thing's frame: in cells, and in steps of size (N,)."""
    left, top, right, bottom = frame
    away = np.hypot(windows.x - (left + right) / 2, windows.y - (top + bottom) / 2)
    cells = away / windows.size * (THING / CELL)
    steps = np.abs(np.log(windows.size / max(right - left, bottom - top))) / math.log(STEP)
    return cells.astype(np.float32), steps.astype(np.float32)


def frame_of(kind: str, frame: Frame) -> Frame:
    """Return the frame that a template shows: the sun's with its glow."""
    if kind != "sun":
        return frame
    left, top, right, bottom = frame
    x, y, half = (left + right) / 2, (top + bottom) / 2, right - left
    return x - half, y - half, x + half, y + half
