"""Paint a recipe from start to end, and save and read the PNG with the recipe inside.

The picture of a run that was stopped early contains the complete recipe and the number of steps
taken. A recipe with fewer steps would describe a different run.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from engine.editing.edit_recipe import composite_result
from engine.errors import RecipeError
from engine.files import THE_PICTURE, Name, check_length, decode_text, quoted, read_bounded
from engine.images import image_io, png
from engine.images.drawing import svg_of
from engine.models.catalogue import PainterEntry, find_entry, find_models
from engine.recipes.generator_kinds import check_traits
from engine.recipes.kinds import AnyRecipe, recipe_from_json
from engine.recipes.plain_recipe import PlainRecipe
from engine.recipes.recipe import Recipe
from engine.recipes.start_image import source_and_mask, start_picture
from engine.text import Text

if TYPE_CHECKING:
    from engine.models.loading import Models
    from engine.models.painter import Painter, Run

RECIPE_KEY = "vqgan-clip-recipe"
"""Keyword of the PNG text chunk that holds the recipe as JSON."""
STEPS_KEY = "vqgan-clip-stopped-at"
"""Keyword of the chunk that holds the number of steps taken, if the run was stopped early."""
MODELS_KEY = "vqgan-clip-models"
"""Keyword of the chunk that holds as JSON the models' name, the SHA-256 of their weights, and,
except in old files, the precision that they computed in."""
DRAWING_KEY = "vqgan-clip-drawing"
"""Keyword of the chunk that holds the picture as an SVG document, if it is a drawing."""
DESCRIPTION_KEY = "Description"
"""Keyword that the PNG specification reserves for a description of the picture."""
_KEYWORDS = (RECIPE_KEY, STEPS_KEY, MODELS_KEY)
"""Keywords of the chunks that tell where a picture comes from."""
PRECISION_NAMES = ("float32", "bfloat16")
"""Precisions that a picture can name."""
_MAX_DIGESTS = 16_384
"""Maximum number of characters of the chunk that holds the SHA-256 of the weights."""


@dataclass(frozen=True)
class Provenance:
    """Where a picture comes from, and how to paint it again."""

    recipe: AnyRecipe
    steps: int
    """Number of the recipe's steps that were taken, fewer than all if the run was stopped."""
    digests: Mapping[str, str]
    """SHA-256 of each weights file that painted the picture, by file name; empty if unknown."""
    precision: str = ""
    """Name of the precision that painted the picture, one of `PRECISION_NAMES`; "" if unknown."""


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
    models: dict[str, Any] = {"name": recipe.models, "sha256": dict(digests)}
    if precision:
        models["precision"] = precision
    text = {
        DESCRIPTION_KEY: recipe.title,
        RECIPE_KEY: recipe.to_json(),
        MODELS_KEY: json.dumps(models),
    }
    if steps is not None and steps != recipe.total_steps:
        text[STEPS_KEY] = str(steps)
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


def read_recipe(path: Path) -> AnyRecipe:
    """Read the recipe in a PNG or JSON file.

    Raises:
        PictureError: The file cannot be read.
        RecipeError: The file contains no valid recipe.
    """
    return read_provenance(path).recipe


def read_provenance(source: Path | bytes, *, name: Name = THE_PICTURE) -> Provenance:
    """Read where a picture comes from: from a PNG painted by this program, or a recipe as JSON.

    `source` is the path of a file, or its bytes, which messages call `name`.

    Raises:
        PictureError: The file cannot be read.
        RecipeError: The file contains no valid recipe.
    """
    if isinstance(source, bytes):
        content = source
    else:
        content, name = read_bounded(source, limit=png.MAX_FILE_BYTES), quoted(source)
    try:
        if content.startswith(png.SIGNATURE):
            return _parse_provenance(png.read_text(content, keywords=_KEYWORDS, name=name))
        check_length(content, limit=png.MAX_TEXT_BYTES, name=name)
        recipe = recipe_from_json(_decoded(content))
        return Provenance(recipe, recipe.total_steps, {})
    except RecipeError as error:
        raise RecipeError("{name}: {error}", name=name, error=error.text) from error


def _parse_provenance(texts: Mapping[str, str]) -> Provenance:
    if RECIPE_KEY not in texts:
        raise RecipeError("it contains no recipe, only PNG files painted by this program do")
    recipe = recipe_from_json(texts[RECIPE_KEY])
    total = recipe.total_steps
    steps = texts.get(STEPS_KEY, str(total))
    if not (steps.isascii() and steps.isdigit() and len(steps) < 10 and int(steps) <= total):
        raise RecipeError(
            "the number of steps taken must be a whole number from 0 to {total}", total=total
        )
    digests, precision = _parse_models(texts.get(MODELS_KEY, "{}"))
    return Provenance(recipe, int(steps), digests, precision)


def _parse_models(text: str) -> tuple[dict[str, str], str]:
    """Return the SHA-256 of each weights file, and the precision if it is a known one."""
    if len(text) > _MAX_DIGESTS:
        raise RecipeError("what it says about the models is not valid JSON of a usual length")
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecipeError("what it says about the models is not valid JSON") from error
    digests = values.get("sha256", {}) if isinstance(values, dict) else None
    if not isinstance(digests, dict) or not all(isinstance(d, str) for d in digests.values()):
        raise RecipeError("what it says about the models must name a SHA-256 for each file")
    precision = values.get("precision")
    return digests, precision if precision in PRECISION_NAMES else ""


def _decoded(content: bytes) -> str:
    try:
        return decode_text(content)
    except UnicodeDecodeError as error:
        raise RecipeError(
            "it contains no recipe: name a PNG file painted by this program, or a recipe as JSON"
        ) from error
