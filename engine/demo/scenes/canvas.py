"""Draw smooth flat shapes: a canvas of twice the picture's side, and a pen with its own axes.

Positions on the canvas are fractions of the picture's side, with x to the right and y downwards.
Colors are RGB values in [0, 255], as floats.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 128
"""Width and height of a picture, in pixels."""
FINE = 2 * SIDE
"""Width and height of the canvas in pixels; each pixel of the picture is the mean of four."""
_SHIFT = 4
_UNIT = FINE * 2**_SHIFT
_CIRCLE = np.stack(
    [np.cos(np.linspace(0, 2 * np.pi, 33)[:-1]), np.sin(np.linspace(0, 2 * np.pi, 33)[:-1])], axis=1
)

Color = tuple[float, float, float]
Points = NDArray[np.float64] | Sequence[tuple[float, float]]
Pixels = NDArray[np.uint8]


def mixed(first: Color, second: Color, share: float) -> Color:
    """Return a color with `share` in [0, 1] of the second one."""
    a, b = first, second
    rest = 1 - share
    return (a[0] * rest + b[0] * share, a[1] * rest + b[1] * share, a[2] * rest + b[2] * share)


def lighter(color: Color, share: float) -> Color:
    """Return a color that is `share` of the way to white, or, if negative, to a dark violet."""
    return mixed(color, (255, 252, 240), share) if share > 0 else mixed(color, (24, 14, 50), -share)


def tinted(color: Color, tint: Color) -> Color:
    """Return a color under a light of the color `tint`, where 1 is white light."""
    return (
        min(color[0] * tint[0], 255.0),
        min(color[1] * tint[1], 255.0),
        min(color[2] * tint[2], 255.0),
    )


def rounded(points: Points, times: int = 3) -> NDArray[np.float64]:
    """Cut the corners of a closed outline (N, 2), so that it becomes a smooth curve."""
    outline = np.asarray(points, dtype=np.float64)
    for _ in range(times):
        following = np.concatenate([outline[1:], outline[:1]])
        both = np.stack([0.75 * outline + 0.25 * following, 0.25 * outline + 0.75 * following], 1)
        outline = both.reshape(-1, 2)
    return outline


class Canvas:
    """Pixels (256, 256, 3) that shapes are painted onto."""

    def __init__(self) -> None:
        self.pixels: Pixels = np.zeros((FINE, FINE, 3), dtype=np.uint8)

    def polygon(self, points: Points, color: Color, opacity: float = 1.0) -> None:
        """Fill a closed outline (N, 2)."""
        outline = np.rint(np.asarray(points, dtype=np.float64) * _UNIT).astype(np.int32)
        if opacity >= 1:
            cv2.fillPoly(self.pixels, [outline], color, cv2.LINE_AA, _SHIFT)
            return
        window = _window(outline)
        if window is None:
            return
        under = self.pixels[window]
        over = under.copy()
        corner = (window[1].start, window[0].start)
        moved = outline - np.array(corner, dtype=np.int32) * 2**_SHIFT
        cv2.fillPoly(over, [moved], color, cv2.LINE_AA, _SHIFT)
        self.pixels[window] = cv2.addWeighted(over, opacity, under, 1 - opacity, 0)

    def ellipse(
        self, x: float, y: float, rx: float, ry: float, color: Color, opacity: float = 1.0
    ) -> None:
        """Fill an upright ellipse."""
        self.polygon(_CIRCLE * (rx, ry) + (x, y), color, opacity)

    def line(self, points: Points, color: Color, width: float) -> None:
        """Draw an open line of `width`, a fraction of the side, with round ends."""
        course = np.rint(np.asarray(points, dtype=np.float64) * _UNIT).astype(np.int32)
        thickness = max(1, round(width * FINE))
        cv2.polylines(self.pixels, [course], False, color, thickness, cv2.LINE_AA, _SHIFT)

    def masked(self, points: Points, paint: NDArray[np.float32]) -> None:
        """Fill a closed outline with a color per row, `paint` (256, 3)."""
        outline = np.rint(np.asarray(points, dtype=np.float64) * _UNIT).astype(np.int32)
        window = _window(outline)
        if window is None:
            return
        rows, columns = window
        mask = np.zeros((rows.stop - rows.start, columns.stop - columns.start), dtype=np.uint8)
        moved = outline - np.array((columns.start, rows.start), dtype=np.int32) * 2**_SHIFT
        cv2.fillPoly(mask, [moved], (255,), cv2.LINE_AA, _SHIFT)
        under = self.pixels[window]
        cover = mask[..., None].astype(np.float32) / 255
        under[...] = (under + cover * (paint[rows][:, None] - under)).astype(np.uint8)

    def glow(self, x: float, y: float, radius: float, color: Color, strength: float) -> None:
        """Add light that fades away from (x, y), like that of a lamp in haze."""
        left, right = (round(v * FINE) for v in (x - radius, x + radius))
        top, bottom = (round(v * FINE) for v in (y - radius, y + radius))
        columns, rows = (
            np.arange(max(left, 0), min(right, FINE)),
            np.arange(max(top, 0), min(bottom, FINE)),
        )
        if not len(columns) or not len(rows):
            return
        distance = (((columns + 0.5) / FINE - x) / radius)[None] ** 2
        distance = distance + (((rows + 0.5) / FINE - y) / radius)[:, None] ** 2
        share = (strength * np.clip(1 - np.sqrt(distance), 0, 1) ** 2)[..., None].astype(np.float32)
        under = self.pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        under[...] = (under + share * (np.array(color, dtype=np.float32) - under)).astype(np.uint8)

    def picture(self) -> Pixels:
        """Return the picture (128, 128, 3)."""
        return np.asarray(
            cv2.resize(self.pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA), dtype=np.uint8
        )


def _window(outline: NDArray[np.int32]) -> tuple[slice, slice] | None:
    """Return rows and columns of the canvas that an outline can touch."""
    low = np.maximum((outline.min(axis=0) >> _SHIFT) - 1, 0)
    high = np.minimum((outline.max(axis=0) >> _SHIFT) + 2, FINE)
    if (low >= high).any():
        return None
    return slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))


@dataclass
class Pen:
    """A pen in the axes of one thing: x to the right, y upwards from its base, its height is 1."""

    canvas: Canvas
    x: float
    """Position of the thing's middle on the canvas."""
    base: float
    """Position of the thing's lower end on the canvas."""
    height: float
    """Height of the thing as a fraction of the picture's side."""
    tint: Color
    """Color of the light, where 1 is white."""
    lit: int
    """Side that the light comes from: 1 for the right, -1 for the left."""
    tilt: float = 0.0
    """Rotation in radians about the base, positive clockwise."""
    drawn: list[NDArray[np.float64]] = field(default_factory=list)
    """Outlines that were drawn, on the canvas."""

    def polygon(self, points: Points, color: Color, opacity: float = 1.0) -> None:
        """Fill a closed outline (N, 2)."""
        self.canvas.polygon(self._placed(points), tinted(color, self.tint), opacity)

    def curve(self, points: Points, color: Color, opacity: float = 1.0, times: int = 3) -> None:
        """Fill a closed outline (N, 2) whose corners are cut off to a curve."""
        self.polygon(rounded(points, times), color, opacity)

    def ellipse(
        self, x: float, y: float, rx: float, ry: float, color: Color, opacity: float = 1.0
    ) -> None:
        """Fill an ellipse that is upright in the thing's axes."""
        self.polygon(_CIRCLE * (rx, ry) + (x, y), color, opacity)

    def box(
        self, left: float, bottom: float, right: float, top: float, color: Color, opacity: float = 1
    ) -> None:
        """Fill a rectangle."""
        outline = [(left, bottom), (right, bottom), (right, top), (left, top)]
        self.polygon(outline, color, opacity)

    def line(self, points: Points, color: Color, width: float) -> None:
        """Draw an open line whose width is a fraction of the thing's height."""
        self.canvas.line(self._placed(points), tinted(color, self.tint), width * self.height)

    def light(self, x: float, y: float, radius: float, color: Color, strength: float) -> None:
        """Add a glow; the light of the scene does not change it."""
        spot = self._placed([(x, y)], record=False)[0]
        self.canvas.glow(spot[0], spot[1], radius * self.height, color, strength)

    def frame(self) -> tuple[float, float, float, float]:
        """Return left, top, right and bottom of all that was drawn, on the canvas."""
        points = np.concatenate(self.drawn)
        (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
        return float(left), float(top), float(right), float(bottom)

    def _placed(self, points: Points, *, record: bool = True) -> NDArray[np.float64]:
        local = np.asarray(points, dtype=np.float64) * (self.height, -self.height)
        if self.tilt:
            cos, sin = math.cos(self.tilt), math.sin(self.tilt)
            local = local @ np.array([[cos, sin], [-sin, cos]])
        placed = local + np.array([self.x, self.base])
        if record:
            self.drawn.append(placed)
        return placed
