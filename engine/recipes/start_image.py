"""The picture that a run starts from: fitted to the canvas for a recipe, and read back from one."""

from io import BytesIO
from pathlib import Path

from PIL import Image

from engine.errors import RecipeError
from engine.images import image_io
from engine.recipes.edit import Edit
from engine.recipes.recipe import Recipe


def init_image(source: Path | bytes, size: tuple[int, int]) -> bytes:
    """Read a picture from outside and fit it to `size`: PNG bytes, as a recipe holds them.

    Raises `PictureError` if it is no picture; see `engine.images.image_io.read_picture`.
    """
    buffer = BytesIO()
    image_io.fit(image_io.read_picture(source), *size).save(buffer, "PNG")
    return buffer.getvalue()


def start_picture(recipe: Recipe) -> Image.Image | None:
    """The picture at the canvas's size that a run starts from; None if there is none.

    The source of an edit is scaled to the canvas: nothing is cut off.

    Raises `PictureError` if it is no picture, and `RecipeError` if it is not of the recipe's size.
    """
    if recipe.edit is not None:
        source = image_io.read_picture(recipe.edit.source, name="the picture to edit")
        return scaled(source, (recipe.width, recipe.height))
    if recipe.init_image is None:
        return None
    picture = image_io.read_picture(recipe.init_image, name="the recipe's initial image")
    if picture.size != (recipe.width, recipe.height):
        raise RecipeError(
            f"the initial image is {picture.width}x{picture.height} pixels, "
            f"but the picture {recipe.width}x{recipe.height}"
        )
    return picture


def scaled(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """A picture stretched to a size; the same one if it has it."""
    if picture.size == size:
        return picture
    return picture.resize(size, Image.Resampling.LANCZOS)


def source_and_mask(edit: Edit) -> tuple[Image.Image, Image.Image | None]:
    """The pictures in an edit, RGB and grey.

    Raises `PictureError` if they are none, and `RecipeError` if the sizes differ.
    """
    source = image_io.read_picture(edit.source, name="the picture to edit")
    if edit.mask is None:
        return source, None
    mask = image_io.read_picture(edit.mask, name="the mask").convert("L")
    if mask.size != source.size:
        raise RecipeError(
            f"the mask is {mask.width}x{mask.height} pixels, "
            f"but the picture to edit {source.width}x{source.height}"
        )
    return source, mask
