"""The color of a thing, measured where its template changes with the color.

Things look darker and bluer at night and redder at sunset. So the colors to choose from are first
put under the light of the sky that was recognized.
"""

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.demo.scenes.canvas import SIDE, Color, Pixels, mixed, tinted
from engine.demo.scenes.drawing import OWN_LIGHT
from engine.demo.scenes.features import CELL, lab
from engine.demo.scenes.judge_windows import THING, WINDOW
from engine.demo.scenes.skies import SKIES
from engine.demo.scenes.table import COLORS

Floats = NDArray[np.float32]

_LEAST_SHARE = 0.6
"""Least share of the most telling cell's explained variance, for a cell to count."""


def patch(pixels: Pixels, x: float, y: float, size: float) -> Floats:
    """Return CIELAB colors (121, 3) in the cells of a window, for a thing of this size."""
    side = size * SIDE * WINDOW * CELL / THING
    step = side / WINDOW
    soft = cv2.GaussianBlur(pixels, (0, 0), max(0.35 * step, 0.5))
    left, top = x * SIDE - side / 2 + step / 2 - 0.5, y * SIDE - side / 2 + step / 2 - 0.5
    matrix = np.array([[step, 0, left], [0, step, top]], dtype=np.float32)
    cells = cv2.warpAffine(
        soft,
        matrix,
        (WINDOW, WINDOW),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return lab(np.asarray(cells, dtype=np.uint8)).reshape(-1, 3)


def lit_color(color: str, sky: str) -> Floats:
    """Return a color of `COLORS` in CIELAB (3,) under the light of a sky."""
    light: Color = mixed(SKIES[sky].tint, (1, 1, 1), OWN_LIGHT)
    rgb = np.array([[tinted(COLORS[color], light)]], dtype=np.float32) / 255
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2Lab), dtype=np.float32)[0, 0]


@dataclass(frozen=True)
class ColorScale:
    """How the colors of one kind of thing are measured."""

    weights: Floats
    """Weights (121,) of a window's cells, which sum to 1."""
    gain: Floats
    """Matrix (4, 3) from a lit color and 1 to the color that is measured."""
    precision: Floats
    """Inverse covariance (3, 3) of what remains."""

    @classmethod
    def fit(cls, patches: Floats, lit: Floats) -> Self:
        """Fit to patches (B, 121, 3) of things with these lit colors (B, 3)."""
        colors = np.concatenate([lit, np.ones((len(lit), 1), np.float32)], axis=1)
        flat = patches.reshape(len(patches), -1)
        guess = colors @ np.linalg.lstsq(colors, flat, rcond=None)[0]
        total = ((flat - flat.mean(axis=0)) ** 2).sum(axis=0).reshape(-1, 3).sum(axis=1)
        wrong = ((flat - guess) ** 2).sum(axis=0).reshape(-1, 3).sum(axis=1)
        explained = 1 - wrong / (total + 1e-3)
        weights = np.clip(explained - _LEAST_SHARE * explained.max(), 0, None)
        weights = (weights / weights.sum()).astype(np.float32)
        measured = np.einsum("bcl,c->bl", patches, weights)
        gain = np.linalg.lstsq(colors, measured, rcond=None)[0]
        rest = measured - colors @ gain
        precision = np.linalg.inv(rest.T @ rest / len(rest) + np.eye(3))
        return cls(weights, gain.astype(np.float32), precision.astype(np.float32))

    def distances(self, cells: Floats, colors: tuple[str, ...], sky: str) -> Floats:
        """Return squared Mahalanobis distances (C,) of a patch (121, 3) to colors under a sky."""
        measured = self.weights @ cells
        lit = np.stack([np.append(lit_color(color, sky), 1) for color in colors])
        rest = measured - lit @ self.gain
        return np.einsum("cl,lm,cm->c", rest, self.precision, rest).astype(np.float32)
