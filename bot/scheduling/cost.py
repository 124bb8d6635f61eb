"""The cost of a job, in a unit that does not depend on the machine: that of its steps."""

from bot.jobs.job import Job
from engine.painters import step_cost
from engine.recipes.kinds import AnyRecipe


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
