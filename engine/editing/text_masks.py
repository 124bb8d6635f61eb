"""Masks from text: where in a picture is what a phrase names? (Paper, Appendix G.2)

The paper crops a picture into many parts, compares each with the phrase, and thresholds the
similarities as a grey picture. That says roughly where, but not up to which edge. So here the
crops follow the picture: it is taken apart into *regions* by its own colours, and three kinds of
view ask of each whether the phrase names it:

- a crop around the region must be like the phrase,
- so must the same crop with everything but the region painted over,
- and the crop with the region painted over must not.

The region with the highest score is the mask. The paper's own way is there beside it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from kornia.filters import guided_blur
from PIL import Image
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from engine.editing.segmentation import Mask, find_regions
from engine.errors import RecipeError
from engine.models.loading import Models
from engine.models.protocols import Perceptor
from engine.models.tensors import to_tensor
from engine.recipes.augmentations import MAX_SUPERSAMPLING
from engine.recipes.prompts import Prompt
from engine.vqgan_clip.cutouts import resample

Method = Literal["regions", "paper"]

VIEWED_SIDE = 512
"""Pixels along the longer side of the picture that views are cut from; larger ones are reduced."""
REGION_SIDE = 128
"""The same for finding regions, which is a matter of colours and not of details."""
GUIDED_EDGE = 1e-3
"""Variance of colour within a few pixels from which the mask of a large picture follows its edge
(the epsilon of He et al., 2010)."""
ZOOMS = (1.5, 1.7, 2.0)
"""Sides of the crops around a region, in lengths of its longer side: with some surroundings, since
a perceptor knows things in their surroundings. With 1.2 and 2.5 the order of regions was worse."""
WITHOUT_WEIGHT = 0.5
"""What the view without the region counts, the other two counting 1. With 0 or 1 the masks fitted
less well where there were shadows or noise (docs/editing.md)."""
HALO, RIM = 0.03, 0.08
"""How far a region's soft edge reaches, and the surroundings whose colour paints it over; shares of
the shorter side."""
FOUND_SIMILARITY = 0.17
"""Cosine similarity to the phrase, of crops around the best region, from which it is found. Tuned
on the demo pair; other perceptors have levels of their own (docs/editing.md)."""
PAPER_SCALES, PAPER_STEP = (0.35, 0.5, 0.7), 0.25
"""Sides of the paper's crops as shares of the shorter side, and their distance in crops."""
PAPER_MOST = 24
"""At most so many crops of one scale along an axis, however long and narrow the picture."""
PAPER_DEVIATIONS = -2.0
"""The paper keeps what lies above the mean less two standard deviations, which is nearly all."""
BATCH = 64
"""Views that a perceptor is shown at once."""


@dataclass(frozen=True)
class TextMask:
    """What a phrase names in a picture."""

    mask: Image.Image
    """Mode "L", of the picture's size: 255 = what the phrase names, 0 = everything else."""
    relevance: Image.Image
    """Mode "L", of the picture's size: the scores behind the mask, from the lowest to the highest
    in this picture."""
    found: bool
    """Whether the phrase names anything in the picture. If not, the mask shows the best guess."""


def find_mask(
    picture: Image.Image, phrase: str, models: Models, method: Method = "regions"
) -> TextMask:
    """Find what `phrase` names in `picture`, as the average of all perceptors of `models` sees it.

    Nothing is drawn at random. `method` is "regions", or "paper" for Appendix G.2 as it stands,
    which always finds something.

    Raises RecipeError if the phrase is empty or too long.
    """
    if not phrase.strip():
        raise RecipeError("the phrase is empty: say in words what to look for in the picture")
    text = Prompt(phrase).text
    image = to_tensor(_reduced(picture, VIEWED_SIDE)).to(models.device)
    search = {"regions": _search_regions, "paper": _search_crops}[method]
    with torch.inference_mode():
        chosen, relevance, found = search(image, text, models.perceptors)
    return TextMask(_grey(chosen, picture.size, hard=True), _grey(relevance, picture.size), found)


def _search_regions(
    image: Tensor, text: str, perceptors: Sequence[Perceptor]
) -> tuple[Tensor, Tensor, bool]:
    """The best region (H, W) in [0, 1], the scores of all as a map, whether the best is found."""
    height, width = image.shape[2:]
    scale = min(1.0, REGION_SIDE / max(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    small = F.interpolate(image, size, mode="bilinear", antialias=True)
    regions = find_regions(small)
    scores = torch.zeros(len(regions), 3)
    for perceptor in perceptors:
        views = _region_views(image, small, regions, perceptor.input_size)
        similarity = _similarity(views, text, perceptor)
        scores += similarity.view(3, len(regions), len(ZOOMS)).mean(2).T.cpu() / len(perceptors)
    crop, only, without = scores.unbind(1)
    total = crop + only - WITHOUT_WEIGHT * without
    best = int(total.argmax())
    relevance = np.full(size, float(total.min()))
    for region, score in zip(regions, total.tolist(), strict=True):
        relevance[region] = np.maximum(relevance[region], score)
    chosen = torch.from_numpy(regions[best]).to(image)[None, None]
    chosen = F.interpolate(chosen, (height, width), mode="bilinear")
    if scale < 1:
        reach = 2 * round(1 / scale) + 1
        chosen = guided_blur(image, chosen, reach, GUIDED_EDGE, border_type="replicate")
    shown = torch.from_numpy(relevance).to(image)
    return chosen[0, 0], shown, bool(crop[best] >= FOUND_SIMILARITY)


def _region_views(image: Tensor, small: Tensor, regions: Sequence[Mask], size: int) -> Tensor:
    """Views (3 * R * Z, 3, S, S) of R regions: crops; the region only; all but the region."""
    height, width = small.shape[2:]
    halo, rim = (max(1, round(share * min(height, width))) for share in (HALO, RIM))
    matrices, masks, halos, rims = [], [], [], []
    for region in regions:
        covered = _grown(region, halo)
        around = _grown(covered, rim) & ~covered
        if not around.any():
            around = np.ones_like(region)
        matrices += [_crop_matrix(region, zoom) for zoom in ZOOMS]
        masks.append(region)
        halos.append(covered)
        rims.append(small[0][:, torch.from_numpy(around).to(small.device)].mean(1))
    where = torch.stack(matrices).to(image)
    supersampling = max(image.shape[2:]) / size
    factor = min(MAX_SUPERSAMPLING, max(1, round(supersampling)))
    crops = resample(image, where, size, factor)
    inside = resample(torch.from_numpy(np.stack(masks)).to(image)[:, None], where, size)
    hidden = resample(torch.from_numpy(np.stack(halos)).to(image)[:, None], where, size)
    surroundings = torch.stack(rims).repeat_interleave(len(ZOOMS), 0)[:, :, None, None]
    only = torch.lerp(image.mean((2, 3), keepdim=True), crops, inside)
    without = torch.lerp(crops, surroundings, hidden)
    return torch.cat((crops, only, without))


def _crop_matrix(region: Mask, zoom: float) -> Tensor:
    """The square crop around a region, inside the picture, as `resample` takes it (3, 3)."""
    sides = np.array(region.shape[::-1])
    places = np.argwhere(region)[:, ::-1]
    low, high = places.min(0), places.max(0) + 1
    side = min(zoom * (high - low).max(), sides.min())
    centre = np.clip((low + high) / 2, side / 2, sides - side / 2)
    matrix = torch.eye(3)
    matrix[:2, :2] = torch.diag(torch.from_numpy(side / sides))
    matrix[:2, 2] = torch.from_numpy(2 * centre / sides - 1)
    return matrix


def _search_crops(
    image: Tensor, text: str, perceptors: Sequence[Perceptor]
) -> tuple[Tensor, Tensor, bool]:
    """Appendix G.2: similarities of crops at their centres, normalised and thresholded."""
    height, width = image.shape[2:]
    total = torch.zeros(height, width, device=image.device)
    for perceptor in perceptors:
        for matrices, grid in _paper_crops(height, width):
            views = resample(image, matrices.to(image), perceptor.input_size)
            similarity = _similarity(views, text, perceptor).view(1, 1, *grid)
            total += _spread(similarity, matrices, height, width)
    relevance = (total - total.min()) / (total.max() - total.min()).clamp(min=1e-6)
    threshold = relevance.mean() + PAPER_DEVIATIONS * relevance.std(correction=0)
    return (relevance > threshold).to(image), relevance, True


def _paper_crops(height: int, width: int) -> Iterator[tuple[Tensor, tuple[int, int]]]:
    """For each scale the crops' matrices (rows * columns, 3, 3), and (rows, columns)."""
    for scale in PAPER_SCALES:
        side = scale * min(height, width)
        shares = side / height, side / width
        counts = (min(PAPER_MOST, round((1 / share - 1) / PAPER_STEP) + 1) for share in shares)
        y, x = (torch.linspace(s - 1, 1 - s, n) for s, n in zip(shares, counts, strict=True))
        matrices = torch.diag(torch.tensor((*shares[::-1], 1.0))).repeat(len(y) * len(x), 1, 1)
        matrices[:, 1, 2], matrices[:, 0, 2] = torch.cartesian_prod(y, x).unbind(1)
        yield matrices, (len(y), len(x))


def _spread(values: Tensor, matrices: Tensor, height: int, width: int) -> Tensor:
    """Values (1, 1, rows, columns) at the crops' centres as a map (H, W), linear in between."""
    y, x = (
        ((torch.arange(n) * 2 + 1) / n - 1) / (1 - matrices[0, axis, axis])
        for n, axis in ((height, 1), (width, 0))
    )
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)[None].to(values)
    return F.grid_sample(values, grid, padding_mode="border", align_corners=True)[0, 0]


def _similarity(views: Tensor, text: str, perceptor: Perceptor) -> Tensor:
    """Cosine similarities (N,) of `views` (N, 3, S, S) to `text`."""
    images = torch.cat([perceptor.encode_image(batch) for batch in views.split(BATCH)])
    return images @ perceptor.encode_text([text])[0]


def _grown(region: Mask, pixels: int) -> Mask:
    return np.asarray(ndimage.binary_dilation(region, iterations=pixels), np.bool_)


def _reduced(picture: Image.Image, side: int) -> Image.Image:
    """The picture, at most `side` pixels wide and high."""
    small = picture.convert("RGB")
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return small


def _grey(values: Tensor, size: tuple[int, int], *, hard: bool = False) -> Image.Image:
    """Values (H, W) as a picture of `size`: from the lowest to the highest or, `hard`, 0 or 255."""
    if not hard:
        values = (values - values.min()) / (values.max() - values.min()).clamp(min=1e-6)
    levels = values.float().clamp(0, 1).mul(255).round().to(torch.uint8).cpu().numpy()
    grey = Image.fromarray(levels).resize(size, Image.Resampling.BILINEAR)
    return grey.point([0] * 128 + [255] * 128) if hard else grey
