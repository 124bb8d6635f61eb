"""Compare the pictures of a job, for it to show the best.

Of each painter that a job compares, the best try is chosen, as the paper did; here CLIP chooses. If
someone asks for the best of several pictures, the judge of the models compares them.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from PIL import Image

from bot.jobs.events import PaintedPicture
from engine.recipes.kinds import AnyRecipe, has_tries, without_seed
from engine.recipes.recipe import Recipe

if TYPE_CHECKING:
    from torch import Tensor

    from engine.models.judge import Judge
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


def compared(
    pictures: Sequence[PaintedPicture], get_judge: "Callable[[str], Judge]"
) -> tuple[tuple[PaintedPicture, ...], str | None]:
    """Return pictures with their similarity to their prompts, and the name of what compared them.

    A picture that was stopped early is left out if others are complete. The name is "" if the
    pictures' own guides compared them, and None if nothing did: there is nothing to choose from, or
    no judge could be loaded, and no picture may be lost.

    Args:
        pictures: what a job has painted.
        get_judge: returns what compares the pictures of some models.
    """
    if len(pictures) < 2:
        return tuple(pictures), None
    complete = {each.number for each in pictures if each.steps >= each.recipe.total_steps}
    try:
        models = pictures[0].recipe.models
        judge = get_judge(models)
        ranked = tuple(
            replace(each, similarity=_judged(each, judge))
            if each.number in complete or not complete
            else each
            for each in pictures
        )
    except Exception:
        log.exception("the best picture could not be chosen")
        return tuple(pictures), None
    is_own_guide = judge.is_guide and judge.name == models
    return ranked, "" if is_own_guide else judge.name


def _judged(picture: PaintedPicture, judge: "Judge") -> float:
    from engine.comparison.similarity import judged

    return judged(_image(picture).to(judge.device), picture.recipe, judge)


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

    image = _image(picture).to(painter.device)
    return similarity(image, picture.recipe.title, painter.models.perceptors)


def _image(picture: PaintedPicture) -> "Tensor":
    from engine.models.tensors import to_tensor

    return to_tensor(Image.fromarray(picture.pixels))
