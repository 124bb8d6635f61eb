"""Make recipes of edits, and bring results back to the picture's size.

An edit is painted on a canvas that suits the models. The source is scaled to that canvas, so
nothing is cut off, and the result is scaled back. Outside the mask the finished picture has the
source's own pixels, because a decoder always changes the whole picture. No torch in here.
"""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter
from scipy import ndimage

from engine.editing.edit_pictures import MIN_MASK_LEVEL, EditPictures
from engine.images import image_io
from engine.images.tiling import resize
from engine.models.catalogue import find_models
from engine.presets import (
    edit_overrides,
    keep_weights,
    make_recipe,
    size_of_ratio,
    steps_with_story,
)
from engine.recipes.edit import Edit, ImagePrompt
from engine.recipes.kinds import AnyRecipe, tile_of_recipe
from engine.recipes.prompts import parse_line
from engine.recipes.recipe import Recipe
from engine.recipes.start_image import source_and_mask

IMAGE_PROMPT_SIDE = 256
"""Maximum side of an image prompt in pixels; most perceptors take smaller pictures."""
FEATHER = 0.02
"""Width of the soft edge inside a mask, as a share of the picture's shorter side."""
DEFAULT_KEEP = 0.9
"""Default of `keep` without a mask; with a mask it is 0, as the mask says what to keep."""


def canvas_size(size: tuple[int, int], models: str) -> tuple[int, int]:
    """Return the canvas for a picture of `size`: its aspect ratio, and the models' usual area."""
    return size_of_ratio(size[0] / size[1], models)


def dilate(mask: Image.Image, share: float) -> Image.Image:
    """Widen a mask by a `share` of the picture's shorter side, or narrow it if `share` < 0."""
    reach = round(abs(share) * min(mask.size))
    if reach == 0:
        return mask
    # Pillow's filters take seconds here, because they read the whole square for each pixel.
    filtered = ndimage.maximum_filter if share > 0 else ndimage.minimum_filter
    return Image.fromarray(filtered(np.asarray(mask), size=2 * reach + 1, mode="nearest"))


def feather(mask: Image.Image) -> Image.Image:
    """Return a mask with a soft edge inside, so that black pixels stay black.

    A mask too thin for that, such as a line, is returned unchanged.
    """
    reach = FEATHER * min(mask.size)
    inner = dilate(mask, -FEATHER).filter(ImageFilter.GaussianBlur(reach / 2))
    soft = np.minimum(np.asarray(mask), np.asarray(inner))
    return mask if soft.max() < MIN_MASK_LEVEL else Image.fromarray(soft)


def edit_recipe(
    prompt: str,
    source: Image.Image,
    *,
    seed: int,
    mask: Image.Image | None = None,
    keep: float | None = None,
    models: str = "demo",
    preset: str | None = None,
    **settings: Any,
) -> Recipe:
    """Make a recipe that changes a picture into what `prompt` says.

    Args:
        prompt: What the whole picture should show, in the syntax of `engine.recipes.prompts`.
        source: Picture to change, from `engine.editing.edit_pictures.read_edit`.
        seed: Seed of all random numbers of the run.
        mask: Gray picture of the source's size; black pixels do not change.
        keep: How much of the source to keep, from 0 to 1; with the demo models, at 1 only colors
            change. By default 0.9, or 0 with a mask.
        models: Name of a pair of models in the catalogue.
        preset: One of `PRESET_NAMES`, by default the one that suits the models.
        **settings: Fields of `Recipe` that replace the preset's.

    Raises:
        RecipeError: A value is not allowed.
        ModelError: There are no such models.
    """
    preset = preset or find_models(models).preset
    if keep is None:
        keep = DEFAULT_KEEP if mask is None else 0.0
    overrides = dict(edit_overrides(preset, models)) if mask is None else {}
    if "steps" in overrides:
        overrides["steps"] = steps_with_story(overrides["steps"], parse_line(prompt).story)
    edit = Edit(
        _png(source), None if mask is None else _png(mask), **keep_weights(preset, keep, models)
    )
    return make_recipe(
        prompt,
        seed=seed,
        models=models,
        preset=preset,
        size=canvas_size(source.size, models),
        **{"start": "image", "edit": edit, "enlarge": 1, **overrides, **settings},
    )


def plain_edit(pictures: EditPictures) -> Edit:
    """Return an edit that keeps nothing but what is outside the mask, if there is one."""
    mask = pictures.mask and feather(pictures.mask)
    return Edit(_png(pictures.source), None if mask is None else _png(mask))


def image_prompt(source: Path | bytes | Image.Image, weight: float = 1.0) -> ImagePrompt:
    """Return a picture as an image prompt, scaled down to at most 256 pixels per side.

    `source` is the path of a file, its bytes, or the picture in it.

    Raises:
        PictureError: The file is not a picture.
    """
    is_read = isinstance(source, Image.Image)
    picture = source.copy() if is_read else image_io.read_picture(source)
    picture.thumbnail((IMAGE_PROMPT_SIDE, IMAGE_PROMPT_SIDE), Image.Resampling.LANCZOS)
    return ImagePrompt(_png(picture), weight)


def composite_result(painted: Image.Image, recipe: AnyRecipe) -> Image.Image:
    """Return the picture that users see from what was painted on the canvas of `recipe`.

    It is enlarged as the recipe says. An edit instead gets the source's size, its structure as far
    as the edit keeps it, and its pixels where the mask is black.
    """
    tile = tile_of_recipe(recipe)
    if recipe.edit is None:
        return image_io.enlarge(painted, recipe.enlarge, tile)
    source, mask = source_and_mask(recipe.edit)
    restored = resize(painted, source.size, Image.Resampling.BICUBIC, tile)
    if recipe.edit.keep_structure > 0 and source.size != painted.size:
        from engine.vqgan_clip.palette_transfer import transfer_palette  # needs torch

        recolored = transfer_palette(source, painted)
        restored = Image.blend(restored, recolored, recipe.edit.keep_structure)
    return restored if mask is None else Image.composite(restored, source, mask)


def _png(picture: Image.Image) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
