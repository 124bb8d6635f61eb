"""Regions: the parts that a picture falls into by its own colours, coarse and fine.

Nothing is known here of what a picture shows. The same place may belong to several regions, since
a thing may be of one colour or of many.
"""

import numpy as np
from kornia.color import rgb_to_lab
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from engine.images.palette import _distances, kmeans_colors

Mask = NDArray[np.bool_]
"""(H, W): which pixels."""

COLOUR_COUNTS = (2, 3, 4, 6)
"""Into how many colours a picture is divided, coarsely to finely; each division gives regions."""
MIN_AREA, MAX_REGIONS = 0.01, 24
"""Smallest region as a share of the picture, and how many of the largest are looked at."""
SAME_REGION = 0.9
"""Overlap (intersection over union) above which two regions count as one."""


def find_regions(image: Tensor) -> list[Mask]:
    """Parts of one colour of `image` (1, 3, H, W), (H, W) each, the largest first.

    The colours of CIELAB are divided by k-means into two, three and more; whatever hangs together
    is a region, and so is all of one colour. There is always at least one.
    """
    lab = rgb_to_lab(image)[0].permute(1, 2, 0).cpu().numpy()
    lab = ndimage.median_filter(lab, size=(3, 3, 1))
    regions: list[Mask] = []
    for count in COLOUR_COUNTS:
        labels = _labelled(lab, count)
        for label in np.unique(labels):
            pieces, _ = ndimage.label(labels == label)  # pyright: ignore[reportGeneralTypeIssues]
            large = np.flatnonzero(np.bincount(pieces.flat)[1:] >= MIN_AREA * pieces.size) + 1
            for region in (labels == label, *(pieces == piece for piece in large)):
                if region.mean() >= MIN_AREA and not any(_same(region, o) for o in regions):
                    regions.append(region)
    return sorted(regions, key=np.sum, reverse=True)[:MAX_REGIONS]


def _labelled(lab: NDArray[np.floating], count: int) -> NDArray[np.intp]:
    """Number (H, W) each pixel of (H, W, 3) by its colour out of at most `count`."""
    pixels = lab.reshape(-1, 3)
    return _distances(pixels, kmeans_colors(pixels, count)).argmin(1).reshape(lab.shape[:2])


def _same(one: Mask, other: Mask) -> bool:
    return bool((one & other).sum() > SAME_REGION * (one | other).sum())
