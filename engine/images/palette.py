"""The colours that a picture is made of."""

import numpy as np
from numpy.typing import NDArray

COLOUR_ROUNDS = 8
"""Rounds of k-means."""


DIFFERENT_COLOUR = 6.0
"""Distance in CIELAB below which two colours are not told apart; 2.3 is just noticeable."""


def kmeans_colors(pixels: NDArray[np.floating], count: int) -> NDArray[np.floating]:
    """At most `count` colours (K, 3) that stand for all of `pixels` (N, 3), in CIELAB.

    K-means, starting from the colour nearest to the median and then always the one that is farthest
    from all before.
    """
    typical = ((pixels - np.median(pixels, axis=0)) ** 2).sum(1).argmin()
    centres = pixels[[typical]]
    while len(centres) < count:
        distance = _distances(pixels, centres).min(1)
        if distance.max() < DIFFERENT_COLOUR**2:
            break
        centres = np.vstack((centres, pixels[distance.argmax()]))
    for _ in range(COLOUR_ROUNDS):
        labels = _distances(pixels, centres).argmin(1)
        members = [pixels[labels == number] for number in range(len(centres))]
        centres = np.stack([m.mean(0) for m in members if len(m)])
    return centres


def _distances(pixels: NDArray[np.floating], centres: NDArray[np.floating]) -> NDArray[np.floating]:
    """Squared distances (N, K)."""
    return ((pixels[:, None] - centres) ** 2).sum(2)
