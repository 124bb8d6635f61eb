"""The shapes of pictures that people choose by name or by an aspect ratio."""

import re

from engine.errors import RecipeError

SHAPES = {
    "square": (1.0, 1.0),
    "landscape": (1.25, 0.8),
    "portrait": (0.8, 1.25),
    "wide": (1.5, 0.75),
    "tall": (0.75, 1.5),
}
"""Width and height relative to the models' native side; all have about as many pixels."""
RATIOS = ("1:1", "5:4", "4:3", "3:2", "16:9", "2:1", "21:9", "4:5", "3:4", "2:3", "9:16", "1:2")
"""Common aspect ratios, to choose from."""
MAX_RATIO = 4.0
"""Maximum of the longer side divided by the shorter one: beyond it hardly anything can be shown."""

_SIDE = r"(\d{1,4}(?:\.\d{1,4})?)"
_RATIO = re.compile(rf"{_SIDE}(?:\s*[:x×/]\s*{_SIDE})?", re.ASCII | re.IGNORECASE)


def read_ratio(text: str) -> float:
    """Return the width divided by the height that someone typed, as 16:9, 16x9, 3/2 or 1.5.

    Raises:
        RecipeError: It is no ratio, or a more extreme one than `MAX_RATIO`.
    """
    found = _RATIO.fullmatch(text.strip())
    sides = () if found is None else (float(found[1]), float(found[2] or 1))
    if not sides or 0 in sides:
        shown = repr(text if len(text) <= 40 else f"{text[:39]}…")
        raise RecipeError(
            "the ratio must be width:height, such as 16:9 or 1.5, not {ratio}", ratio=shown
        )
    return checked_ratio(sides[0] / sides[1], text.strip())


def checked_ratio(ratio: float, name: str) -> float:
    """Return a ratio; raise `RecipeError` if it is more extreme than `MAX_RATIO`."""
    if not 1 / MAX_RATIO <= ratio <= MAX_RATIO:
        most = f"{MAX_RATIO:g}"
        raise RecipeError(
            "the ratio {ratio} is too extreme: choose one from 1:{most} to {most}:1",
            ratio=name,
            most=most,
        )
    return ratio
