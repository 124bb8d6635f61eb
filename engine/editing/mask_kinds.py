"""Tell what a mask file means, by one rule for each kind of file that people make.

- Gray: white changes, black stays, values in between mix both. 0 and 1 count as black and white.
- One color on black: the color changes.
- The picture itself, painted over in places: what was painted over changes.
- The picture itself or black, with a transparent part: the transparent part changes.

Everything else could mean one thing or the other, and is refused.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from engine.images.image_io import OPAQUE
from engine.text import Text

_Pixels = NDArray[np.int16]
_Marked = NDArray[np.bool_]

DARK, LIGHT = 40, 215
"""Levels up to which a channel counts as black, and from which it counts as white."""
TOLERANCE = 40
"""Maximum difference of a channel between pixels that count as the same, after compression."""
MOST = 0.98
"""Share of pixels that must be as expected; edges that were smoothed or compressed are not."""
MIN_TRANSPARENT = 0.001
"""Share of transparent pixels below which a mask counts as opaque."""


@dataclass(frozen=True)
class Meaning:
    """What a mask file means."""

    mask: Image.Image
    """The mask (mode "L"): 255 where the picture changes, 0 where it stays."""
    changes: Text | None
    """What in the file marks the change, or None if that is white as usual."""


def find_meaning(
    drawn: Image.Image, alpha: Image.Image | None, source: Image.Image
) -> Meaning | None:
    """Return what a mask means for the picture `source`, or None if that is not clear.

    `drawn` is the mask file in RGB, `alpha` its opacity or None, both of the source's size.
    """
    pixels, original = (np.asarray(each).astype(np.int16) for each in (drawn, source))
    if alpha is not None:
        opacity = np.asarray(alpha)
        if np.mean(opacity < OPAQUE) >= MIN_TRANSPARENT:
            return _transparent_part(pixels, opacity, original)
    same = np.abs(pixels - original).max(-1) <= TOLERANCE
    if _is_copy(pixels, same):
        return _painted_part(same)
    if _share(np.ptp(pixels, axis=-1) <= TOLERANCE) >= MOST:
        return Meaning(drawn.convert("L"), None)
    return _colored_part(pixels) or (_painted_part(same) if _share(same) > 0.5 else None)


def stretch_binary(drawn: Image.Image) -> Image.Image:
    """Return a picture of nothing but the levels 0 and 1 with 255 instead of 1."""
    if np.asarray(drawn).max() != 1:
        return drawn
    return drawn.point(([0] + [255] * 255) * len(drawn.getbands()))


def _transparent_part(
    pixels: _Pixels, opacity: NDArray[np.uint8], original: _Pixels
) -> Meaning | None:
    opaque = opacity >= OPAQUE
    rest, before = pixels[opaque], original[opaque]
    is_black = _share(rest.max(-1) <= DARK) >= MOST
    is_white = _share(rest.min(-1) >= LIGHT) >= MOST
    is_source = _share(np.abs(rest - before).max(-1) <= TOLERANCE) >= 0.9
    if is_black or (is_source and not is_white):
        return Meaning(Image.fromarray(255 - opacity), Text("what is transparent"))
    return None


def _is_copy(pixels: _Pixels, same: _Marked) -> bool:
    """Return True if most of a mask is its picture, also where it is neither black nor white."""
    telling = (pixels.max(-1) > DARK) & (pixels.min(-1) < LIGHT)
    return _share(telling) >= 0.05 and _share(same[telling]) >= 0.5 and _share(same) >= 0.5


def _painted_part(same: _Marked) -> Meaning:
    """Return the pixels that differ, without single ones, and with the edges of the paint."""
    painted = Image.fromarray(np.where(same, 0, 255).astype(np.uint8))
    solid = painted.filter(ImageFilter.MinFilter(3)).filter(ImageFilter.MaxFilter(5))
    return Meaning(solid, Text("what is painted over"))


def _colored_part(pixels: _Pixels) -> Meaning | None:
    """Return how much of one color each pixel has, if there is only one, on black."""
    lit = pixels.max(-1) > DARK
    if not 0 < _share(lit) < MOST:
        return None
    color = np.median(pixels[lit], axis=0)
    amount = pixels @ color / (color @ color)
    rest = np.abs(pixels - amount[..., None] * color).max(-1)
    # Pictures of one hue have many shades of it; a mask is flat, except along its edges.
    if _share(rest <= TOLERANCE) < MOST or _share(amount[lit] > 0.75) < 0.75:
        return None
    levels = np.rint(np.clip(amount, 0, 1) * 255).astype(np.uint8)
    return Meaning(Image.fromarray(levels), Text("what is colored"))


def _share(marked: _Marked) -> float:
    return float(marked.mean()) if marked.size else 0.0
