"""The layers of a landscape, from the horizon to the front, in their light and haze."""

import math
from dataclasses import dataclass
from random import Random

import numpy as np
from numpy.typing import NDArray

from engine.demo.scenes.canvas import FINE, Canvas, Color, mixed, tinted
from engine.demo.scenes.skies import SKIES

COLUMNS = np.linspace(0, 1, 65)


@dataclass(frozen=True)
class Land:
    """What the layers of a ground have in common."""

    canvas: Canvas
    random: Random
    horizon: float
    """Height of the horizon on the canvas, as a fraction of the side from above."""
    sky: str
    """Name of the sky."""
    light_x: float
    """Position of the sun or the moon, as a fraction of the side."""

    @property
    def lit(self) -> int:
        """Side that the light comes from: 1 for the right, -1 for the left."""
        return 1 if self.light_x > 0.5 else -1

    @property
    def tint(self) -> Color:
        """Color of the light, where 1 is white."""
        return SKIES[self.sky].tint

    @property
    def haze(self) -> Color:
        """Color of the sky at the horizon, which far things take on."""
        return SKIES[self.sky].colors[-1]

    def color(self, color: Color, distance: float, jitter: float = 8.0) -> Color:
        """Return a color under the light and behind the haze of a `distance` in [0, 1]."""
        shift = self.random.uniform(-jitter, jitter)
        moved = (color[0] + shift, color[1] + shift * 0.6, color[2] - shift * 0.4)
        seen = mixed(tinted(moved, self.tint), self.haze, 0.72 * distance)
        return (_byte(seen[0]), _byte(seen[1]), _byte(seen[2]))

    def layer(self, top: NDArray[np.float64], upper: Color, lower: Color, depth: float) -> None:
        """Fill all below a ridge `top` (65,) with a gradient that ends `depth` below its peak."""
        start = float(top.min())
        rows = np.clip(((np.arange(FINE) + 0.5) / FINE - start) / max(depth, 1e-3), 0, 1)[:, None]
        paint = np.array(upper) * (1 - rows) + np.array(lower) * rows
        outline = np.concatenate([np.stack([COLUMNS, top], 1), [(1, 1.05), (0, 1.05)]])
        self.canvas.masked(outline, paint.astype(np.float32))

    def waves(self, height: float, count: int) -> NDArray[np.float64]:
        """Return a ridge (65,) of gentle waves with this total height, around 0."""
        total = np.zeros_like(COLUMNS)
        for number in range(1, count + 1):
            phase = self.random.uniform(0, 2 * math.pi)
            total += np.sin(COLUMNS * number * self.random.uniform(2.6, 4.4) + phase) / number
        return total / max(float(np.abs(total).max()), 1e-6) * height / 2


def _byte(value: float) -> float:
    return min(max(value, 0.0), 255.0)
