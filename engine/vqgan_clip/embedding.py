"""Embeddings of a picture's augmented cutouts (2.2, 2.3), as many at a time as the plan allows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from engine.images.tiling import Tile
from engine.models.protocols import Perceptor
from engine.recipes.augmentations import Augmentations
from engine.vqgan_clip.cutouts import cut
from engine.vqgan_clip.memory_plan import MemoryPlan
from engine.vqgan_clip.views import Views, draw, make_views


@dataclass(frozen=True)
class Region:
    """The part of a picture from which cutouts are taken, and how they are."""

    image: Tensor
    """Its pixels (1, 3, H, W)."""
    cutouts: int
    """Number N of cutouts."""
    augmentations: Augmentations
    """How they are varied."""
    rng: torch.Generator
    """Source of the random numbers."""
    tile: Tile = "none"
    """Axes along which it continues across its edges."""


def embed_cutouts(regions: Sequence[Region], perceptor: Perceptor, plan: MemoryPlan) -> Tensor:
    """Embed augmented cutouts of each region: unit vectors (sum of all N, D).

    Cuts and embeds them in the chunks that the plan allows.
    """
    size, chunk = perceptor.input_size, plan.cutout_batch_size
    pairs = [(region, draw_views(region, size)) for region in regions]
    if chunk is None:
        return encode_views(perceptor, torch.cat([cut_views(*pair, size) for pair in pairs]))

    def cut_and_encode(region: Region, part: Views) -> Tensor:
        return encode_views(perceptor, cut_views(region, part, size))

    return torch.cat(
        [
            _recomputed(cut_and_encode, region, part)
            for region, all_views in pairs
            for part in all_views.split(chunk)
        ]
    )


def draw_views(region: Region, size: int) -> Views:
    """Draw how the N cutouts of `size` pixels a side are taken out of a region (2.3)."""
    draws = draw(region.cutouts, size, region.augmentations, region.rng)
    height, width = region.image.shape[2:]
    return make_views(draws, width / height, region.augmentations, region.tile)


def cut_views(region: Region, views: Views, size: int) -> Tensor:
    """Cut `views` (N, 3, size, size) out of a region (2.3)."""
    return cut(region.image, views, size, region.augmentations, region.tile)


def encode_views(perceptor: Perceptor, cutouts: Tensor) -> Tensor:
    """Embed cutouts (N, 3, S, S) as unit vectors (N, D) (2.2)."""
    return perceptor.encode_image(cutouts)


def _recomputed(function: Callable[..., Tensor], *arguments: Any) -> Tensor:
    """Call a function whose activations are computed again for the gradient.

    It draws nothing from torch's global generators, so their states are not kept.
    """
    result = checkpoint(function, *arguments, use_reentrant=False, preserve_rng_state=False)
    return cast(Tensor, result)
