"""The engine's pace: how long the steps of a job take, learned from the steps that were taken.

Written by the engine thread, read by the event loop: one number, exchanged at once.
"""

from bot.jobs import Job
from engine.recipe import Recipe

_MEMORY = 0.98
"""Share of what was learned before that stays with every new step."""
_PIXELS_PER_CUTOUT = 1000
"""As many pixels of the generator's cost about as much as a cutout of the perceptor's."""


class Pace:
    """Seconds for each unit of work."""

    def __init__(self) -> None:
        self._units = self._seconds = 0.0
        self._seconds_per_unit: float | None = None

    def observe(self, units: float, seconds: float) -> None:
        """Learn from work that took `seconds`."""
        self._units = _MEMORY * self._units + units
        self._seconds = _MEMORY * self._seconds + seconds
        self._seconds_per_unit = self._seconds / self._units

    def seconds(self, units: float) -> float | None:
        """How long some work will take; None if no step has been taken yet."""
        pace = self._seconds_per_unit
        return None if pace is None else pace * units


def step_units(recipe: Recipe) -> float:
    """What a step of a recipe costs, in units of work: pixels and cutouts."""
    return float(recipe.width * recipe.height + _PIXELS_PER_CUTOUT * recipe.cutouts)


def job_units(job: Job) -> float:
    """What all steps of a job cost."""
    return sum(recipe.total_steps * step_units(recipe) for recipe in job.recipes)
