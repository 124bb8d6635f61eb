"""Segment a picture into regions by its own colors, from coarse to fine.

Segmentation does not know what a picture shows. A pixel may belong to several regions, because an
object may have one color or many.
"""

import numpy as np
from kornia.color import rgb_to_lab
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from engine.images.palette import kmeans_colors, squared_distances

Mask = NDArray[np.bool_]
"""Pixels (H, W) of a region."""

COLOR_COUNTS = (2, 3, 4, 6)
"""Numbers of colors to segment a picture by, from coarse to fine."""
MIN_AREA, MAX_REGIONS = 0.01, 24
"""Minimum size of a region as a share of the picture, and maximum number of regions."""
SAME_REGION = 0.9
"""Overlap (intersection over union) above which two regions count as one."""


def find_regions(image: Tensor) -> list[Mask]:
    """Return regions (H, W) of one color in `image` (1, 3, H, W), the largest first.

    K-means divides the colors in CIELAB into two, three and more. All pixels of one color form a
    region, and so does each connected piece of them. There is always at least one region.
    """
    lab = rgb_to_lab(image)[0].permute(1, 2, 0).cpu().numpy()
    lab = ndimage.median_filter(lab, size=(3, 3, 1))
    regions: list[Mask] = []
    for count in COLOR_COUNTS:
        labels = _label_colors(lab, count)
        for label in np.unique(labels):
            pieces, _ = ndimage.label(labels == label)  # pyright: ignore[reportGeneralTypeIssues]
            large = np.flatnonzero(np.bincount(pieces.flat)[1:] >= MIN_AREA * pieces.size) + 1
            for region in (labels == label, *(pieces == piece for piece in large)):
                if region.mean() >= MIN_AREA and not any(_same(region, o) for o in regions):
                    regions.append(region)
    return sorted(regions, key=np.sum, reverse=True)[:MAX_REGIONS]


def grow(region: Mask, pixels: int) -> Mask:
    """Return a region (H, W) that reaches so many pixels farther, up, down, left and right."""
    return np.asarray(ndimage.binary_dilation(region, iterations=pixels), np.bool_)


def _label_colors(lab: NDArray[np.floating], count: int) -> NDArray[np.intp]:
    """Return the index (H, W) of each pixel's color in (H, W, 3), out of at most `count` colors."""
    pixels = lab.reshape(-1, 3)
    return squared_distances(pixels, kmeans_colors(pixels, count)).argmin(1).reshape(lab.shape[:2])


def _same(one: Mask, other: Mask) -> bool:
    return bool((one & other).sum() > SAME_REGION * (one | other).sum())
