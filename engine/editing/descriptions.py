"""Words for a picture: the prompts, made of ranked phrases, that a pair's perceptors find in it.

Subjects are ranked by their similarity with the picture, and so is each list of looks (media,
movements, moods). The best of each list are put together, and whole prompts are ranked again,
because phrases change each other's meaning.
"""

from collections.abc import Sequence
from itertools import product

import torch
from PIL import Image
from torch import Tensor

from engine.models.loading import Models
from engine.models.phrases import Phrases
from engine.models.protocols import Perceptor
from engine.models.tensors import to_tensor
from engine.vqgan_clip.edit_constraint import resize_for_perceptor

COUNT = 4
"""Number of prompts that describe a picture."""
_SUBJECTS, _LOOKS = 4, 2
"""Number of the best subjects, and of the best looks of each list, that are put together."""
_BATCH = 64
"""Number of texts that a perceptor embeds at once."""


def describe(
    picture: Image.Image, models: Models, phrases: Phrases, count: int = COUNT
) -> tuple[str, ...]:
    """Return up to `count` different prompts that describe a picture, the best first."""
    image = to_tensor(picture).to(models.device)  # (1, 3, H, W)
    subjects = _best(phrases.subjects, image, models, max(_SUBJECTS, count))
    looks = [_best(each, image, models, _LOOKS) for each in phrases.looks]
    if not looks:
        return tuple(subjects[:count])
    combined = list(product(subjects, *looks))
    sentences = [phrases.sentence(parts) for parts in combined]
    ranked = [combined[index] for index in _order(sentences, image, models)]
    return tuple(phrases.sentence(parts) for parts in _varied(ranked, count))


def _varied(ranked: Sequence[tuple[str, ...]], count: int) -> list[tuple[str, ...]]:
    """Choose prompts, best first, of which no two differ in one phrase only."""
    chosen: list[tuple[str, ...]] = []
    for parts in ranked:
        changes = (sum(a != b for a, b in zip(parts, each, strict=True)) for each in chosen)
        if len(chosen) < count and all(each > 1 for each in changes):
            chosen.append(parts)
    return chosen


def _best(texts: Sequence[str], image: Tensor, models: Models, count: int) -> list[str]:
    return [texts[index] for index in _order(texts, image, models)[:count]]


@torch.no_grad()
def _order(texts: Sequence[str], image: Tensor, models: Models) -> list[int]:
    """Return the indices of texts, the most similar to the picture (1, 3, H, W) first."""
    scores = torch.zeros(len(texts))
    for share, perceptor in zip(models.shares, models.perceptors, strict=True):
        scores += share * _similarities(texts, image, perceptor).cpu()
    return scores.argsort(descending=True, stable=True).tolist()


def _similarities(texts: Sequence[str], image: Tensor, perceptor: Perceptor) -> Tensor:
    """Return the cosines (N,) of N texts with a picture."""
    seen = perceptor.encode_image(resize_for_perceptor(image, perceptor.input_size))  # (1, D)
    parts = [texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH)]
    return torch.cat([perceptor.encode_text(part) @ seen[0] for part in parts]).float()
