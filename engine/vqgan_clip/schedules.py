"""What changes from step to step of a run: its learning rate and the weights in its loss.

They follow from the recipe and the number of steps taken, so nothing of them is stored.
"""

import math

from engine.recipes.recipe import Recipe

SMOOTH_FROM = 0.4
"""Share of a run after which the total variation begins to count. From the start it destroys
color; late in a run it cleans backgrounds."""

EXTRA_ROUND_RATE = 0.5
"""Share of the learning rate at which an extra round begins. For 12 pictures of the demo models and
60 extra steps, half the rate spoiled none of the 8 that were right, and the full rate spoiled 2;
neither corrected a wrong one. The visible effect is that blotches fade."""


def learning_rate(recipe: Recipe, steps_done: int) -> float:
    """Return Adam's learning rate for the next step.

    In every round it falls along half a cosine, from its peak to the share `learning_rate_end`.
    Each chapter of a story is such a round. The paper's constant rate (Section 2) is
    `learning_rate_end` = 1. In the frames of a film the rate is constant, and in each tile of an
    enlargement it falls anew.
    """
    steps_done = _steps_of_tile(recipe, steps_done)
    if recipe.film is not None and steps_done >= recipe.steps:
        return recipe.learning_rate * recipe.film.strength
    taken, (length, *extra) = steps_done, recipe.rounds
    end, peak = recipe.learning_rate_end, 1.0
    if recipe.story is not None and recipe.film is None and taken < length:
        taken, length, extra = chapter_progress(recipe, taken), 1, []
    while taken >= length and extra:
        taken, length = taken - length, extra.pop(0)
        peak = max(end, EXTRA_ROUND_RATE)
    remaining = (1 + math.cos(math.pi * taken / length)) / 2
    return recipe.learning_rate * (end + (peak - end) * remaining)


def chapter_progress(recipe: Recipe, steps_done: int) -> float:
    """Return how much of a story's chapter is over, from 0 to 1, or of all steps without a story.

    In extra rounds it goes on beyond 1 without a story, and stays 1 with one.
    """
    over = _steps_of_tile(recipe, steps_done) / recipe.steps
    if recipe.story is None or (recipe.film is not None and over <= 1):
        return over
    return recipe.story.place_at(recipe.story_share(steps_done)).progress


def alpha(recipe: Recipe, steps_done: int) -> float:
    """Return the weight of mean(z^2) for the next step; it decays in every step (Section 2.4)."""
    steps_done = _steps_of_tile(recipe, steps_done)
    return recipe.regularizer * (1 - recipe.regularizer_decay) ** steps_done


def _steps_of_tile(recipe: Recipe, steps_done: int) -> int:
    """Return the steps taken for the current tile of an enlargement, else all steps taken."""
    return steps_done if recipe.enlargement is None else steps_done % recipe.steps


def smoothness_weight(recipe: Recipe, steps_done: int) -> float:
    """Return the weight of the total variation, which rises from `SMOOTH_FROM` to the end.

    It does so in each chapter of a story, because a picture that changes needs its colors again.
    """
    rise = (chapter_progress(recipe, steps_done) - SMOOTH_FROM) / (1 - SMOOTH_FROM)
    return recipe.smoothness * min(max(0.0, rise), 1.0)
