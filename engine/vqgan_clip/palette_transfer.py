"""Palette-only edits: changes of a picture's colors that keep all of its outlines and texture.

This is ours and not the paper's; only `engine.vqgan_clip.edit_constraint` uses it in a run. Every
pixel belongs, softly, to a few of the picture's own colors. A palette-only edit shifts each of
these colors, and with it all pixels that belong to it. So an object changes its color up to its
edge and no further, and nothing new appears.
"""

import numpy as np
import torch
from kornia.color import rgb_to_lab
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from engine.images.palette import kmeans_colors
from engine.models.tensors import to_picture, to_tensor
from engine.recipes.start_image import scaled

MAX_COLORS = 8
"""Maximum number of colors in a palette."""
SOFTNESS = 15.0
"""Standard deviation in CIELAB of a color's hold on the pixels around it."""
PALETTE_SIDE = 128
"""Maximum longer side, in pixels, of the picture that the palette is taken from."""
_STRANGE = 0.02
"""Share of a picture that may be farther than `SOFTNESS` from all colors of a palette for it."""
_RIDGE = 0.1
"""Ridge of the least squares: the pixels that a color needs to be told from those near it."""


class PaletteTransfer:
    """A palette of `picture` (1, 3, H, W), floats in [0, 1], and the changes that it allows.

    `colors` (K, 3), in CIELAB, are by default those of the picture.
    """

    def __init__(self, picture: Tensor, colors: Tensor | None = None) -> None:
        self._palette = find_colors(picture) if colors is None else colors.to(picture)
        self._weights = self.weights(picture)  # (H * W, K)
        square = self._weights.T @ self._weights  # (K, K)
        ridge = _RIDGE * torch.eye(len(square)).to(square)
        self._solve = torch.linalg.solve(square + ridge, self._weights.T)  # (K, H * W)

    def weights(self, picture: Tensor) -> Tensor:
        """Return how much each pixel of `picture` (1, 3, H, W) has of each color, (H * W, K)."""
        pixels = rgb_to_lab(picture)[0].flatten(1).T  # (H * W, 3)
        distances = torch.cdist(pixels, self._palette)  # (H * W, K)
        return (-0.5 * (distances / SOFTNESS).square()).softmax(1)

    def color_shifts(self, change: Tensor) -> Tensor:
        """Fit the shifts (K, 3) of the palette to a `change` (1, 3, H, W) of the picture."""
        return self._solve @ change[0].flatten(1).T

    def project(self, change: Tensor) -> Tensor:
        """Return the palette-only change (1, 3, H, W) that is nearest to `change`."""
        return (self._weights @ self.color_shifts(change)).T.reshape(change.shape)

    def shifted(self, shifts: Tensor, other: Tensor) -> Tensor:
        """Return the change (1, 3, H, W) of another picture by shifts (K, 3) of the palette."""
        return (self.weights(other) @ shifts).T.reshape(other.shape)


@torch.no_grad()
def find_colors(picture: Tensor) -> Tensor:
    """Return the main colors (K, 3) of a picture (1, 3, H, W), in CIELAB."""
    pixels = _distinct_pixels(picture)
    return torch.from_numpy(kmeans_colors(pixels, MAX_COLORS)).to(picture)


@torch.no_grad()
def has_colors(picture: Tensor, colors: Tensor) -> bool:
    """Return True if nearly all of a picture (1, 3, H, W) is near some of the colors (K, 3)."""
    pixels = torch.from_numpy(_distinct_pixels(picture)).to(colors)
    far = torch.cdist(pixels, colors).amin(1) > SOFTNESS
    return bool(far.float().mean() <= _STRANGE)


def _distinct_pixels(picture: Tensor) -> NDArray[np.float32]:
    """Return pixels (N, 3) of a picture (1, 3, H, W) in CIELAB, without those of soft edges."""
    height, width = picture.shape[2:]
    scale = min(1.0, PALETTE_SIDE / max(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    small = F.interpolate(picture, size, mode="bilinear", antialias=True)
    lab = rgb_to_lab(small)[0].permute(1, 2, 0).cpu().numpy()  # (h, w, 3)
    return ndimage.median_filter(lab, size=(3, 3, 1)).reshape(-1, 3)


@torch.no_grad()
def transfer_palette(source: Image.Image, painted: Image.Image) -> Image.Image:
    """Apply the palette-only change from `source` to `painted` to `source`, at its own size.

    `painted` may have any size.
    """
    small = to_tensor(scaled(source, painted.size))
    transfer = PaletteTransfer(small)
    shifts = transfer.color_shifts(to_tensor(painted) - small)
    large = to_tensor(source)
    return to_picture(large + transfer.shifted(shifts, large))
