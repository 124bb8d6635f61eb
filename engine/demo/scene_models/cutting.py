"""The views that the scene CLIP is trained on: the preset's cutouts, and some close to things."""

from collections.abc import Callable

import torch
from torch import Tensor

from engine.recipes.augmentations import SCENES
from engine.vqgan_clip.cutouts import recolor, resample
from engine.vqgan_clip.views import color_matrices, geometry

SIDE = 64
"""Side in pixels of the views that the tower sees."""
ZOOMED_SHARE, CLOSEST, FARTHEST = 0.5, 0.4, 0.75
"""Share of views that zoom in on the things, and the range of their sides."""


def cutter(
    count: int, random: torch.Generator, things: Tensor | None = None
) -> Callable[[Tensor], Tensor]:
    """Return a function that takes the same `count` cutouts of any pictures, without noise.

    Of pictures with one channel, which are masks, the colors stay. With masks of `things`
    (count, 1, 32, 32), some cutouts zoom in on them.
    """
    matrices = geometry(count, 1.0, SCENES, random)
    if things is not None:
        matrices = _zoomed(things, random) @ matrices
    colors = color_matrices(count, SCENES, random)

    def cut(images: Tensor) -> Tensor:
        cutouts = resample(images, matrices, SIDE, max(1, images.shape[-1] // SIDE))
        return recolor(cutouts, colors) if images.shape[1] == 3 else cutouts

    return cut


def _zoomed(things: Tensor, random: torch.Generator) -> Tensor:
    """Return matrices (B, 3, 3) that zoom in on a share of the `things` (B, 1, 32, 32)."""
    count, side = len(things), things.shape[-1]
    total = things.sum((1, 2, 3))
    steps = (2 * torch.arange(side) + 1) / side - 1
    middles = [(things.sum(axis)[:, 0] * steps).sum(1) / total.clamp(min=1e-6) for axis in (2, 3)]
    size = CLOSEST + (FARTHEST - CLOSEST) * torch.rand(count, generator=random)
    zooms = (torch.rand(count, generator=random) < ZOOMED_SHARE) & (total > 1)
    size = torch.where(zooms, size, 1.0)
    matrices = torch.eye(3).repeat(count, 1, 1)
    matrices[:, 0, 0] = matrices[:, 1, 1] = size
    for axis, middle in enumerate(middles):
        off = 0.2 * (2 * torch.rand(count, generator=random) - 1)
        inside = (middle + off).clamp(min=size - 1, max=1 - size)
        matrices[:, axis, 2] = torch.where(zooms, inside, 0.0)
    return matrices


def noisy(cutouts: Tensor, random: torch.Generator) -> Tensor:
    """Return cutouts (N, 3, S, S) with the noise of the augmentations."""
    strength = torch.rand(len(cutouts), 1, 1, 1, generator=random)
    noise = torch.randn(cutouts.shape, generator=random)
    return cutouts + SCENES.noise * strength * noise
