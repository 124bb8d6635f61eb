"""Embeddings of a picture's augmented cutouts (2.2, 2.3), as many at a time as the plan allows."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from engine.models.protocols import Perceptor
from engine.vqgan_clip.cutouts import cut
from engine.vqgan_clip.memory_plan import MemoryPlan
from engine.vqgan_clip.views import Views, draw, make_views

if TYPE_CHECKING:
    from engine.vqgan_clip.loop import Run


def embed_cutouts(
    runs: Sequence["Run"], images: Sequence[Tensor], perceptor: Perceptor, plan: MemoryPlan
) -> Tensor:
    """Embed augmented cutouts of each run's picture (1, 3, H, W): unit vectors (sum of all N, D).

    Cuts and embeds them in the chunks that the plan allows.
    """
    size, chunk = perceptor.input_size, plan.cutout_batch_size
    regions = [crop(run, image) for run, image in zip(runs, images, strict=True)]
    views = [draw_views(run, region, size) for run, region in zip(runs, regions, strict=True)]
    jobs = list(zip(runs, regions, views, strict=True))
    if chunk is None:
        return encode_views(perceptor, torch.cat([cut_views(*job, size) for job in jobs]))

    def cut_and_encode(run: "Run", region: Tensor, part: Views) -> Tensor:
        return encode_views(perceptor, cut_views(run, region, part, size))

    return torch.cat(
        [
            _recomputed(cut_and_encode, run, region, part)
            for run, region, all_views in jobs
            for part in all_views.split(chunk)
        ]
    )


def crop(run: "Run", image: Tensor) -> Tensor:
    """Return the part (1, 3, H, W) of a picture from which cutouts are taken."""
    return image if run.edit is None else run.edit.crop_to_mask(image)


def draw_views(run: "Run", region: Tensor, size: int) -> Views:
    """Draw how the N cutouts of `size` pixels a side are taken out of `region` (2.3)."""
    recipe = run.recipe
    draws = draw(recipe.cutouts, size, recipe.augmentations, run.rng)
    height, width = region.shape[2:]
    return make_views(draws, width / height, recipe.augmentations)


def cut_views(run: "Run", region: Tensor, views: Views, size: int) -> Tensor:
    """Cut `views` (N, 3, size, size) out of `region` (1, 3, H, W) of a run's picture (2.3)."""
    return cut(region, views, size, run.recipe.augmentations)


def encode_views(perceptor: Perceptor, cutouts: Tensor) -> Tensor:
    """Embed cutouts (N, 3, S, S) as unit vectors (N, D) (2.2)."""
    return perceptor.encode_image(cutouts)


def _recomputed(function: Callable[..., Tensor], *arguments: Any) -> Tensor:
    """Call a function whose activations are computed again for the gradient.

    It draws nothing from torch's global generators, so their states are not kept.
    """
    result = checkpoint(function, *arguments, use_reentrant=False, preserve_rng_state=False)
    return cast(Tensor, result)
