"""The engine's pace: how long the steps of a job take, learned from the steps that were taken.

Written by the engine thread, read by the event loop: one number, exchanged at once.
"""

from collections.abc import Sequence

from bot.jobs import Job
from engine.recipe import Recipe

_MEMORY = 0.95
"""Share of the old estimate that stays with every new step."""


class Pace:
    """Seconds for each unit of a recipe's work."""

    def __init__(self) -> None:
        self._seconds_per_unit: float | None = None

    def observe(self, recipe: Recipe, seconds: float) -> None:
        """Learn from a step of `recipe` that took `seconds`."""
        new = seconds / _work(recipe)
        old = self._seconds_per_unit
        self._seconds_per_unit = new if old is None else _MEMORY * old + (1 - _MEMORY) * new

    def seconds(self, jobs: Sequence[Job]) -> float | None:
        """How long all steps of `jobs` will take; None if no step has been taken yet."""
        if self._seconds_per_unit is None:
            return None
        recipes = (recipe for job in jobs for recipe in job.recipes)
        return self._seconds_per_unit * sum(
            recipe.total_steps * _work(recipe) for recipe in recipes
        )

    def seconds_left(self, job: Job, pictures_done: int, steps_done: int) -> float:
        """How long the rest of `job` will take, after some pictures and steps of the next."""
        left = [recipe.total_steps * _work(recipe) for recipe in job.recipes[pictures_done:]]
        taken = steps_done * _work(job.recipes[pictures_done])
        return (self._seconds_per_unit or 0.0) * (sum(left) - taken)


def _work(recipe: Recipe) -> float:
    """What a step costs, in a unit of its own."""
    return recipe.width * recipe.height * recipe.cutouts
