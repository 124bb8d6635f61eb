"""The cost of a step and of a job, in a unit that does not depend on the machine."""

from bot.jobs.job import Job
from engine.recipes.recipe import Recipe

_PIXELS_PER_CUTOUT = 1000
"""Number of pixels that take the generator about as long as one cutout takes the perceptor."""


def step_cost(recipe: Recipe) -> float:
    """Return the cost of one step of a recipe, in pixels; a cutout counts as 1,000."""
    return float(recipe.width * recipe.height + _PIXELS_PER_CUTOUT * recipe.cutouts)


def job_cost(job: Job) -> float:
    """Return the cost of all steps of a job."""
    return sum(recipe.total_steps * step_cost(recipe) for recipe in job.recipes)
