"""Make edits from users' pictures and masks, and bring results back to the picture's size.

An edit is painted on a canvas that suits the models. The source is scaled to that canvas, so
nothing is cut off, and the result is scaled back. Outside the mask the finished picture has the
source's own pixels, because a decoder always changes the whole picture. No torch in here.
"""

import math
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFilter
from scipy import ndimage

from engine.errors import PictureError
from engine.images import image_io
from engine.models.catalogue import find_models
from engine.presets import edit_overrides, keep_weights, make_recipe, round_to_grid
from engine.recipes.edit import Edit, ImagePrompt
from engine.recipes.recipe import Recipe
from engine.recipes.start_image import source_and_mask

MIN_SOURCE_SIDE = 16
MAX_SOURCE_PIXELS = 1_600_000
"""Maximum number of pixels of a source (1264 x 1264). Larger ones are scaled down, so that the
finished picture with its recipe, which contains the source, stays below Discord's 10 MiB."""
MAX_ASPECT = 6.0
"""Maximum ratio of a source's longer side to its shorter side."""
MAX_ASPECT_ERROR = 0.05
"""Maximum relative difference between the aspect ratios of a mask and its picture."""
IMAGE_PROMPT_SIDE = 256
"""Maximum side of an image prompt in pixels; most perceptors take smaller pictures."""
FEATHER = 0.02
"""Width of the soft edge inside a mask, as a share of the picture's shorter side."""
MIN_MASK_LEVEL = 16
"""Minimum level (0 to 255) of a mask's brightest pixel; darker masks change nothing visible."""
DEFAULT_KEEP = 0.9
"""Default of `keep` without a mask; with a mask it is 0, as the mask says what to keep."""


def read_source(content: Path | bytes, *, name: str = "the picture") -> tuple[Image.Image, str]:
    """Read a picture to edit; return it, and a notice if it was scaled down, otherwise "".

    `content` is the path of a file, or its bytes, which messages call `name`.

    Raises:
        PictureError: The file is not a picture, or it is smaller than 16 pixels or too long.
    """
    picture = image_io.read_picture(content, name=name if isinstance(content, bytes) else None)
    low, high = sorted(picture.size)
    size = f"{picture.width}x{picture.height}"
    if low < MIN_SOURCE_SIDE:
        raise PictureError(
            f"{name} has {size} pixels, too few to edit: each side needs {MIN_SOURCE_SIDE}"
        )
    if high > MAX_ASPECT * low:
        raise PictureError(
            f"{name} has {size} pixels, too long a strip to edit: "
            f"one side may be at most {MAX_ASPECT:g} times the other"
        )
    factor = math.sqrt(MAX_SOURCE_PIXELS / (low * high))
    if factor >= 1:
        return picture, ""
    smaller = (math.floor(picture.width * factor), math.floor(picture.height * factor))
    notice = f"{name} had {size} pixels and was made smaller, {smaller[0]}x{smaller[1]}"
    return picture.resize(smaller, Image.Resampling.LANCZOS), notice


def canvas_size(size: tuple[int, int], models: str) -> tuple[int, int]:
    """Return the canvas for a picture of `size`: its aspect ratio, and the models' usual area."""
    side = find_models(models).side
    aspect = math.sqrt(size[0] / size[1])
    return round_to_grid((round(side * aspect), round(side / aspect)), models)


def read_mask(
    content: Path | bytes, size: tuple[int, int], *, name: str = "the mask"
) -> Image.Image:
    """Read a mask, as gray and scaled to `size`: white is changed, black is kept.

    Transparent pixels count as black.

    Raises:
        PictureError: The file is not a picture, has another aspect ratio, or is black everywhere.
    """
    drawn = image_io.read_picture(content, name=name, background="black").convert("L")
    error = drawn.width / drawn.height / (size[0] / size[1])
    if not 1 - MAX_ASPECT_ERROR <= error <= 1 + MAX_ASPECT_ERROR:
        raise PictureError(
            f"{name} has {drawn.width}x{drawn.height} pixels and the picture {size[0]}x{size[1]}: "
            "a mask needs the proportions of its picture"
        )
    mask = drawn.resize(size, Image.Resampling.BILINEAR) if drawn.size != size else drawn
    check_mask(mask, name=name)
    return mask


def check_mask(mask: Image.Image, *, name: str = "the mask") -> None:
    """Raise `PictureError` if a gray mask changes nothing."""
    if np.asarray(mask).max() < MIN_MASK_LEVEL:
        raise PictureError(
            f"{name} is black everywhere, so there is nothing to change: paint white what to change"
        )


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
        source: Picture to change, from `read_source`.
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
    overrides = edit_overrides(preset, models) if mask is None else {}
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


def image_prompt(content: Path | bytes, weight: float = 1.0) -> ImagePrompt:
    """Read a picture as an image prompt, scaled down to at most 256 pixels per side.

    Raises:
        PictureError: The file is not a picture.
    """
    picture = image_io.read_picture(content)
    picture.thumbnail((IMAGE_PROMPT_SIDE, IMAGE_PROMPT_SIDE), Image.Resampling.LANCZOS)
    return ImagePrompt(_png(picture), weight)


def composite_result(painted: Image.Image, recipe: Recipe) -> Image.Image:
    """Return the picture that users see from what was painted on the canvas of `recipe`.

    It is enlarged as the recipe says. An edit instead gets the source's size, its structure as far
    as the edit keeps it, and its pixels where the mask is black.
    """
    if recipe.edit is None:
        return image_io.enlarge(painted, recipe.enlarge)
    source, mask = source_and_mask(recipe.edit)
    restored = painted.resize(source.size, Image.Resampling.BICUBIC)
    if recipe.edit.keep_structure > 0 and source.size != painted.size:
        from engine.vqgan_clip.palette_transfer import transfer_palette  # needs torch

        recolored = transfer_palette(source, painted)
        restored = Image.blend(restored, recolored, recipe.edit.keep_structure)
    return restored if mask is None else Image.composite(restored, source, mask)


def _png(picture: Image.Image) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
