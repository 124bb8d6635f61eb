"""Painting a recipe from start to end, and the PNG that comes of it with the recipe inside."""

import json
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from engine import pictures, png
from engine.errors import RecipeError
from engine.recipe import Recipe

if TYPE_CHECKING:
    from engine.generation import Generation
    from engine.models import Models

RECIPE_KEY = "vqgan-clip-recipe"
"""Keyword of the PNG text chunk that holds the recipe as JSON."""
MODELS_KEY = "vqgan-clip-models"
"""Keyword of the chunk that holds the models' names and the SHA-256 of their weights as JSON."""
DESCRIPTION_KEY = "Description"
"""Keyword that the PNG specification reserves for a description of the picture."""


def paint(
    recipe: Recipe,
    models: "Models",
    on_step: Callable[["Generation", float], None] | None = None,
) -> Image.Image:
    """Paint `recipe` and return the finished picture, enlarged as the recipe says.

    `on_step` is called after every step with the run and the step's loss. What it raises ends
    the run.
    """
    from engine.generation import Generation

    generation = Generation(recipe, models)
    while not generation.done:
        loss = generation.step()
        if on_step is not None:
            on_step(generation, loss)
    return finished_picture(generation)


def finished_picture(generation: "Generation") -> Image.Image:
    """The picture of a run as it stands, as people see it."""
    picture = pictures.to_picture(generation.image())
    return pictures.enlarge(picture, generation.recipe.enlarge)


def save_painting(
    picture: Image.Image,
    path: Path,
    recipe: Recipe,
    digests: Mapping[str, str],
    *,
    force: bool = False,
) -> None:
    """Write `picture` as a PNG that tells how it was made; raises `PictureError` if it cannot."""
    text = {
        DESCRIPTION_KEY: " | ".join(map(str, recipe.prompts)),
        RECIPE_KEY: recipe.to_json(),
        MODELS_KEY: json.dumps({"name": recipe.models, "sha256": dict(digests)}),
    }
    png.save_png(picture, path, text=text, force=force)


def read_recipe(path: Path) -> Recipe:
    """The recipe inside a PNG; raises `PictureError` or `RecipeError` if there is none to read."""
    text = png.read_text(path).get(RECIPE_KEY)
    if text is None:
        raise RecipeError(f"{path.name} holds no recipe: only PNG files painted by this program do")
    return Recipe.from_json(text)


def init_image(source: Path | bytes, size: tuple[int, int]) -> bytes:
    """Read a picture from outside and fit it to `size`: PNG bytes, as a recipe holds them.

    Raises `PictureError` if it is no picture; see `engine.pictures.read_picture`.
    """
    buffer = BytesIO()
    pictures.fit(pictures.read_picture(source), *size).save(buffer, "PNG")
    return buffer.getvalue()
