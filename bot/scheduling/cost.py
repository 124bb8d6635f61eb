"""The cost of a job, in a unit that does not depend on the machine: that of its steps."""

from dataclasses import dataclass

from bot.jobs.job import Job
from engine.painters import step_cost
from engine.recipes.kinds import AnyRecipe


def work_kind(recipe: AnyRecipe) -> str:
    """Return the name of work whose speed is measured together: that of its models, or of films.

    Steps of films take longer than those of pictures, because the camera moves between them.
    """
    return recipe.models if recipe.film is None else f"{recipe.models}, films"


def recipe_cost(recipe: AnyRecipe) -> float:
    """Return the cost of all steps of a recipe."""
    return recipe.total_steps * step_cost(recipe)


def remaining_cost(job: Job, steps_done: int = 0) -> float:
    """Return the cost of the steps of a job, without the first ones, which are done."""
    return sum(each.cost for each in remaining_parts(job, steps_done))


@dataclass
class Part:
    """Consecutive steps of a job that cost the same and are of the same `work_kind`."""

    kind: str
    step_cost: float
    cost: float
    """Cost of the steps that are left."""


def remaining_parts(job: Job, steps_done: int = 0) -> list[Part]:
    """Return the steps of a job, without the first ones, which are done."""
    parts: list[Part] = []
    for recipe in job.recipes:
        done = min(steps_done, recipe.total_steps)
        steps_done -= done
        each = step_cost(recipe)
        cost = (recipe.total_steps - done) * each
        kind = work_kind(recipe)
        if parts and (parts[-1].kind, parts[-1].step_cost) == (kind, each):
            parts[-1].cost += cost
        elif cost:
            parts.append(Part(kind, each, cost))
    return parts
