"""Editing: from a picture and a mask that people send to an edit, and back to the picture's size.

A picture is painted on a canvas that suits the models. Its source is scaled to that canvas, so
that nothing is cut off, and what was painted is scaled back. Outside the mask the finished picture
consists of the source's own pixels, since a decoder changes more than it was asked to. No torch in
here.
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
"""Of a source, 1264 x 1264: a larger one is made smaller, so that the finished picture and its
recipe, which holds the source, stay below Discord's 10 MiB."""
MAX_ASPECT = 6.0
"""Longer side over shorter side of a source: the canvas would be a strip."""
MAX_ASPECT_ERROR = 0.05
"""By how much the proportions of a mask may differ from those of its picture."""
IMAGE_PROMPT_SIDE = 256
"""Longest side that is kept of an image prompt, more than most perceptors see."""
FEATHER = 0.02
"""Width of a mask's soft edge as a share of the picture's shorter side. It lies inside."""
MASKED_BELOW = 16
"""Of 255: a mask all of whose pixels are darker changes nothing that anybody would see."""
DEFAULT_KEEP = 0.9
"""Where there is no mask; a mask says by itself what is kept."""


def read_source(content: Path | bytes, *, name: str = "the picture") -> tuple[Image.Image, str]:
    """A picture to edit, and a notice if it had to be made smaller, else "".

    Raises `PictureError` if it is no picture, smaller than 16 pixels or a mere strip.
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
    """Width and height to paint a picture of `size` at: its proportions, the models' own area."""
    side = find_models(models).side
    aspect = math.sqrt(size[0] / size[1])
    return round_to_grid((round(side * aspect), round(side / aspect)), models)


def read_mask(
    content: Path | bytes, size: tuple[int, int], *, name: str = "the mask"
) -> Image.Image:
    """A mask that somebody drew, grey and scaled to `size`: white is changed, black is kept.

    Transparent pixels are kept, whatever their colour.

    Raises `PictureError` if it is no picture, has other proportions, or is black everywhere.
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
    """Raise `PictureError` if a grey mask changes nothing."""
    if np.asarray(mask).max() < MASKED_BELOW:
        raise PictureError(
            f"{name} is black everywhere, so there is nothing to change: paint white what shall be"
        )


def dilate(mask: Image.Image, share: float) -> Image.Image:
    """A mask made wider, or narrower for a negative `share` of the picture's shorter side."""
    reach = round(abs(share) * min(mask.size))
    if reach == 0:
        return mask
    # Pillow's own filters take seconds here: they look at the whole square for every pixel.
    filtered = ndimage.maximum_filter if share > 0 else ndimage.minimum_filter
    return Image.fromarray(filtered(np.asarray(mask), size=2 * reach + 1, mode="nearest"))


def feather(mask: Image.Image) -> Image.Image:
    """A mask with a soft edge inside: what was black stays black.

    One that is nothing but edge, such as a thin line, stays as it is.
    """
    reach = FEATHER * min(mask.size)
    inner = dilate(mask, -FEATHER).filter(ImageFilter.GaussianBlur(reach / 2))
    soft = np.minimum(np.asarray(mask), np.asarray(inner))
    return mask if soft.max() < MASKED_BELOW else Image.fromarray(soft)


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
    """A recipe that changes a picture into what `prompt` says.

    Args:
        prompt: what the whole picture should show afterwards, in the syntax of
        `engine.recipes.prompts`. source: from `read_source`. seed: where all randomness comes from.
        mask: grey, of the source's size; only where it is not black anything changes. keep: how
        much of the source stays, from 0 (as little as the prompt likes) to 1; of the
            demo models' edits, at 1 only colours change. By default 0.9, with a mask 0.
        models: a name in the catalogue.
        preset: of `PRESET_NAMES`; by default the one that suits the models.
        **settings: fields of `Recipe` that replace the preset's.

    Raises:
        RecipeError, ModelError: what is not allowed, and what is.
    """
    preset = preset or find_models(models).preset
    if keep is None:
        keep = DEFAULT_KEEP if mask is None else 0.0
    whole = edit_overrides(preset, models) if mask is None else {}
    edit = Edit(
        _png(source), None if mask is None else _png(mask), **keep_weights(preset, keep, models)
    )
    return make_recipe(
        prompt,
        seed=seed,
        models=models,
        preset=preset,
        size=canvas_size(source.size, models),
        **{"start": "image", "edit": edit, "enlarge": 1, **whole, **settings},
    )


def image_prompt(content: Path | bytes, weight: float = 1.0) -> ImagePrompt:
    """A picture from outside as an image prompt; raises `PictureError` if it is no picture."""
    picture = image_io.read_picture(content)
    picture.thumbnail((IMAGE_PROMPT_SIDE, IMAGE_PROMPT_SIDE), Image.Resampling.LANCZOS)
    return ImagePrompt(_png(picture), weight)


def composite_result(painted: Image.Image, recipe: Recipe) -> Image.Image:
    """What was painted on the canvas of `recipe`, as people see it.

    Enlarged as the recipe says; or, if it is an edit, at the source's size, with its structure as
    far as that is kept, and with its own pixels wherever the mask is black.
    """
    if recipe.edit is None:
        return image_io.enlarge(painted, recipe.enlarge)
    source, mask = source_and_mask(recipe.edit)
    restored = painted.resize(source.size, Image.Resampling.BICUBIC)
    if recipe.edit.keep_structure > 0 and source.size != painted.size:
        from engine.vqgan_clip.palette_transfer import transfer_palette  # needs torch

        recoloured = transfer_palette(source, painted)
        restored = Image.blend(restored, recoloured, recipe.edit.keep_structure)
    return restored if mask is None else Image.composite(restored, source, mask)


def _png(picture: Image.Image) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
