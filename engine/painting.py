"""Painting a recipe from start to end, and the PNG that comes of it with the recipe inside.

A run that was stopped early keeps its whole recipe, and beside it the number of steps that were
taken: with another number of steps the recipe would name another course of the run.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from engine.editing.edit_recipe import composite_result
from engine.errors import RecipeError
from engine.files import check_length, quoted, read_bounded
from engine.images import image_io, png
from engine.models.catalogue import find_models
from engine.recipes.recipe import Recipe
from engine.recipes.start_image import source_and_mask, start_picture

if TYPE_CHECKING:
    from engine.models.loading import Models
    from engine.vqgan_clip.generation import Generation

RECIPE_KEY = "vqgan-clip-recipe"
"""Keyword of the PNG text chunk that holds the recipe as JSON."""
STEPS_KEY = "vqgan-clip-stopped-at"
"""Keyword of the chunk that holds the steps taken, where they are fewer than the recipe's."""
MODELS_KEY = "vqgan-clip-models"
"""Keyword of the chunk that holds the models' names and the SHA-256 of their weights as JSON."""
DESCRIPTION_KEY = "Description"
"""Keyword that the PNG specification reserves for a description of the picture."""


@dataclass(frozen=True)
class Provenance:
    """Where a picture comes from: what paints it again."""

    recipe: Recipe
    steps: int
    """How many of the recipe's steps were taken; fewer than all if the run was stopped."""
    digests: Mapping[str, str]
    """SHA-256 of each weights file that painted it, by the file's name; empty if not known."""


def paint(
    recipe: Recipe,
    models: "Models",
    on_step: Callable[["Generation"], None] | None = None,
    *,
    steps: int | None = None,
) -> Image.Image:
    """Paint `recipe` and return the finished picture, enlarged as the recipe says.

    `on_step` is called with the run after every step. What it raises ends the run. With `steps` the
    run ends after that many of the recipe's steps.
    """
    from engine.vqgan_clip.generation import Generation

    generation = Generation(recipe, models)
    while generation.steps_done < (recipe.total_steps if steps is None else steps):
        generation.step()
        if on_step is not None:
            on_step(generation)
    return finished_picture(generation)


def check_paintable(recipe: Recipe) -> None:
    """Raise an `EngineError` unless a run of a recipe from outside could begin.

    Its size is on the latent grid of models that there are, and its pictures are pictures. No torch
    is needed for that; what a run takes is for `engine.vqgan_clip.memory_estimate` to say.
    """
    factor = find_models(recipe.models).factor
    if recipe.width % factor or recipe.height % factor:
        raise RecipeError(
            f"the recipe's size {recipe.width}x{recipe.height} is off the latent grid: "
            f"width and height must be multiples of {factor}"
        )
    start_picture(recipe)
    if recipe.edit is not None:
        source_and_mask(recipe.edit)
    for prompt in recipe.image_prompts:
        image_io.read_picture(prompt.picture, name="the image prompt")


def finished_picture(generation: "Generation") -> Image.Image:
    """The picture of a run as it stands, as people see it."""
    from engine.models.tensors import to_picture

    return composite_result(to_picture(generation.image()), generation.recipe)


def save_painting(
    picture: Image.Image,
    path: Path,
    recipe: Recipe,
    digests: Mapping[str, str],
    *,
    steps: int | None = None,
    force: bool = False,
) -> None:
    """Write `picture` as a PNG that tells how it was made; raises `PictureError` if it cannot.

    `steps` says how many steps were taken of a run that ended early.
    """
    text = {
        DESCRIPTION_KEY: " | ".join(map(str, recipe.prompts)),
        RECIPE_KEY: recipe.to_json(),
        MODELS_KEY: json.dumps({"name": recipe.models, "sha256": dict(digests)}),
    }
    if steps is not None and steps != recipe.total_steps:
        text[STEPS_KEY] = str(steps)
    png.save_png(picture, path, text=text, force=force)


def read_recipe(path: Path) -> Recipe:
    """The recipe in a PNG or a JSON file; raises `PictureError` or `RecipeError` if it has none."""
    return read_provenance(path).recipe


def read_provenance(source: Path | bytes, *, name: str = "the picture") -> Provenance:
    """What a PNG painted by this program, or a recipe's JSON file, says about its origin.

    `name` is how messages call bytes. Raises `PictureError` if the file cannot be read,
    `RecipeError` if it holds no recipe.
    """
    if isinstance(source, bytes):
        content = source
    else:
        content, name = read_bounded(source, limit=png.MAX_FILE_BYTES), quoted(source)
    try:
        if content.startswith(png.SIGNATURE):
            return _origin_of_picture(png.read_text(content, name=name))
        check_length(content, limit=png.MAX_TEXT_BYTES, name=name)
        recipe = Recipe.from_json(_decoded(content))
        return Provenance(recipe, recipe.total_steps, {})
    except RecipeError as error:
        raise RecipeError(f"{name}: {error}") from error


def _origin_of_picture(texts: Mapping[str, str]) -> Provenance:
    if RECIPE_KEY not in texts:
        raise RecipeError("it holds no recipe, only PNG files painted by this program do")
    recipe = Recipe.from_json(texts[RECIPE_KEY])
    total = recipe.total_steps
    steps = texts.get(STEPS_KEY, str(total))
    if not (steps.isascii() and steps.isdigit() and len(steps) < 10 and int(steps) <= total):
        raise RecipeError(f"the number of steps taken must be a whole number from 0 to {total}")
    return Provenance(recipe, int(steps), _digests(texts.get(MODELS_KEY, "{}")))


def _digests(text: str) -> dict[str, str]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecipeError("what it says about the models is not valid JSON") from error
    digests = values.get("sha256", {}) if isinstance(values, dict) else None
    if not isinstance(digests, dict) or not all(isinstance(d, str) for d in digests.values()):
        raise RecipeError("what it says about the models must name a SHA-256 for each file")
    return digests


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecipeError(
            "it holds no recipe: PNG files painted by this program and a recipe's JSON do"
        ) from error
