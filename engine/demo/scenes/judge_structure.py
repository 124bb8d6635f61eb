"""How much of a picture's structure an edited picture keeps: the overlap of their edges."""

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.demo.scenes.features import as_picture, lab

_SHARE = 0.1
"""Share of the pixels that count as edges: those with the steepest change of color."""
_REACH = 2
"""Distance in pixels within which an edge counts as the same one."""
_TURN = 25
"""Greatest difference in degrees of two edges that count as the same one."""


def structure_kept(before: NDArray[np.generic], after: NDArray[np.generic]) -> float:
    """Return how much two pictures have the same edges, in [0, 1].

    It is the mean of two shares: of the edges of each picture that the other one has too, within
    two pixels and in about the same direction. A picture beside itself gives 1.

    Args:
        before: RGB picture (H, W, 3), uint8 or floats in [0, 1].
        after: RGB picture as well; both are compared at 128 pixels.

    Raises:
        PictureError: An array has another shape or type.
    """
    first, second = _edges(before), _edges(after)
    return (_found(first, second) + _found(second, first)) / 2


def _edges(image: NDArray[np.generic]) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Return where the edges are, and the angle in radians at each pixel."""
    soft = cv2.GaussianBlur(as_picture(image), (0, 0), 1.2)
    colors = lab(np.asarray(soft, dtype=np.uint8))
    dx, dy = (np.asarray(cv2.Scharr(colors, cv2.CV_32F, *axis)) for axis in ((1, 0), (0, 1)))
    energy = dx * dx + dy * dy
    strongest = energy.argmax(axis=2)[..., None]
    strength = np.take_along_axis(energy, strongest, 2)[..., 0]
    angles = np.arctan2(
        np.take_along_axis(dy, strongest, 2)[..., 0], np.take_along_axis(dx, strongest, 2)[..., 0]
    )
    limit = max(float(np.quantile(strength, 1 - _SHARE)), 1e-3)
    return strength >= limit, angles.astype(np.float32)


def _found(
    wanted: tuple[NDArray[np.bool_], NDArray[np.float32]],
    other: tuple[NDArray[np.bool_], NDArray[np.float32]],
) -> float:
    """Return the share of edges that another picture has nearby and in the same direction."""
    mask, angles = wanted
    if not mask.any():
        return 1.0 if not other[0].any() else 0.0
    kept = np.zeros(mask.shape, dtype=bool)
    for down in range(-_REACH, _REACH + 1):
        for right in range(-_REACH, _REACH + 1):
            there = np.roll(other[0], (down, right), axis=(0, 1))
            turned = np.roll(other[1], (down, right), axis=(0, 1)) - angles
            kept |= there & (np.abs(np.sin(turned)) < np.sin(np.radians(_TURN)))
    return float(kept[mask].mean())
