"""Make recipes that paint a picture larger, tile by tile: `engine.recipes.enlargement` says how.

No torch in here.
"""

from dataclasses import replace
from io import BytesIO
from typing import Any

from PIL import Image

from engine.editing.edit_recipe import image_prompt
from engine.errors import RecipeError
from engine.images import image_io
from engine.models.catalogue import find_models
from engine.presets import find_preset
from engine.recipes.checks import MAX_SIDE
from engine.recipes.enlargement import FACTORS, Enlargement
from engine.recipes.network_recipe import NetworkRecipe
from engine.recipes.prompts import parse_line
from engine.recipes.recipe import MIN_LEARNING_RATE, Recipe

ENLARGED = 2
"""Factor by which an enlarged picture is wider and higher unless someone asks for another."""
STEPS = 4
"""Number of steps of each tile unless someone asks for another."""
_RATE = 0.1
"""Share of the preset's learning rate. Of drawn pictures, the tiles of the demo models were nearest
to the same pictures drawn larger with few steps at a small rate."""


def enlarge_recipe(
    prompt: str | None,
    source: Image.Image,
    *,
    factor: int = ENLARGED,
    seed: int,
    models: str = "demo",
    preset: str | None = None,
    steps: int | None = None,
    **settings: Any,
) -> Recipe:
    """Make a recipe that paints a picture `factor` times as wide and high.

    Args:
        prompt: What the whole picture shows, in the syntax of `engine.recipes.prompts`; None if it
            should just look like itself.
        source: Picture to enlarge.
        factor: One of `FACTORS`.
        seed: Seed of all random numbers of the run.
        models: Name of a pair of models in the catalogue.
        preset: One of `PRESET_NAMES`, by default the one that suits the models.
        steps: Number of steps of each tile.
        **settings: Fields of `Recipe` that replace these.

    Raises:
        RecipeError: The result would be too large, or a value is not allowed.
        ModelError: There are no such models.
    """
    entry = find_models(models)
    check_size(source.size, factor)
    values: dict[str, Any] = dict(find_preset(preset or entry.preset, models))
    values |= {
        "steps": STEPS if steps is None else steps,
        "learning_rate": max(MIN_LEARNING_RATE, _RATE * values["learning_rate"]),
        "regularizer": 0.0,
        "smoothness": 0.0,
        "quantization": entry.ways[0],
    }
    if prompt is None:
        values["image_prompts"] = (image_prompt(source),)
    multiple = entry.factor
    width, height = (min(entry.side, factor * side // multiple * multiple) for side in source.size)
    line = None if prompt is None else parse_line(prompt)
    if line is not None and line.story is not None:
        raise RecipeError("an enlarged picture has no story: describe what the picture shows")
    return Recipe(
        prompts=() if line is None else line.prompts,
        models=models,
        width=width,
        height=height,
        seed=seed,
        start="image",
        init_image=_png(source),
        enlargement=Enlargement(*source.size, factor=factor),
        **values | settings,
    )


def network_recipe(source: Image.Image, factor: int, network: str) -> NetworkRecipe:
    """Return the recipe by which a network makes a picture `factor` times as wide and high.

    `network` is the SHA-256 of its file. Raises `RecipeError` if the result would be too large.
    """
    check_size(source.size, factor)
    width, height = source.size
    return NetworkRecipe(
        source=_png(source),
        source_width=width,
        source_height=height,
        factor=factor,
        network=network,
    )


def enlarged(
    recipe: Recipe,
    picture: bytes | Image.Image,
    steps: int | None = None,
    *,
    factor: int = ENLARGED,
) -> Recipe:
    """Return a recipe that paints `picture`, which `recipe` painted, `factor` times as large.

    `picture` is the finished picture, or its file. `steps` are those that it took, by default all:
    a picture of a story is named by the chapter that it shows. A masked edit, whose words describe
    only a part, is to look like itself. Pictures to resemble that were left out of the recipe are
    left out here too. It is shown enlarged like the picture before, as far as there is room.

    Raises:
        PictureError: The file is not a picture.
        RecipeError: The result would be too large, or the models cannot encode a picture.
    """
    shown = recipe.at_chapter(recipe.total_steps if steps is None else steps)
    finished = picture if isinstance(picture, Image.Image) else image_io.read_picture(picture)
    is_masked = recipe.edit is not None and recipe.edit.mask is not None
    size = finished.size if recipe.edit is not None else recipe.size
    check_size(size, factor)
    source = image_io.fit(finished, *size, recipe.tile)
    enlarge = min(recipe.enlarge, MAX_SIDE // (factor * max(size)))
    found = enlarge_recipe(
        None,
        source,
        factor=factor,
        seed=recipe.seed,
        models=recipe.models,
        tile=recipe.tile,
        enlarge=enlarge,
    )
    likes = tuple(each for each in shown.image_prompts if each.picture)
    if is_masked or not (shown.prompts or likes):
        return found
    return replace(found, prompts=shown.prompts, image_prompts=likes)


def check_size(size: tuple[int, int], factor: int) -> None:
    """Raise `RecipeError` unless a picture of `size` (width, height) can grow by `factor`."""
    if factor in FACTORS and factor * max(size) > MAX_SIDE:
        raise RecipeError(
            "{factor} times as large, this picture of {size} would have {larger} pixels; at most "
            "{most} a side are possible: choose a smaller picture or factor",
            factor=factor,
            size=f"{size[0]}x{size[1]}",
            larger=f"{factor * size[0]}x{factor * size[1]}",
            most=MAX_SIDE,
        )


def _png(picture: Image.Image) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
