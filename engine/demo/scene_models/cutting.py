"""The views that the scene CLIP is trained on: cutouts like those of its preset."""

from collections.abc import Callable

import torch
from torch import Tensor

from engine.recipes.augmentations import SCENES
from engine.vqgan_clip.cutouts import recolor, resample
from engine.vqgan_clip.views import color_matrices, geometry

SIDE = 128
"""Side in pixels of the views that the tower sees."""


def cutter(count: int, random: torch.Generator) -> Callable[[Tensor], Tensor]:
    """Return a function that takes the same `count` cutouts of any pictures, without noise.

    Of pictures with one channel, which are masks, the colors stay.
    """
    matrices = geometry(count, 1.0, SCENES, random)
    colors = color_matrices(count, SCENES, random)

    def cut(images: Tensor) -> Tensor:
        cutouts = resample(images, matrices, SIDE, max(1, images.shape[-1] // SIDE))
        return recolor(cutouts, colors) if images.shape[1] == 3 else cutouts

    return cut


def noisy(cutouts: Tensor, random: torch.Generator) -> Tensor:
    """Return cutouts (N, 3, S, S) with the noise of the augmentations."""
    strength = torch.rand(len(cutouts), 1, 1, 1, generator=random)
    noise = torch.randn(cutouts.shape, generator=random)
    return cutouts + SCENES.noise * strength * noise
