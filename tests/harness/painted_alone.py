"""Small pictures, and what they are if they are painted without a queue."""

from dataclasses import replace
from functools import cache

import torch

from bot.jobs.events import PaintedPicture
from bot.worker.picture_progress import to_pixels
from engine.models.demo_entries import DEMO_PIXELS
from engine.models.painter import Painter
from engine.painters import begin, load_painter
from engine.presets import make_recipe
from engine.recipes.recipe import Recipe

PIXELS = tuple(f"demo-{kind}" for kind in DEMO_PIXELS)


def recipe(seed: int, models: str = "demo-pyramid", steps: int = 8) -> Recipe:
    made = make_recipe("a red ring", seed=seed, models=models, steps=steps, size=(32, 32))
    return replace(made, cutouts=2)


@cache
def painter_of(models: str) -> Painter:
    """Return models that no painter of a studio uses."""
    return load_painter(models, "cpu")


@cache
def painted_alone(recipe: Recipe, steps: int) -> bytes:
    """Return the pixels of a picture that is painted without a queue."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        run = begin(painter_of(recipe.models), recipe)
        for _ in range(steps):
            run.step()
        return to_pixels(run.image()).tobytes()
    finally:
        torch.set_num_threads(before)


def is_as_alone(picture: PaintedPicture) -> bool:
    """Return True if a picture is the one that is painted without a queue."""
    assert isinstance(picture.recipe, Recipe)
    return picture.pixels.tobytes() == painted_alone(picture.recipe, picture.steps)
