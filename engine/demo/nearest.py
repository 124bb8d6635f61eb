"""Find the true picture nearest to an unfinished one, which is its goal."""

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.demo.world import SHAPES, gathered, object_masks, palette, sample_single_scenes

PLACEMENTS = 1500
"""Number of placements (center, size, angle) that are tried for each shape."""
SPREAD = 0.4
"""Distance of placements from the typical one, relative to the whole world."""
POOL = 4
"""Number of pixels averaged along each axis before pictures are compared."""


class NearestPictures:
    """A set of true pictures to search for the nearest one in mean square."""

    def __init__(self, random: torch.Generator) -> None:
        scenes = sample_single_scenes(PLACEMENTS, random)
        scenes = gathered(scenes, torch.full((PLACEMENTS,), SPREAD))
        masks = []
        for shape in range(len(SHAPES)):
            shapes = torch.full_like(scenes.shape, shape).where(scenes.present(), scenes.shape)
            masks.append(object_masks(scenes.replace(shape=shapes))[:, 0])
        self._masks = torch.stack(masks)
        self._pooled = F.avg_pool2d(self._masks, POOL).flatten(2)
        self._palette = palette()

    def find(self, images: Tensor, shape: Tensor, color: Tensor, background: Tensor) -> Tensor:
        """Return the true pictures (B, 3, 64, 64) nearest to `images` (B, 3, 64, 64).

        `shape`, `color` and `background` (B,) are indices into the world's names. With object and
        background in two flat colors, the mean square error of a placement is a constant minus
        the sum over its mask of how much closer each pixel is to the object's color. So one
        product with all masks finds the best.
        """
        objects = self._palette[color][:, :, None, None]
        grounds = self._palette[background][:, :, None, None]
        gain = ((images - grounds).square() - (images - objects).square()).sum(1)
        gain = F.avg_pool2d(gain, POOL).flatten(1)
        best = torch.einsum("bp,bmp->bm", gain, self._pooled[shape]).argmax(1)
        masks = self._masks[shape, best][:, None]
        return torch.lerp(grounds, objects, masks)
