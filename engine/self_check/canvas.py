"""Draw flat pictures of any side from distances to outlines, with soft edges one pixel wide.

Coordinates are fractions of the side, x to the right, y downwards, as in `engine.demo.world`.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

Color = tuple[int, int, int]
"""A color in sRGB, each value from 0 to 255."""
Point = tuple[float, float]


class Canvas:
    """A picture in progress; `picture` is (3, side, side), RGB floats in [0, 1]."""

    def __init__(self, side: int, ground: Color) -> None:
        self.side = side
        steps = (torch.arange(side) + 0.5) / side
        self.x, self.y = steps[None, :], steps[:, None]
        """Positions (1, side) and (side, 1) of the pixels' centers."""
        self.picture = _rgb(ground).expand(3, side, side).clone()

    def fill(self, distances: Tensor, color: Color) -> None:
        """Paint where `distances` (side, side) in sides to an outline are negative."""
        mask = (0.5 - distances * self.side).clamp(0, 1)
        self.picture = torch.lerp(self.picture, _rgb(color).expand_as(self.picture), mask)

    def disk(self, center: Point, radius: float, color: Color) -> None:
        """Paint a disk."""
        self.fill(self.around(center, radius), color)

    def box(self, low: Point, high: Point, color: Color) -> None:
        """Paint the rectangle from its corner at the top left to that at the bottom right."""
        across = torch.maximum(low[0] - self.x, self.x - high[0])
        down = torch.maximum(low[1] - self.y, self.y - high[1])
        self.fill(torch.maximum(across, down), color)

    def polygon(self, corners: Sequence[Point], color: Color) -> None:
        """Paint a convex polygon, whose corners are in clockwise order on the screen."""
        inside = torch.full((self.side, self.side), -math.inf)
        for (x0, y0), (x1, y1) in zip(corners, [*corners[1:], corners[0]], strict=True):
            length = math.hypot(x1 - x0, y1 - y0)
            edge = ((self.x - x0) * (y1 - y0) - (self.y - y0) * (x1 - x0)) / length
            inside = torch.maximum(inside, edge)
        self.fill(inside, color)

    def around(self, center: Point, radius: float) -> Tensor:
        """Return the distances (side, side) to a circle, negative inside."""
        return torch.hypot(self.x - center[0], self.y - center[1]) - radius


def _rgb(color: Color) -> Tensor:
    return torch.tensor(color, dtype=torch.float32)[:, None, None] / 255
