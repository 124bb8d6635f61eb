"""Recolouring: changes of a picture that keep all of its outlines and texture.

A picture's pixels are told apart by a few of its own colours, softly. A recolouring moves each of
these colours, and with it, in the same way, all pixels that have it. So an object changes its
colour up to its edge and no further, and nothing new appears.
"""

import torch
from kornia.color import rgb_to_lab
from PIL import Image
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from engine.images.palette import kmeans_colors
from engine.models.tensors import to_picture, to_tensor
from engine.recipes.start_image import scaled

COLOURS = 8
"""Into how many colours a picture is divided at most."""
SOFTNESS = 15.0
"""Distance in CIELAB at which a pixel belongs a good deal less to a colour."""
PALETTE_SIDE = 128
"""Pixels along the longer side of the picture that colours are taken from."""
_RIDGE = 0.1
"""Pixels that a colour must have about, to be told from those near it."""


class Recolouring:
    """What recolourings of `picture` (1, 3, H, W), floats in [0, 1], there are."""

    def __init__(self, picture: Tensor) -> None:
        height, width = picture.shape[2:]
        scale = min(1.0, PALETTE_SIDE / max(height, width))
        size = max(1, round(height * scale)), max(1, round(width * scale))
        small = F.interpolate(picture, size, mode="bilinear", antialias=True)
        lab = rgb_to_lab(small)[0].permute(1, 2, 0).cpu().numpy()
        lab = ndimage.median_filter(lab, size=(3, 3, 1))  # soft edges are no colours of their own
        self._palette = torch.from_numpy(kmeans_colors(lab.reshape(-1, 3), COLOURS)).to(picture)
        self._weights = self.weights(picture)
        square = self._weights.T @ self._weights
        ridge = _RIDGE * torch.eye(len(square)).to(square)
        self._solve = torch.linalg.solve(square + ridge, self._weights.T)

    def weights(self, picture: Tensor) -> Tensor:
        """How much each pixel of a picture (1, 3, H, W) has of each colour: (H * W, K)."""
        pixels = rgb_to_lab(picture)[0].flatten(1).T
        distances = torch.cdist(pixels, self._palette)
        return (-0.5 * (distances / SOFTNESS).square()).softmax(1)

    def moves(self, change: Tensor) -> Tensor:
        """How `change` (1, 3, H, W) of the picture moves its colours, on the whole: (K, 3)."""
        return self._solve @ change[0].flatten(1).T

    def nearest(self, change: Tensor) -> Tensor:
        """The change (1, 3, H, W) nearest to `change` that is a recolouring."""
        return (self._weights @ self.moves(change)).T.reshape(change.shape)


@torch.no_grad()
def restored_structure(source: Image.Image, painted: Image.Image) -> Image.Image:
    """The recolouring of `source`, at its own size, that is nearest to what was `painted`.

    `painted` may have any size; colours move as they moved there.
    """
    small = to_tensor(scaled(source, painted.size))
    recolouring = Recolouring(small)
    moves = recolouring.moves(to_tensor(painted) - small)
    large = to_tensor(source)
    change = (recolouring.weights(large) @ moves).T.reshape(large.shape)
    return to_picture(large + change)
