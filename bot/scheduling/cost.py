"""What a step and a job cost, in units that do not depend on the machine."""

from bot.jobs.job import Job
from engine.recipes.recipe import Recipe

_PIXELS_PER_CUTOUT = 1000
"""As many pixels of the generator's cost about as much as a cutout of the perceptor's."""


def step_cost(recipe: Recipe) -> float:
    """What a step of a recipe costs, in units of work: pixels and cutouts."""
    return float(recipe.width * recipe.height + _PIXELS_PER_CUTOUT * recipe.cutouts)


def job_cost(job: Job) -> float:
    """What all steps of a job cost."""
    return sum(recipe.total_steps * step_cost(recipe) for recipe in job.recipes)
