"""Choose the best try of each painter that a job compares, as the paper did; here CLIP chooses."""

import logging
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from PIL import Image

from bot.jobs.events import PaintedPicture
from engine.recipes.kinds import AnyRecipe, has_tries, without_seed
from engine.recipes.recipe import Recipe

if TYPE_CHECKING:
    from engine.models.painter import Painter
    from engine.vqgan_clip.painter import VqganClip

log = logging.getLogger(__name__)


def best_tries(
    recipes: Sequence[AnyRecipe],
    pictures: Sequence[PaintedPicture],
    get_painter: "Callable[[str], Painter]",
) -> tuple[PaintedPicture, ...]:
    """Return the pictures of a job; of several tries, the one that CLIP finds most similar.

    The perceptors of VQGAN-CLIP choose, as in `engine.comparison.compare`. If they cannot be
    loaded, all tries are returned, because no picture may be lost.

    Args:
        recipes: all recipes of the job.
        pictures: what is painted of them, in their order.
        get_painter: returns the painter of some models.
    """
    if not has_tries(recipes) or len(pictures) < 2:
        return tuple(pictures)
    try:
        painter = _vqgan_clip(recipes, get_painter)
        groups = groupby(pictures, key=lambda each: without_seed(each.recipe))
        return tuple(_best(list(group), painter) for _, group in groups)
    except Exception:
        log.exception("the best tries could not be chosen")
        return tuple(pictures)


def _vqgan_clip(
    recipes: Sequence[AnyRecipe], get_painter: "Callable[[str], Painter]"
) -> "VqganClip":
    from engine.vqgan_clip.painter import VqganClip

    models = next(each.models for each in recipes if isinstance(each, Recipe))
    painter = get_painter(models)
    assert isinstance(painter, VqganClip)
    return painter


def _best(tries: Sequence[PaintedPicture], painter: "VqganClip") -> PaintedPicture:
    """Return the try that is most similar to its words, the first one of equals."""
    if len(tries) == 1:
        return tries[0]
    return max(tries, key=lambda each: _similarity(each, painter))


def _similarity(picture: PaintedPicture, painter: "VqganClip") -> float:
    from engine.comparison.similarity import similarity
    from engine.models.tensors import to_tensor

    image = to_tensor(Image.fromarray(picture.pixels)).to(painter.device)
    return similarity(image, picture.recipe.title, painter.models.perceptors)
