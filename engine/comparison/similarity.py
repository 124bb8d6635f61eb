"""How well a picture fits a text, as CLIP sees it (paper, Section 2.2)."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.models.protocols import Perceptor


@torch.no_grad()
def similarity(image: Tensor, text: str, perceptors: Sequence[Perceptor]) -> float:
    """Return the cosine of the embeddings of a picture and a text, as a mean over perceptors.

    `image` is (1, 3, H, W) in [0, 1], which is squeezed to the square that each perceptor sees.
    """
    return sum(_cosine(image, text, each) for each in perceptors) / len(perceptors)


def _cosine(image: Tensor, text: str, perceptor: Perceptor) -> float:
    side = perceptor.input_size
    if image.shape[2:] != (side, side):
        image = F.interpolate(image, (side, side), mode="bicubic", antialias=True)
    seen = perceptor.encode_image(image.float().clamp(0, 1))
    return (seen * perceptor.encode_text([text])).sum().item()
