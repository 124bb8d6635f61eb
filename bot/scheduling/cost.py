"""The cost of a step and of a job, in a unit that does not depend on the machine."""

from bot.jobs.job import Job
from engine.models.catalogue import PAINTERS
from engine.recipes.kinds import AnyRecipe
from engine.recipes.recipe import Recipe

_PIXELS_PER_CUTOUT = 1000
"""Number of pixels that take the generator about as long as one cutout takes the perceptor."""
_UNKNOWN_COST = 100_000.0
"""Cost of a step of models that are not installed any more."""


def step_cost(recipe: AnyRecipe) -> float:
    """Return the cost of one step of a recipe, in pixels; a cutout counts as 1,000.

    Steps of other painters than VQGAN-CLIP cost what its steps do that take about as long.
    """
    if not isinstance(recipe, Recipe):
        entry = PAINTERS.get(recipe.models)
        return _UNKNOWN_COST if entry is None else entry.step_cost
    return float(recipe.width * recipe.height + _PIXELS_PER_CUTOUT * recipe.cutouts)


def recipe_cost(recipe: AnyRecipe) -> float:
    """Return the cost of all steps of a recipe."""
    return recipe.total_steps * step_cost(recipe)


def remaining_cost(job: Job, steps_done: int = 0) -> float:
    """Return the cost of the steps of a job, without the first ones, which are done."""
    cost = 0.0
    for recipe in job.recipes:
        done = min(steps_done, recipe.total_steps)
        steps_done -= done
        cost += (recipe.total_steps - done) * step_cost(recipe)
    return cost
