"""The shapes of pictures that people choose by name or by an aspect ratio."""

import math

SHAPES = {
    "square": (1.0, 1.0),
    "landscape": (1.25, 0.8),
    "portrait": (0.8, 1.25),
    "wide": (1.5, 0.75),
    "tall": (0.75, 1.5),
}
"""Width and height relative to the models' native side; all have about as many pixels."""


def nearest_shape(aspect: tuple[int, int]) -> str:
    """Return the name of the shape whose aspect ratio is nearest to a width and height above 0."""
    wanted = math.log(aspect[0] / aspect[1])

    def distance(name: str) -> float:
        width, height = SHAPES[name]
        return abs(math.log(width / height) - wanted)

    return min(SHAPES, key=distance)
