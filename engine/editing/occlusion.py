"""Find what a phrase names by hiding parts of the picture, one after the other.

A perceptor that was trained on whole pictures of one kind does not know crops of them. But where
the thing is hidden, the whole picture fits the phrase less (occlusion sensitivity, Zeiler and
Fergus, 2014). So each region is hidden by the color around it, and the one that costs most for its
area is the beginning of the mask. Neighbors join it as long as hiding them too costs more. In the
end GrabCut (Rother et al., 2004) moves the edge to where the colors change.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from engine.editing.segmentation import Mask, find_regions, grow
from engine.models.protocols import Perceptor
from engine.vqgan_clip.edit_constraint import resize_for_perceptor

PLACES = ("", " on the left", " in the middle", " on the right")
"""What is added to the phrase. A perceptor may take a thing without a place for one in the middle,
so the sentence counts that fits the whole picture best."""
AREA_WEIGHT = 0.7
"""Similarity that hiding the whole picture would have to cost. Of 0.4, 0.55, 0.7 and 0.85 this gave
the best masks of 32 tuning pictures."""
LEAST_GAIN = 0.004
"""Least gain for which a neighbor joins the mask."""
MOST_NEIGHBORS = 3
"""Maximum number of neighbors that join it."""
HALO, RIM = 3, 6
"""Width of the hidden edge around a region and of the surroundings whose color hides it, as pixels
of a picture of 128."""
CLOSED, REACH = 4, 14
"""Width of gaps that are closed, and how far GrabCut may move the edge, in the same pixels."""
CUTS = 4
"""Number of GrabCut's rounds."""
FOUND_DROP = 0.1
"""Least loss of similarity by which a phrase counts as found."""
BATCH = 32
"""Number of pictures that a perceptor embeds at once."""


@dataclass(frozen=True)
class _Hidden:
    """A part of the picture, and what hiding it costs."""

    part: Mask
    drop: float
    """Loss of the cosine similarity of the whole picture to the phrase."""

    @property
    def score(self) -> float:
        return self.drop - AREA_WEIGHT * float(self.part.mean())


def search_occlusions(
    image: Tensor, text: str, perceptors: Sequence[Perceptor]
) -> tuple[Mask, NDArray[np.float64], bool]:
    """Find what `text` names in a picture (1, 3, H, W), floats in [0, 1], of at most 128 pixels.

    Returns:
        The mask (H, W), the loss of similarity by hiding each pixel's region (H, W), and if
        anything was found.
    """
    regions = find_regions(image)
    texts = _fitting_texts(image, text, perceptors)
    found = _hide(image, regions, perceptors, texts)
    relevance = np.full(image.shape[2:], min(each.drop for each in found))
    for each in found:
        relevance[each.part] = np.maximum(relevance[each.part], each.drop)
    best = max(found, key=lambda each: each.score)
    for _ in range(MOST_NEIGHBORS):
        near = grow(best.part, HALO)
        joined = [best.part | each for each in regions if (near & each & ~best.part).any()]
        if not joined:
            break
        next_best = max(_hide(image, joined, perceptors, texts), key=lambda each: each.score)
        if next_best.score <= best.score + LEAST_GAIN:
            break
        best = next_best
    return _cut_out(image, best.part), relevance, best.drop >= FOUND_DROP


def _fitting_texts(image: Tensor, text: str, perceptors: Sequence[Perceptor]) -> list[Tensor]:
    """Return the embedding (1, D) of the text with the best of `PLACES`, for each perceptor."""
    embedded = [each.encode_text([text + place for place in PLACES]) for each in perceptors]
    fits = torch.stack(
        [
            (_embed(image, each) @ texts.T)[0]
            for each, texts in zip(perceptors, embedded, strict=True)
        ]
    )
    best = int(fits.mean(0).argmax())
    return [texts[best : best + 1] for texts in embedded]


def _hide(
    image: Tensor, parts: Sequence[Mask], perceptors: Sequence[Perceptor], texts: Sequence[Tensor]
) -> list[_Hidden]:
    """Hide each of the parts by the color around it."""
    pictures = torch.cat([image, *(_without(image, part) for part in parts)])
    fits = [
        (_embed(pictures, each) @ text.T)[:, 0]
        for each, text in zip(perceptors, texts, strict=True)
    ]
    whole, *hidden = torch.stack(fits).mean(0).tolist()
    return [_Hidden(part, whole - fit) for part, fit in zip(parts, hidden, strict=True)]


def _without(image: Tensor, part: Mask) -> Tensor:
    """Return the picture (1, 3, H, W) with a part in the color that is around it."""
    covered = grow(part, HALO)
    around = grow(covered, RIM) & ~covered
    if not around.any():
        around = np.ones_like(part)
    color = image[0][:, torch.from_numpy(around).to(image.device)].mean(1)[None, :, None, None]
    soft = F.avg_pool2d(torch.from_numpy(covered).to(image)[None, None], 5, 1, 2)
    return torch.lerp(image, color.expand_as(image), soft)


def _embed(pictures: Tensor, perceptor: Perceptor) -> Tensor:
    """Return unit vectors (N, D) of whole pictures (N, 3, H, W)."""
    views = resize_for_perceptor(pictures, perceptor.input_size)
    return torch.cat([perceptor.encode_image(batch) for batch in views.split(BATCH)])


def _cut_out(image: Tensor, part: Mask) -> Mask:
    """Close the gaps of a part, and move its edge to where the colors of the picture change."""
    padded = ndimage.binary_closing(np.pad(part, 2 * CLOSED), iterations=CLOSED)
    filled = np.asarray(ndimage.binary_fill_holes(padded), np.bool_)
    rows, columns = (slice(2 * CLOSED, 2 * CLOSED + length) for length in part.shape)
    inside = filled[rows, columns]
    labels = np.full(part.shape, cv2.GC_BGD, dtype=np.uint8)
    labels[grow(inside, REACH)] = cv2.GC_PR_BGD
    labels[inside] = cv2.GC_PR_FGD
    pixels = (image[0].permute(1, 2, 0) * 255).round().byte().cpu().numpy()
    try:
        cv2.setRNGSeed(0)  # GrabCut begins with random clusters
        cv2.grabCut(
            np.ascontiguousarray(pixels[..., ::-1]),
            labels,
            (0, 0, 0, 0),  # a rectangle, which does not count beside labels
            np.zeros((1, 65)),
            np.zeros((1, 65)),
            CUTS,
            cv2.GC_INIT_WITH_MASK,
        )
    except cv2.error:  # too few pixels on one side for its clusters of colors
        return inside
    cut = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
    return cut if cut.any() else inside
