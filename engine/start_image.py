"""The picture that a run starts from: fitted to the canvas for a recipe, and read back from one."""

from io import BytesIO
from pathlib import Path

from PIL import Image

from engine import pictures
from engine.errors import RecipeError
from engine.recipe import Recipe


def init_image(source: Path | bytes, size: tuple[int, int]) -> bytes:
    """Read a picture from outside and fit it to `size`: PNG bytes, as a recipe holds them.

    Raises `PictureError` if it is no picture; see `engine.pictures.read_picture`.
    """
    buffer = BytesIO()
    pictures.fit(pictures.read_picture(source), *size).save(buffer, "PNG")
    return buffer.getvalue()


def start_picture(recipe: Recipe) -> Image.Image | None:
    """The initial image in `recipe`, if it has one.

    Raises `PictureError` if it is no picture, and `RecipeError` if it is not of the recipe's size.
    """
    if recipe.init_image is None:
        return None
    picture = pictures.read_picture(recipe.init_image, name="the recipe's initial image")
    if picture.size != (recipe.width, recipe.height):
        raise RecipeError(
            f"the initial image is {picture.width}x{picture.height} pixels, "
            f"but the picture {recipe.width}x{recipe.height}"
        )
    return picture
