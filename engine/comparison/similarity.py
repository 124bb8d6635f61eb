"""How well a picture fits a text, as CLIP sees it (paper, Section 2.2)."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.models.judge import Judge
from engine.models.protocols import Perceptor
from engine.recipes.kinds import AnyRecipe
from engine.recipes.recipe import Recipe
from engine.vqgan_clip.generation import embed_prompts, prompt_weights


@torch.no_grad()
def similarity(image: Tensor, text: str, perceptors: Sequence[Perceptor]) -> float:
    """Return the cosine of the embeddings of a picture and a text, as a mean over perceptors.

    `image` is (1, 3, H, W) in [0, 1], which is squeezed to the square that each perceptor sees.
    """
    return sum(_cosine(image, text, each) for each in perceptors) / len(perceptors)


@torch.no_grad()
def judged(image: Tensor, recipe: AnyRecipe, judge: Judge) -> float:
    """Return how well a picture fits its recipe, in [-1, 1], as a judge sees it.

    This is the mean of the cosines of the picture (1, 3, H, W) in [0, 1] and the prompts, words and
    pictures, by their weights; a negative weight counts against it. Of a story, its last chapter
    counts. Of several perceptors it is the mean by their shares.
    """
    weights = _weights(recipe, image.device)
    total = 0.0
    for share, perceptor in zip(judge.shares, judge.perceptors, strict=True):
        targets = embed_prompts(recipe, perceptor, image.device)  # (1, P, D)
        cosines = (embedded(image, perceptor)[:, None] * targets).sum(-1)
        total += share * (weights * cosines).sum().item()
    return total


def _weights(recipe: AnyRecipe, device: torch.device) -> Tensor:
    """Return the weights (1, P) of a recipe's prompts for its finished picture."""
    if isinstance(recipe, Recipe):
        return prompt_weights(recipe, device)[0][-1:]
    count = len(recipe.prompts)
    return torch.full((1, count), 1 / count, device=device)


def _cosine(image: Tensor, text: str, perceptor: Perceptor) -> float:
    return (embedded(image, perceptor) * perceptor.encode_text([text])).sum().item()


def embedded(image: Tensor, perceptor: Perceptor) -> Tensor:
    """Return the embedding (1, D) of a picture, squeezed to the square that a perceptor sees."""
    side = perceptor.input_size
    if image.shape[2:] != (side, side):
        image = F.interpolate(image, (side, side), mode="bicubic", antialias=True)
    return perceptor.encode_image(image.float().clamp(0, 1))
