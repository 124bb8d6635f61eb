"""The picture that a run starts from: fit it to the canvas, and read it back from a recipe."""

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from engine.errors import RecipeError
from engine.images import image_io
from engine.images.stored_clip import clip_frames, clip_info
from engine.images.tiling import Tile, resize
from engine.recipes.edit import Edit
from engine.recipes.film import Clip, Film
from engine.recipes.kinds import AnyRecipe, tile_of_recipe
from engine.recipes.network_recipe import NetworkRecipe
from engine.recipes.pictures import check_complete
from engine.recipes.recipe import Recipe
from engine.text import Text

_TO_EDIT = Text("the picture to edit")
_INITIAL = Text("the recipe's initial image")


def init_image(
    source: Path | bytes | Image.Image, size: tuple[int, int], tile: Tile = "none"
) -> bytes:
    """Fit a picture to `size` (width, height), and return it as a PNG for a recipe.

    `source` is the path of a file, its bytes, or the picture in it. A tile of the same shape stays
    one.

    Raises:
        PictureError: The file is not a picture; see `engine.images.image_io.read_picture`.
    """
    buffer = BytesIO()
    picture = source if isinstance(source, Image.Image) else image_io.read_picture(source)
    image_io.fit(picture, *size, tile).save(buffer, "PNG")
    return buffer.getvalue()


def start_picture(recipe: AnyRecipe) -> Image.Image | None:
    """Return the picture that a run starts from, at the size of the canvas, or None.

    The source of an edit is scaled to the canvas, so nothing is cut off. Of a clip it is the first
    frame, of an enlargement the first tile, and of one by a network the whole picture.

    Raises:
        PictureError: The recipe's file is not a picture, or the clip not one of this program.
        RecipeError: The recipe lacks its pictures, or its initial image does not have its size, or
            its clip not the size, rate and frames of its film.
    """
    check_complete(recipe)
    if recipe.edit is not None:
        source = image_io.read_picture(recipe.edit.source, name=_TO_EDIT)
        return scaled(source, (recipe.width, recipe.height), tile_of_recipe(recipe))
    if isinstance(recipe, Recipe) and recipe.clip is not None:
        assert recipe.film is not None
        return _first_frame(recipe, recipe.film, recipe.clip)
    if recipe.init_image is None:
        return None
    if isinstance(recipe, NetworkRecipe):
        return picture_to_enlarge(recipe)
    if isinstance(recipe, Recipe) and recipe.enlargement is not None:
        return _first_tile(recipe)
    picture = image_io.read_picture(recipe.init_image, name=_INITIAL)
    if picture.size != (recipe.width, recipe.height):
        raise RecipeError(
            "the initial image is {size} pixels, but the picture {wanted}",
            size=f"{picture.width}x{picture.height}",
            wanted=f"{recipe.width}x{recipe.height}",
        )
    return picture


def _first_frame(recipe: Recipe, film: Film, clip: Clip) -> Image.Image:
    """Return the first frame of a clip, after all of them were read and found to fit the film."""
    wanted = (recipe.width, recipe.height)
    first, shown = None, 0
    for frame in clip_frames(clip.video):
        shown += 1
        first = first or frame
        if frame.size != wanted:
            raise RecipeError(
                "the clip is {size} pixels, but the film {wanted}",
                size=f"{frame.width}x{frame.height}",
                wanted=f"{recipe.width}x{recipe.height}",
            )
    rate, painted = clip_info(clip.video).rate, film.painted_of(shown)
    if first is None or (rate, painted) != (film.shown_rate, film.frames):
        raise RecipeError(
            "of the clip {painted} frames would be painted and {rate} shown a second, but of the "
            "film {frames} and {shown}",
            painted=painted,
            rate=rate,
            frames=film.frames,
            shown=film.shown_rate,
        )
    return first


def large_picture(recipe: Recipe) -> Image.Image:
    """Return the picture that an enlargement starts from, resized to the size of its result.

    Raises what `picture_to_enlarge` raises.
    """
    assert recipe.enlargement is not None
    return image_io.enlarge(picture_to_enlarge(recipe), recipe.enlargement.factor, recipe.tile)


def picture_to_enlarge(recipe: Recipe | NetworkRecipe) -> Image.Image:
    """Return the picture that an enlargement starts from, as it is.

    Raises:
        PictureError: The recipe's file is not a picture.
        RecipeError: The recipe lacks its picture, or that has another size than it says.
    """
    if isinstance(recipe, NetworkRecipe):
        size = recipe.source_size
    else:
        assert recipe.enlargement is not None
        size = (recipe.enlargement.width, recipe.enlargement.height)
    content = recipe.init_image
    assert content is not None
    check_complete(recipe)
    picture = image_io.read_picture(content, name=_INITIAL)
    if picture.size != size:
        raise RecipeError(
            "the picture to enlarge is {size} pixels, but its recipe says {wanted}",
            size=f"{picture.width}x{picture.height}",
            wanted=f"{size[0]}x{size[1]}",
        )
    return picture


def _first_tile(recipe: Recipe) -> Image.Image:
    large = np.asarray(large_picture(recipe))
    return Image.fromarray(np.ascontiguousarray(large[: recipe.height, : recipe.width]))


def scaled(picture: Image.Image, size: tuple[int, int], tile: Tile = "none") -> Image.Image:
    """Return the picture stretched to `size`, or the picture itself if it has that size.

    A tile stays one.
    """
    if picture.size == size:
        return picture
    return resize(picture, size, Image.Resampling.LANCZOS, tile)


def source_and_mask(edit: Edit) -> tuple[Image.Image, Image.Image | None]:
    """Return an edit's source (RGB) and its mask (gray), or None for no mask.

    Raises:
        PictureError: One of the files is not a picture.
        RecipeError: The sizes differ.
    """
    source = image_io.read_picture(edit.source, name=_TO_EDIT)
    if edit.mask is None:
        return source, None
    mask = image_io.read_picture(edit.mask, name=Text("the mask")).convert("L")
    if mask.size != source.size:
        raise RecipeError(
            "the mask is {size} pixels, but the picture to edit {wanted}",
            size=f"{mask.width}x{mask.height}",
            wanted=f"{source.width}x{source.height}",
        )
    return source, mask
