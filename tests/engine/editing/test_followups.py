from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageDraw

from engine import (
    Models,
    PictureError,
    Recipe,
    RecipeError,
    edit_recipe,
    make_recipe,
    paint,
    parse_prompts,
)
from engine.editing.enlarging import enlarged
from engine.editing.followups import restart_from, variation_of, with_extra_steps
from engine.images.image_io import read_picture
from engine.models.catalogue import CATALOGUE
from engine.painting import check_paintable

pytestmark = pytest.mark.slow

RED, BLUE = (215, 35, 40), (40, 80, 215)


def scene(size: tuple[int, int] = (96, 72)) -> Image.Image:
    picture = Image.new("RGB", size, BLUE)
    ImageDraw.Draw(picture).rectangle((32, 24, 63, 47), fill=RED)
    return picture


def encoded(picture: Image.Image) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def imagined(**changes: object) -> Recipe:
    options: dict[str, object] = {"seed": 3, "size": (48, 32), "steps": 4} | changes
    return make_recipe("a red square", **options)  # pyright: ignore[reportArgumentType]


def edited(*, masked: bool) -> Recipe:
    mask = Image.new("L", (96, 72))
    mask.paste(255, (32, 24, 64, 48))
    return edit_recipe("a star", scene(), seed=3, mask=mask if masked else None, steps=4)


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.resize((64, 64)), dtype=float)


# --- More steps


def test_a_prolonged_recipe_is_the_same_with_a_further_round():
    recipe = imagined()
    longer = with_extra_steps(recipe, 5)
    assert longer == replace(recipe, more=(5,))
    assert with_extra_steps(longer, 2).rounds == (4, 5, 2)


@pytest.mark.parametrize(
    ("recipe", "steps", "culprit"),
    [
        (imagined(steps=99_990), 11, "at most 100000 steps, so 10 are left, not 11"),
        (imagined(steps=99_990, more=(10,)), 1, "at most 100000 steps, so 0 are left, not 1"),
        (imagined(more=(1,) * 100), 1, "at most 100 extra rounds"),
        (imagined(), 0, "must be a whole number"),
    ],
)
def test_a_picture_is_not_prolonged_for_ever(recipe: Recipe, steps: int, culprit: str):
    with pytest.raises(RecipeError, match=culprit):
        with_extra_steps(recipe, steps)


# --- Going on from a picture


def test_a_recipe_is_continued_from_a_picture():
    recipe = imagined(more=(2,))
    again = restart_from(recipe, encoded(scene()))
    assert again.init_image is not None
    assert again == replace(imagined(), start="image", init_image=again.init_image)
    start = read_picture(again.init_image)
    assert start.size == (48, 32)
    assert start.getpixel((24, 16)) == RED
    check_paintable(again)


@pytest.mark.parametrize("masked", [False, True])
def test_an_edit_is_continued_with_the_picture_in_place_of_its_source(masked: bool):
    recipe = replace(edited(masked=masked), start_noise=0.5)
    assert recipe.edit is not None
    over = Image.new("RGB", (48, 36), "purple")
    again = restart_from(recipe, encoded(over))
    assert again.edit is not None
    assert again == replace(
        recipe, start_noise=0.0, edit=replace(recipe.edit, source=again.edit.source)
    )
    source = read_picture(again.edit.source)
    assert source.size == (96, 72)
    assert source.getpixel((5, 5)) == over.getpixel((5, 5))
    check_paintable(again)


@pytest.mark.parametrize("recipe", [imagined(), edited(masked=False)])
def test_what_is_no_picture_cannot_be_gone_on_from(recipe: Recipe):
    with pytest.raises(PictureError):
        restart_from(recipe, b"rubbish")


def test_a_kind_of_latent_that_no_picture_becomes_cannot_be_gone_on_with():
    with pytest.raises(RecipeError, match="codebook sampling, .* paint it again"):
        restart_from(imagined(quantization="codebook-sampling"), encoded(scene()))


# --- Variations


@pytest.mark.parametrize("recipe", [imagined(more=(2,)), edited(masked=True)])
def test_a_variation_starts_from_the_picture_with_noise_and_a_seed(recipe: Recipe):
    variation = variation_of(recipe, encoded(scene()), 8)
    plain = restart_from(recipe, encoded(scene()))
    assert variation == replace(plain, seed=8, start_noise=CATALOGUE["demo"].vary_noise)
    assert variation_of(variation, encoded(scene()), 9) == replace(variation, seed=9)


def test_a_variation_of_a_masked_edit_changes_nothing_outside_the_mask(models: Models):
    recipe = variation_of(edited(masked=True), encoded(scene()), 8)
    painted, kept = np.asarray(paint(recipe, models)), np.asarray(scene())
    outside = np.ones((72, 96), bool)
    outside[24:48, 32:64] = False
    assert (painted[outside] == kept[outside]).all()
    assert (painted != kept).any()


def test_a_variation_is_another_picture_and_yet_like_it(models: Models):
    # Of the colours nothing is said: a variation keeps them, and another seed chooses others.
    recipe = replace(imagined(size=(64, 64), steps=40), prompts=parse_prompts("a shape"))
    first = paint(recipe, models)
    variation, stranger = (
        paint(each, models)
        for each in (variation_of(recipe, encoded(first), 8), replace(recipe, seed=8))
    )
    away, far = (abs(pixels(each) - pixels(first)).mean() for each in (variation, stranger))
    assert 1 < away < far / 2


# --- Larger


def test_a_picture_is_enlarged_in_tiles_of_the_usual_size():
    larger = enlarged(with_extra_steps(imagined(smoothness=1.0), 5), encoded(scene()))
    assert larger.size == (96, 64)
    assert (larger.width, larger.height, larger.tile_count) == (64, 64, 2)
    assert (larger.rounds, larger.seed, larger.enlarge) == ((4,), 3, imagined().enlarge)
    assert larger.learning_rate < imagined().learning_rate
    check_paintable(larger)


def test_what_follows_on_a_tile_is_a_tile():
    tile = imagined(tile="both")
    variation = variation_of(tile, encoded(scene()), 8)
    assert variation.tile == with_extra_steps(tile, 5).tile == "both"
    picture = np.asarray(scene((192, 128)))
    starts: list[np.ndarray] = []
    for moved in (picture, np.roll(picture, (20, 100), (0, 1))):
        larger = enlarged(tile, encoded(Image.fromarray(moved)))
        assert larger.tile == "both"
        assert larger.init_image is not None
        starts.append(np.asarray(read_picture(larger.init_image)))
    assert (np.roll(starts[0], (5, 25), (0, 1)) == starts[1]).all()  # resized across the edges


def test_an_edit_is_enlarged_at_its_own_size_and_without_words_for_a_part_of_it():
    whole, part = (enlarged(edited(masked=each), encoded(scene())) for each in (False, True))
    assert whole.size == part.size == (2 * scene().width, 2 * scene().height)
    assert whole.title == edited(masked=False).title
    assert part.title == "like a picture"
    assert part.edit is None


@pytest.mark.parametrize(
    ("recipe", "reason"),
    [
        (imagined(size=(4096, 64)), "8192x128 pixels; at most 4096 a side"),
    ],
)
def test_what_cannot_be_enlarged_is_refused(recipe: Recipe, reason: str):
    with pytest.raises(RecipeError, match=reason):
        enlarged(recipe, encoded(scene()))
