"""Masks from text: find what a phrase names in a picture (paper, Appendix G.2).

The paper cuts a picture into many crops, compares each with the phrase, and thresholds the
similarities as a gray picture. That gives the place, but not the edge. So here the picture is
segmented into *regions* by its own colors, and each region is scored by three kinds of views:

- a crop around the region should be similar to the phrase,
- the same crop with everything except the region occluded should be similar too,
- the crop with the region occluded should not.

The region with the highest score becomes the mask. The paper's method is also available, and for
perceptors that know whole pictures only there is `engine.editing.occlusion`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from kornia.filters import guided_blur
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from engine.editing.occlusion import search_occlusions
from engine.editing.segmentation import Mask, find_regions, grow
from engine.errors import RecipeError
from engine.models.loading import Models
from engine.models.protocols import Perceptor
from engine.models.tensors import to_tensor
from engine.recipes.augmentations import MAX_SUPERSAMPLING
from engine.recipes.prompts import Prompt
from engine.vqgan_clip.cutouts import resample

Method = Literal["regions", "occlusion", "paper"]

VIEWED_SIDE = 512
"""Maximum side in pixels of the picture that views are cut from."""
REGION_SIDE = 128
"""Maximum side in pixels of the picture that is segmented; segmentation needs no details."""
GUIDED_EDGE = 1e-3
"""Variance of color within a few pixels from which the mask of a large picture follows its edge
(the epsilon of He et al., 2010)."""
ZOOMS = (1.5, 1.7, 2.0)
"""Sides of the crops around a region, relative to its longer side. They include surroundings,
because a perceptor knows objects in context. With 1.2 and 2.5 the order of regions was worse."""
OCCLUDED_WEIGHT = 0.5
"""Weight of the view with the region occluded; the other two have weight 1. With 0 or 1 masks were
worse where there were shadows or noise (docs/editing.md)."""
HALO, RIM = 0.03, 0.08
"""Width of a region's soft edge, and of the surroundings whose color occludes it, as shares of the
picture's shorter side."""
FOUND_SIMILARITY = 0.17
"""Minimum cosine similarity between the phrase and crops around the best region. Tuned on the demo
pair; other perceptors have other levels (docs/editing.md)."""
PAPER_SCALES, PAPER_STEP = (0.35, 0.5, 0.7), 0.25
"""Sides of the paper's crops as shares of the shorter side, and their distance as a share of a
crop."""
PAPER_MAX_CROPS = 24
"""Maximum number of crops of one scale along an axis, for long and narrow pictures."""
PAPER_DEVIATIONS = -2.0
"""Threshold of the paper in standard deviations from the mean, which keeps nearly everything."""
BATCH = 64
"""Number of views that a perceptor embeds at once."""


@dataclass(frozen=True)
class TextMask:
    """The part of a picture that a phrase names."""

    mask: Image.Image
    """Mask of mode "L" and the picture's size: 255 where the phrase applies, 0 elsewhere."""
    relevance: Image.Image
    """Scores behind the mask, of mode "L" and the picture's size, scaled from the picture's lowest
    to its highest."""
    found: bool
    """True if the phrase names anything in the picture; if not, the mask is the best guess."""


def find_mask(
    picture: Image.Image, phrase: str, models: Models, method: Method | None = None
) -> TextMask:
    """Find what `phrase` names in `picture`, without any randomness.

    The scores of all perceptors of `models` are averaged. `method` is by default the one that suits
    the models. "paper" is that of Appendix G.2, which always finds something.

    Raises:
        RecipeError: The phrase is empty or too long.
    """
    if not phrase.strip():
        raise RecipeError("the phrase is empty: say in words what to look for in the picture")
    text = Prompt(phrase).text
    image = to_tensor(_shrink(picture, VIEWED_SIDE)).to(models.device)
    if method is None:
        method = "regions" if models.knows_crops else "occlusion"
    search = {"regions": _search_regions, "occlusion": _occlude, "paper": _search_crops}[method]
    with torch.inference_mode():
        chosen, relevance, found = search(image, text, models.perceptors)
    return TextMask(
        _to_gray(chosen, picture.size, hard=True), _to_gray(relevance, picture.size), found
    )


def _search_regions(
    image: Tensor, text: str, perceptors: Sequence[Perceptor]
) -> tuple[Tensor, Tensor, bool]:
    """Return the best region (H, W) in [0, 1], a map of all scores, and if the best is found."""
    small = _for_regions(image)
    regions = find_regions(small)
    scores = torch.zeros(len(regions), 3)
    for perceptor in perceptors:
        views = _region_views(image, small, regions, perceptor.input_size)
        similarity = _similarity(views, text, perceptor)
        scores += similarity.view(3, len(regions), len(ZOOMS)).mean(2).T.cpu() / len(perceptors)
    crop, only, occluded = scores.unbind(1)
    total = crop + only - OCCLUDED_WEIGHT * occluded
    best = int(total.argmax())
    relevance = np.full(small.shape[2:], float(total.min()))
    for region, score in zip(regions, total.tolist(), strict=True):
        relevance[region] = np.maximum(relevance[region], score)
    scores_map = torch.from_numpy(relevance).to(image)
    return _enlarged(regions[best], image), scores_map, bool(crop[best] >= FOUND_SIMILARITY)


def _occlude(
    image: Tensor, text: str, perceptors: Sequence[Perceptor]
) -> tuple[Tensor, Tensor, bool]:
    """Return what `search_occlusions` finds, as tensors of the picture's size."""
    chosen, relevance, found = search_occlusions(_for_regions(image), text, perceptors)
    return _enlarged(chosen, image), torch.from_numpy(relevance).to(image), found


def _for_regions(image: Tensor) -> Tensor:
    """Return a picture (1, 3, H, W) small enough for its segmentation."""
    scale = min(1.0, REGION_SIDE / max(image.shape[2:]))
    height, width = (max(1, round(side * scale)) for side in image.shape[2:])
    return F.interpolate(image, (height, width), mode="bilinear", antialias=True)


def _enlarged(region: Mask, image: Tensor) -> Tensor:
    """Return a region (h, w) as a mask (H, W) in [0, 1] along the edges of a picture."""
    chosen = torch.from_numpy(region).to(image)[None, None]
    chosen = F.interpolate(chosen, image.shape[2:], mode="bilinear")
    scale = max(image.shape[2:]) / max(region.shape)
    if scale > 1:
        reach = 2 * round(scale) + 1
        chosen = guided_blur(image, chosen, reach, GUIDED_EDGE, border_type="replicate")
    return chosen[0, 0]


def _region_views(image: Tensor, small: Tensor, regions: Sequence[Mask], size: int) -> Tensor:
    """Return views (3 * R * Z, 3, S, S) of R regions: crops, region only, region occluded."""
    height, width = small.shape[2:]
    halo, rim = (max(1, round(share * min(height, width))) for share in (HALO, RIM))
    matrices, halos, rims = [], [], []
    for region in regions:
        covered = grow(region, halo)
        around = grow(covered, rim) & ~covered
        if not around.any():
            around = np.ones_like(region)
        matrices += [_crop_matrix(region, zoom) for zoom in ZOOMS]
        halos.append(covered)
        rims.append(small[0][:, torch.from_numpy(around).to(small.device)].mean(1))
    where = torch.stack(matrices).to(image)
    supersampling = max(image.shape[2:]) / size
    factor = min(MAX_SUPERSAMPLING, max(1, round(supersampling)))
    crops = resample(image, where, size, factor)
    inside = resample(torch.from_numpy(np.stack(regions)).to(image)[:, None], where, size)
    covered = resample(torch.from_numpy(np.stack(halos)).to(image)[:, None], where, size)
    surroundings = torch.stack(rims).repeat_interleave(len(ZOOMS), 0)[:, :, None, None]
    only = torch.lerp(image.mean((2, 3), keepdim=True), crops, inside)
    occluded = torch.lerp(crops, surroundings, covered)
    return torch.cat((crops, only, occluded))


def _crop_matrix(region: Mask, zoom: float) -> Tensor:
    """Return the matrix (3, 3) for `resample` of a square crop around a region in the picture."""
    sides = np.array(region.shape[::-1])
    places = np.argwhere(region)[:, ::-1]
    low, high = places.min(0), places.max(0) + 1
    side = min(zoom * (high - low).max(), sides.min())
    center = np.clip((low + high) / 2, side / 2, sides - side / 2)
    matrix = torch.eye(3)
    matrix[:2, :2] = torch.diag(torch.from_numpy(side / sides))
    matrix[:2, 2] = torch.from_numpy(2 * center / sides - 1)
    return matrix


def _search_crops(
    image: Tensor, text: str, perceptors: Sequence[Perceptor]
) -> tuple[Tensor, Tensor, bool]:
    """Search as in Appendix G.2: normalize and threshold the similarities of crops."""
    height, width = image.shape[2:]
    total = torch.zeros(height, width, device=image.device)
    for perceptor in perceptors:
        for matrices, grid in _paper_crops(height, width):
            views = resample(image, matrices.to(image), perceptor.input_size)
            similarity = _similarity(views, text, perceptor).view(1, 1, *grid)
            total += _interpolate(similarity, matrices, height, width)
    relevance = (total - total.min()) / (total.max() - total.min()).clamp(min=1e-6)
    threshold = relevance.mean() + PAPER_DEVIATIONS * relevance.std(correction=0)
    return (relevance > threshold).to(image), relevance, True


def _paper_crops(height: int, width: int) -> Iterator[tuple[Tensor, tuple[int, int]]]:
    """Yield the crops' matrices (rows * columns, 3, 3) and (rows, columns) for each scale."""
    for scale in PAPER_SCALES:
        side = scale * min(height, width)
        shares = side / height, side / width
        counts = (min(PAPER_MAX_CROPS, round((1 / share - 1) / PAPER_STEP) + 1) for share in shares)
        y, x = (torch.linspace(s - 1, 1 - s, n) for s, n in zip(shares, counts, strict=True))
        matrices = torch.diag(torch.tensor((*shares[::-1], 1.0))).repeat(len(y) * len(x), 1, 1)
        matrices[:, 1, 2], matrices[:, 0, 2] = torch.cartesian_prod(y, x).unbind(1)
        yield matrices, (len(y), len(x))


def _interpolate(values: Tensor, matrices: Tensor, height: int, width: int) -> Tensor:
    """Interpolate values (1, 1, rows, columns) at the crops' centers linearly to a map (H, W)."""
    y, x = (
        ((torch.arange(n) * 2 + 1) / n - 1) / (1 - matrices[0, axis, axis])
        for n, axis in ((height, 1), (width, 0))
    )
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)[None].to(values)
    return F.grid_sample(values, grid, padding_mode="border", align_corners=True)[0, 0]


def _similarity(views: Tensor, text: str, perceptor: Perceptor) -> Tensor:
    """Return the cosine similarities (N,) of `views` (N, 3, S, S) to `text`."""
    images = torch.cat([perceptor.encode_image(batch) for batch in views.split(BATCH)])
    return images @ perceptor.encode_text([text])[0]


def _shrink(picture: Image.Image, side: int) -> Image.Image:
    """Return the picture, scaled down to at most `side` pixels wide and high."""
    small = picture.convert("RGB")
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return small


def _to_gray(values: Tensor, size: tuple[int, int], *, hard: bool = False) -> Image.Image:
    """Return values (H, W) as a gray picture of `size`, scaled to 0-255, or with `hard` binary."""
    if not hard:
        values = (values - values.min()) / (values.max() - values.min()).clamp(min=1e-6)
    levels = values.float().clamp(0, 1).mul(255).round().to(torch.uint8).cpu().numpy()
    gray = Image.fromarray(levels).resize(size, Image.Resampling.BILINEAR)
    return gray.point([0] * 128 + [255] * 128) if hard else gray
