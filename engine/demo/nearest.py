"""The true picture nearest to any picture: where an unfinished picture should go."""

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.demo.world import SHAPES, gathered, object_masks, palette, sample_single_scenes

PLACEMENTS = 1500
"""Placements (centre, size, angle) that are tried for every shape."""
SPREAD = 0.4
"""How far these are from the typical one, compared with the whole world."""
POOL = 4
"""Pixels along each axis that are averaged before pictures are compared."""


class NearestPictures:
    """Finds, among true pictures with given attributes, the one nearest in mean square."""

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

    def find(self, images: Tensor, shape: Tensor, colour: Tensor, background: Tensor) -> Tensor:
        """The true pictures (B, 3, 64, 64) nearest to `images` (B, 3, 64, 64).

        `shape`, `colour` and `background` (B,) are indices into the world's names. With object
        and background in two flat colours, the mean square error of a placement is, up to a
        constant, minus the sum over its mask of how much closer each pixel is to the object's
        colour; so one product with all masks finds the best.
        """
        objects = self._palette[colour][:, :, None, None]
        grounds = self._palette[background][:, :, None, None]
        gain = ((images - grounds).square() - (images - objects).square()).sum(1)
        gain = F.avg_pool2d(gain, POOL).flatten(1)
        best = torch.einsum("bp,bmp->bm", gain, self._pooled[shape]).argmax(1)
        masks = self._masks[shape, best][:, None]
        return torch.lerp(grounds, objects, masks)
