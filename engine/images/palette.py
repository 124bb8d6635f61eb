"""The main colors of a picture."""

import numpy as np
from numpy.typing import NDArray

KMEANS_ROUNDS = 8
"""Number of rounds of k-means."""
MIN_COLOR_DISTANCE = 6.0
"""Distance in CIELAB below which two colors count as one; 2.3 is just noticeable."""


def kmeans_colors(pixels: NDArray[np.floating], count: int) -> NDArray[np.floating]:
    """Return at most `count` colors (K, 3) that represent `pixels` (N, 3), in CIELAB.

    K-means, starting with the color nearest to the median, then always with the color that is
    farthest from all previous ones.
    """
    typical = ((pixels - np.median(pixels, axis=0)) ** 2).sum(1).argmin()
    centers = pixels[[typical]]
    while len(centers) < count:
        distance = squared_distances(pixels, centers).min(1)
        if distance.max() < MIN_COLOR_DISTANCE**2:
            break
        centers = np.vstack((centers, pixels[distance.argmax()]))
    for _ in range(KMEANS_ROUNDS):
        labels = squared_distances(pixels, centers).argmin(1)
        members = [pixels[labels == number] for number in range(len(centers))]
        centers = np.stack([m.mean(0) for m in members if len(m)])
    return centers


def squared_distances(
    pixels: NDArray[np.floating], centers: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Return the squared distances (N, K) of `pixels` (N, 3) from `centers` (K, 3)."""
    return ((pixels[:, None] - centers) ** 2).sum(2)
