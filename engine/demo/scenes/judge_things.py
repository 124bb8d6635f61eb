"""Candidates for things: where a template fits best, and what speaks for a thing being there."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.demo.scenes.canvas import Pixels
from engine.demo.scenes.judge_colors import patch
from engine.demo.scenes.judge_windows import WINDOW, kind_scores, windows_of
from engine.demo.scenes.table import KINDS

Floats = NDArray[np.float32]

_PARTS = 6
"""Number of parts along a window's side whose colors are evidence."""
_SHARPNESS = 8.0
"""How much better windows count more than others for the place and the size."""


@dataclass(frozen=True)
class Candidate:
    """The best place for a thing of one kind."""

    x: float
    """Middle, as fractions of the picture's side."""
    y: float
    extent: float
    """Larger side, as a fraction of the picture's side."""
    evidence: Floats
    """Score of the template, lead over other kinds in the same place, and colors."""
    cells: Floats
    """CIELAB colors (121, 3) of the window."""


class Finder:
    """Finds candidates in one picture."""

    def __init__(self, pixels: Pixels, templates: Floats, levels: Floats) -> None:
        """Compare the templates with all windows.

        Args:
            pixels: Picture (128, 128, 3).
            templates: Templates (LENGTH + 1, TEMPLATES).
            levels: Usual scores (K,) of things in the picture's medium, for comparing kinds.
        """
        self._pixels = pixels
        self._windows = windows_of(pixels)
        self._scores = kind_scores(self._windows, templates) - levels

    def candidate(self, index: int) -> Candidate:
        """Return the best place for a thing of the kind with this number."""
        windows, scores = self._windows, self._scores
        best = int(scores[:, index].argmax())
        size = windows.size[best]
        away = np.hypot(windows.x - windows.x[best], windows.y - windows.y[best])
        near = np.flatnonzero((away < 0.3 * size) & (np.abs(np.log(windows.size / size)) < 0.4))
        own = scores[near, index]
        shares = np.exp(_SHARPNESS * (own - own.max()))
        shares /= shares.sum()
        x, y = float(windows.x[near] @ shares), float(windows.y[near] @ shares)
        extent = float(np.exp(np.log(windows.size[near]) @ shares))
        rival = float(np.delete(scores[near], index, axis=1).max())
        cells = patch(self._pixels, x, y, extent)
        grid = cells.reshape(WINDOW, WINDOW, 3)
        colors = cv2.resize(grid, (_PARTS, _PARTS), interpolation=cv2.INTER_AREA)
        own_score = float(scores[best, index])
        evidence = np.concatenate([[own_score, own_score - rival], np.asarray(colors).ravel()])
        return Candidate(x, y, extent, evidence.astype(np.float32), cells)


def kind_number(kind: str) -> int:
    """Return the number of a kind in the order of `KINDS`."""
    return tuple(KINDS).index(kind)
