"""Embed finished pictures, so that those that look alike can be found."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from engine.comparison.similarity import embedded
from engine.models.loading import Models
from engine.models.tensors import to_tensor

_DIGITS = 16
"""Number of digits of a digest in a perceptor's name: 64 bits, which nobody confuses by chance."""


def perceptor_name(models: Models) -> str:
    """Return the name of what `embed_pictures` looks with, which other weights do not share."""
    return f"{models.judge.name}:{models.judge_digest[:_DIGITS]}"


@torch.no_grad()
def embed_pictures(pictures: Sequence[Image.Image], models: Models) -> NDArray[np.float32]:
    """Return embeddings (N, D) of N pictures, of length 1; their cosines say how alike they look.

    The judge of the models looks at them, which guided none: a picture is optimized until its guide
    finds in it what the words say, so guides place all pictures of the same words side by side,
    whatever they look like. Without a judge, the guide does that has the largest share.
    """
    judge = models.judge
    perceptor = max(zip(judge.shares, judge.perceptors, strict=True), key=lambda each: each[0])[1]
    found = [embedded(to_tensor(each).to(judge.device), perceptor)[0] for each in pictures]
    return torch.stack(found).float().cpu().numpy() if found else np.empty((0, 0), np.float32)
