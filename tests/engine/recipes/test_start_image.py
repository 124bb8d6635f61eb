from pathlib import Path
from random import Random

import pytest
from PIL import Image

from engine import PictureError, RecipeError, init_image, make_recipe, read_recipe, save_painting
from engine.recipes.edit import MAX_BYTES as MAX_INIT_BYTES
from engine.recipes.start_image import start_picture


def noise(side: int) -> Image.Image:
    """Return the picture that PNG compresses least."""
    return Image.frombytes("RGB", (side, side), Random(1).randbytes(3 * side * side))


def saved(picture: Image.Image, path: Path) -> Path:
    picture.save(path)
    return path


def test_a_picture_of_the_right_size_is_taken_as_it_is(tmp_path: Path):
    content = init_image(saved(noise(32), tmp_path / "a.png"), (32, 32))
    recipe = make_recipe("a red circle", seed=1, size=(32, 32), init_image=content)
    assert start_picture(recipe) == noise(32)


def test_without_an_initial_image_there_is_none():
    assert start_picture(make_recipe("a red circle", seed=1)) is None


def test_an_initial_image_of_a_large_recipe_fits_into_a_picture(tmp_path: Path):
    content = init_image(saved(noise(1024), tmp_path / "a.png"), (1024, 1024))
    recipe = make_recipe("a red circle", seed=1, size=(1024, 1024), init_image=content)
    save_painting(noise(16), tmp_path / "b.png", recipe, {})
    assert read_recipe(tmp_path / "b.png") == recipe


def test_an_initial_image_that_would_not_fit_is_refused_before_anything_is_painted():
    with pytest.raises(RecipeError, match="at most 11 MiB are allowed"):
        make_recipe("a", seed=1, size=(4096, 4096), init_image=b"\0" * (MAX_INIT_BYTES + 1))


def test_an_initial_image_of_another_size_is_refused(tmp_path: Path):
    content = init_image(saved(noise(32), tmp_path / "a.png"), (32, 32))
    with pytest.raises(RecipeError, match="32x32 pixels, but the picture 64x32"):
        start_picture(make_recipe("a", seed=1, size=(64, 32), init_image=content))


def test_an_initial_image_that_is_no_picture_is_refused():
    with pytest.raises(PictureError, match="the recipe's initial image"):
        start_picture(make_recipe("a", seed=1, init_image=b"no picture"))
