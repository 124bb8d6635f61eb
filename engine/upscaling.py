"""Read a picture that someone wants larger, and make the recipe that paints it so.

A picture that was painted here says how: its own words and models paint it larger, from the pixels
that were painted and not from those that it is shown with. No torch in here.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from engine.editing.edit_pictures import check_source
from engine.editing.enlarging import check_size, enlarge_recipe, enlarged
from engine.errors import EngineError
from engine.files import THE_PICTURE, Name, quoted, read_bounded
from engine.images.image_io import MAX_FILE_BYTES, load_picture
from engine.models.catalogue import CATALOGUE
from engine.provenance import read_provenance
from engine.recipes.prompts import parse_prompts
from engine.recipes.recipe import Recipe
from engine.text import Text


@dataclass(frozen=True)
class ToEnlarge:
    """A picture to enlarge, as it was read."""

    picture: Image.Image
    """The picture at its own size."""
    origin: Recipe | None
    """The recipe that painted it, if the file is a picture that was painted here."""
    steps: int
    """Number of the recipe's steps that were taken."""
    notices: tuple[Text, ...]
    """What the user should know about how the file was read."""


def read_to_enlarge(
    source: Path | bytes, factor: int, *, name: Name = THE_PICTURE, as_shown: bool = False
) -> ToEnlarge:
    """Read a picture that is to become `factor` times as wide and high.

    `source` is the path of a file, or its bytes, which messages call `name`.
    `as_shown` enlarges a picture of this program as it is, too.

    Raises:
        PictureError: The file is not a picture, or it is smaller than 16 pixels or too long.
        RecipeError: The result would be too large.
    """
    if isinstance(source, Path):
        name, source = quoted(source), read_bounded(source, limit=MAX_FILE_BYTES)
    loaded = load_picture(source, name=name)
    check_source(loaded.picture, name)
    origin, steps = (None, 0) if as_shown else _origin(source, loaded.picture.size)
    if origin is None:
        check_size(loaded.size, factor)
    return ToEnlarge(loaded.picture, origin, steps, tuple(loaded.notices(name)))


def upscale_recipe(
    found: ToEnlarge,
    prompt: str | None,
    factor: int,
    *,
    seed: int,
    models: str,
    steps: int | None = None,
) -> Recipe:
    """Return the recipe that paints a picture `factor` times as wide and high.

    Args:
        found: The picture.
        prompt: What it shows; None for the words that painted it here, or else for no words.
        factor: How many times as wide and high it becomes.
        seed: Seed of all random numbers.
        models: Name of the models, for a picture that was not painted here.
        steps: Number of steps of each tile, by default few.

    Raises:
        RecipeError: A value is not allowed.
        ModelError: There are no such models.
    """
    if found.origin is None or found.origin.models not in CATALOGUE:
        return enlarge_recipe(
            prompt, found.picture, factor=factor, seed=seed, models=models, enlarge=1, steps=steps
        )
    recipe = replace(enlarged(found.origin, found.picture, found.steps, factor=factor), seed=seed)
    if prompt is not None:
        recipe = replace(recipe, prompts=parse_prompts(prompt), image_prompts=())
    return recipe if steps is None else replace(recipe, steps=steps)


def _origin(content: bytes, size: tuple[int, int]) -> tuple[Recipe | None, int]:
    """Return the recipe in a file and its steps, if the file is its picture, unchanged in size."""
    try:
        found = read_provenance(content)
    except EngineError:
        return None, 0
    recipe = found.recipe
    if not isinstance(recipe, Recipe):
        return None, 0
    shown = tuple(recipe.enlarge * side for side in recipe.size)
    is_whole = recipe.edit is not None or size == shown
    return (recipe, found.steps) if is_whole else (None, 0)
