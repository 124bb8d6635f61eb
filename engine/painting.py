"""Paint a recipe from start to end, and save the PNG with the recipe inside.

`engine.provenance` reads it again.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from engine.editing.edit_recipe import composite_result
from engine.errors import RecipeError
from engine.images import image_io, png
from engine.images.drawing import svg_of
from engine.models.catalogue import find_entry, find_models
from engine.models.painter_entry import PainterEntry
from engine.provenance import RECIPE_KEY, origin_texts
from engine.recipes.generator_kinds import check_traits
from engine.recipes.kinds import AnyRecipe
from engine.recipes.plain_recipe import PlainRecipe
from engine.recipes.recipe import Recipe
from engine.recipes.start_image import source_and_mask, start_picture
from engine.text import Text

if TYPE_CHECKING:
    from engine.models.loading import Models
    from engine.models.painter import Painter, Run

DRAWING_KEY = "vqgan-clip-drawing"
"""Keyword of the chunk that holds the picture as an SVG document, if it is a drawing."""


def paint(
    recipe: AnyRecipe,
    models: "Models | Painter",
    on_step: Callable[["Run"], None] | None = None,
    *,
    steps: int | None = None,
) -> Image.Image:
    """Paint `recipe` and return the finished picture, enlarged as the recipe says.

    `models` are those that the recipe names: a pair for VQGAN-CLIP, or any painter.
    `on_step` is called with the run after each step; an exception that it raises ends the run.
    `steps` is the number of steps to take, by default all of the recipe's.
    """
    from engine.models.loading import Models
    from engine.vqgan_clip.painter import VqganClip

    painter = VqganClip(models) if isinstance(models, Models) else models
    run = painter.begin(recipe)
    while run.steps_done < (recipe.total_steps if steps is None else steps):
        run.step()
        if on_step is not None:
            on_step(run)
    return finished_picture(run)


def check_paintable(recipe: AnyRecipe) -> None:
    """Raise an `EngineError` unless a run of an untrusted recipe could begin.

    Checks without torch that the models exist, that the size is on their latent grid, and that the
    recipe's pictures can be read. `engine.vqgan_clip.memory_estimate` checks the memory.
    """
    check_grid(recipe)
    start_picture(recipe)
    if recipe.edit is not None:
        source_and_mask(recipe.edit)
    for prompt in recipe.image_prompts:
        image_io.read_picture(prompt.picture, name=Text("the image prompt"))


def check_grid(recipe: AnyRecipe) -> None:
    """Raise an `EngineError` unless the recipe's models exist and can paint what it asks for."""
    if not isinstance(recipe, Recipe):
        _check_side(recipe)
        return
    entry = find_models(recipe.models)
    check_traits(recipe, entry)
    factor = entry.factor
    if recipe.width % factor or recipe.height % factor:
        raise RecipeError(
            "the recipe's size {size} is off the latent grid: width and height must be multiples "
            "of {factor}",
            size=f"{recipe.width}x{recipe.height}",
            factor=factor,
        )


def _check_side(recipe: PlainRecipe) -> None:
    entry = find_entry(recipe.models)
    if not isinstance(entry, PainterEntry) or entry.painter != recipe.painter:
        raise RecipeError(
            "the recipe is for {painter}, and the models {models} are of another kind",
            painter=recipe.shown_name,
            models=repr(recipe.models),
        )
    if recipe.side != entry.side:
        raise RecipeError(
            "the models {models} paint {side} pixels a side, not {given}",
            models=repr(recipe.models),
            side=entry.side,
            given=recipe.side,
        )


def finished_picture(run: "Run") -> Image.Image:
    """Return the current picture of a run in the form that users see."""
    from engine.models.tensors import to_picture

    return composite_result(to_picture(run.image()), run.recipe)


def svg_of_run(run: "Run") -> str:
    """Return the current picture of a run as an SVG document; "" if it is not a drawing."""
    from engine.vqgan_clip.generation import Generation

    drawing = run.drawing() if isinstance(run, Generation) else None
    return "" if drawing is None else svg_of(drawing, run.recipe.enlarge)


def svg_in(content: bytes) -> str:
    """Return the SVG document in a saved painting; "" if the picture is not a drawing.

    Raises:
        PictureError: The file is damaged.
    """
    return png.read_text(content, keywords=(DRAWING_KEY,)).get(DRAWING_KEY, "")


def save_painting(
    picture: Image.Image,
    path: Path,
    recipe: AnyRecipe,
    digests: Mapping[str, str],
    *,
    precision: str = "",
    steps: int | None = None,
    drawing: str = "",
    force: bool = False,
) -> None:
    """Write `picture` as a PNG with the recipe inside that painted it in `steps`, or in all steps.

    `digests` are the SHA-256 of each weights file by file name, and `precision` is the name of the
    precision that painted it, "" if it is unknown. `drawing` is what `svg_of_run` returned.

    Raises:
        PictureError: The file exists without `force`, or cannot be written.
    """
    text = origin_texts(recipe, digests, precision=precision, steps=steps)
    if drawing:
        text[DRAWING_KEY] = drawing
    png.save_png(picture, path, text=text, force=force)


def fits_into_png(recipe: AnyRecipe) -> bool:
    """Return True if a PNG can hold a recipe."""
    return len(recipe.to_json().encode()) <= png.MAX_TEXT_BYTES


def with_recipe(content: bytes, recipe: AnyRecipe | None) -> bytes:
    """Return a saved painting that holds another recipe; None removes all that it tells.

    Raises:
        PictureError: The file is damaged, or the recipe is longer than 16 MiB.
    """
    if recipe is None:
        return png.replace_text(content, {})
    texts = png.read_text(content) | {RECIPE_KEY: recipe.to_json()}
    return png.replace_text(content, texts)
