"""Cutouts: the many augmented views of one picture that a perceptor judges (Section 2.3).

All geometry of a cutout (crop, flip, affine, perspective) is one matrix and one resampling; color
and noise follow. All parameters are drawn from the run's own random generator, never from torch's
global one, so that a seed reproduces a picture while other runs are in progress;
`engine.vqgan_clip.views` draws them.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.images.tiling import Tile, wraps_of
from engine.models.wrapping import wrap_pad
from engine.recipes.augmentations import Augmentations, supersampling
from engine.vqgan_clip.views import Views, draw, make_views

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in a pixel's luminance (ITU-R BT.601)."""


def make_cutouts(
    image: Tensor,
    count: int,
    size: int,
    augmentations: Augmentations,
    rng: torch.Generator,
    tile: Tile = "none",
) -> Tensor:
    """Cut `count` augmented views out of each picture.

    Args:
        image: (B, 3, H, W), floats in [0, 1].
        count: number of cutouts per picture.
        size: side of a cutout in pixels.
        augmentations: the possible changes of a cutout, and their strengths.
        rng: source of all parameters, on the picture's device.
        tile: axes along which the pictures continue across their edges.

    Returns:
        (B * count, 3, size, size), picture by picture; floats around [0, 1].
    """
    batch, _, height, width = image.shape
    draws = draw(batch * count, size, augmentations, rng)
    views = make_views(draws, width / height, augmentations, tile)
    return cut(image, views, size, augmentations, tile)


def cut(
    image: Tensor, views: Views, size: int, augmentations: Augmentations, tile: Tile = "none"
) -> Tensor:
    """Take the N `views` of B pictures: (N, 3, size, size), as `make_cutouts` does.

    `image` is (B, 3, H, W); N is a multiple of B, and the views are grouped by picture.
    """
    factor = supersampling(min(image.shape[2:]), size, augmentations)
    cutouts = resample(image, views.matrices.to(image), size, factor, tile)
    if views.colors is not None:
        cutouts = recolor(cutouts, views.colors.to(image))
    return cutouts if views.noise is None else cutouts + views.noise.to(image)


def resample(
    image: Tensor, matrices: Tensor, size: int, factor: int = 1, tile: Tile = "none"
) -> Tensor:
    """Sample `image` (B, 3, H, W) through `matrices` (B * N, 3, 3): (B * N, 3, size, size).

    Sampling is bilinear. Along each axis `factor` samples are averaged into one pixel, so that a
    large picture does not alias in a small cutout. Beyond the border the picture is mirrored,
    since a perceptor would see a black or stretched border as content. A `tile` continues with its
    opposite side instead.
    """
    count = len(matrices) // len(image)
    fine = size * factor
    grid = _grid(matrices, fine).view(len(image), count * fine, fine, 2)
    if tile != "none":
        image, grid = _wrapped(image, grid, tile)
    sampled = F.grid_sample(image, grid, padding_mode="reflection", align_corners=False)
    sampled = sampled.unflatten(2, (count, fine)).transpose(1, 2).flatten(0, 1)
    return F.avg_pool2d(sampled, factor) if factor > 1 else sampled


def _grid(matrices: Tensor, side: int) -> Tensor:
    """Apply `matrices` (N, 3, 3) to the pixels of a square: (N, side, side, 2) of x and y.

    Before the division a projection is linear in x and in y, so a row plus a column gives all
    pixels.
    """
    steps = torch.arange(side, device=matrices.device, dtype=matrices.dtype)
    steps = (steps * 2 + 1) / side - 1
    rows = matrices[:, :, 1, None] * steps + matrices[:, :, 2, None]
    columns = matrices[:, :, 0, None] * steps
    x, y, scale = (rows[:, :, :, None] + columns[:, :, None, :]).unbind(1)
    return torch.stack((x / scale, y / scale), -1)


def _wrapped(image: Tensor, grid: Tensor, tile: Tile) -> tuple[Tensor, Tensor]:
    """Return a picture with one more pixel on each wrapped side, and the places in it.

    Between the last pixel and the first one, sampling then finds both.
    """
    wraps = wraps_of(tile)
    places: list[Tensor] = []
    for axis, wrapped in ((3, wraps.columns), (2, wraps.rows)):  # places are x, y
        place, length = grid[..., len(places)], image.shape[axis]
        if wrapped:
            inside = torch.remainder(place + 1, 2) - 1
            place = inside * (length / (length + 2))
        places.append(place)
    return wrap_pad(image, (1, 1), tile), torch.stack(places, -1)


def recolor(images: Tensor, matrices: Tensor) -> Tensor:
    """Apply `matrices` (N, 3, 3) to the colors of `images` (N, 3, H, W)."""
    return torch.einsum("nij,njhw->nihw", matrices, images)
