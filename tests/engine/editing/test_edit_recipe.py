"""Edits: what is changed, what is kept, and what comes back at the picture's own size."""

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from engine import Generation, Models, PictureError, Recipe, RecipeError, paint
from engine.editing.edit_pictures import check_mask
from engine.editing.edit_recipe import (
    DEFAULT_KEEP,
    canvas_size,
    composite_result,
    dilate,
    edit_recipe,
    feather,
    image_prompt,
)
from engine.models.protocols import Perceptor
from engine.models.tensors import to_picture
from engine.painting import finished_picture, save_painting
from engine.presets import make_recipe
from engine.provenance import read_recipe
from engine.recipes.augmentations import Augmentations
from engine.recipes.edit import Edit, ImagePrompt
from engine.vqgan_clip.edit_constraint import EditConstraint
from engine.vqgan_clip.palette_transfer import transfer_palette

RED, BLUE, GREEN = (215, 35, 40), (40, 80, 215), (40, 160, 60)


def scene(size: tuple[int, int] = (96, 64)) -> Image.Image:
    """Draw a red square on blue."""
    picture = Image.new("RGB", size, BLUE)
    low, high = (size[0] // 3, size[1] // 3), (2 * size[0] // 3, 2 * size[1] // 3)
    ImageDraw.Draw(picture).rectangle((low, high), fill=RED)
    return picture


def square(size: int, low: int, high: int) -> Image.Image:
    mask = Image.new("L", (size, size))
    ImageDraw.Draw(mask).rectangle((low, low, high - 1, high - 1), fill=255)
    return mask


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def edit(source: Image.Image, **options: Any) -> Recipe:
    """Return a recipe that is painted in a moment."""
    values: dict[str, Any] = {"seed": 1, "steps": 4, "cutouts": 2} | options
    return edit_recipe("a green square", source, **values)


# --- Sources and masks


@pytest.mark.parametrize("size", [(500, 500), (1200, 400), (33, 100), (2000, 400)])
def test_a_canvas_has_the_pictures_proportions_and_the_models_area(size: tuple[int, int]):
    width, height = canvas_size(size, "demo")
    assert width / height == pytest.approx(size[0] / size[1], rel=0.08)
    assert width * height == pytest.approx(64 * 64, rel=0.1)
    assert (width % 4, height % 4) == (0, 0)


def test_a_mask_grows_and_shrinks_by_a_share_of_the_picture():
    mask = square(100, 40, 60)
    assert dilate(mask, 0.05) == square(100, 35, 65)
    assert dilate(mask, -0.05) == square(100, 45, 55)
    assert dilate(mask, 0.001) == mask


def test_a_mask_that_shrank_to_nothing_changes_nothing():
    with pytest.raises(PictureError, match="nothing to change"):
        check_mask(dilate(square(100, 48, 52), -0.05))


def test_a_feathered_edge_lies_inside():
    mask = square(200, 50, 150)
    soft, hard = np.asarray(feather(mask)), np.asarray(mask)
    assert (soft <= hard).all()
    assert soft[100, 100] == 255
    assert len(np.unique(soft[100])) > 4


def test_a_thin_line_is_not_feathered_away():
    mask = square(200, 50, 52)
    assert feather(mask) == mask


# --- Painting


@pytest.mark.parametrize("size", [(96, 64), (300, 200), (40, 60)])
@pytest.mark.parametrize("keep", [0.0, 0.9, 1.0])
def test_an_edit_has_its_sources_size(models: Models, size: tuple[int, int], keep: float):
    source = scene(size)
    picture = paint(edit(source, keep=keep), models)
    assert picture.size == size
    assert picture != source


@pytest.mark.parametrize("keep", [0.0, 1.0])
@pytest.mark.parametrize("soft", [False, True])
def test_outside_the_mask_every_pixel_is_the_sources(models: Models, keep: float, soft: bool):
    noise = np.random.default_rng(1).integers(0, 256, (150, 150, 3), dtype=np.uint8)
    source, mask = Image.fromarray(noise), square(150, 40, 90)
    mask = feather(mask) if soft else mask
    picture = np.asarray(paint(edit(source, mask=mask, keep=keep), models))
    outside = np.asarray(mask) == 0
    assert (picture[outside] == noise[outside]).all()
    assert (picture[~outside] != noise[~outside]).any()


def test_latent_cells_outside_the_mask_do_not_move(models: Models):
    recipe = edit(scene((64, 64)), mask=square(64, 20, 40), keep=0.0)
    run = Generation(recipe, models)
    before = run.state_dict()["latent"]
    while not run.done:
        run.step()
    moved = (run.state_dict()["latent"] != before).any(dim=1)[0]
    cells = torch.zeros(16, 16, dtype=torch.bool)
    cells[5:10, 5:10] = True
    assert torch.equal(moved, cells)


def test_an_edit_of_a_tile_is_a_tile(models: Models):
    """A tile that is moved first gives the same picture as one that is moved afterwards."""
    source = scene((128, 128))
    moved = Image.fromarray(np.roll(np.asarray(source), (32, 64), (0, 1)))
    pictures: list[np.ndarray] = []
    for each in (source, moved):
        recipe = edit(each, keep=0.0, tile="both", steps=1)
        run = Generation(recipe, models)  # before its first step, which looks at other views
        pictures.append(np.asarray(finished_picture(run), int))
    assert np.abs(np.roll(pictures[0], (32, 64), (0, 1)) - pictures[1]).max() <= 1


def test_a_masked_edit_of_a_tile_leaves_the_rest_alone(models: Models):
    noise = np.random.default_rng(1).integers(0, 256, (150, 150, 3), dtype=np.uint8)
    mask = Image.new("L", (150, 150))
    mask.paste(255, (0, 40, 30, 90))
    mask.paste(255, (120, 40, 150, 90))  # one area, across the edge
    recipe = edit(Image.fromarray(noise), mask=mask, tile="x")
    picture, outside = np.asarray(paint(recipe, models)), np.asarray(mask) == 0
    assert (picture[outside] == noise[outside]).all()
    assert (picture[:, 0] != noise[:, 0]).any()


def test_around_a_mask_a_tile_goes_on_only_where_all_of_it_is_looked_at(models: Models):
    masks = {"middle": (24, 24, 39, 39), "row": (0, 24, 63, 39), "all": (0, 0, 63, 63)}
    found: dict[str, str] = {}
    for name, box in masks.items():
        mask = Image.new("L", (64, 64))
        ImageDraw.Draw(mask).rectangle(box, fill=255)
        recipe = edit(scene((64, 64)), mask=mask, tile="both")
        assert recipe.edit is not None
        constraint = EditConstraint.of_edit(recipe.edit, (64, 64), models, recipe.tile)
        found[name] = constraint.crop_to_mask(constraint.source)[1]
    assert found == {"middle": "none", "row": "both", "all": "both"}


class Watched:
    """A perceptor that keeps what it is shown."""

    def __init__(self, perceptor: Perceptor) -> None:
        self._perceptor = perceptor
        self.input_size = perceptor.input_size
        self.encode_text = perceptor.encode_text
        self.truncate_to_context = perceptor.truncate_to_context
        self.shown: list[torch.Tensor] = []

    def encode_image(self, images: torch.Tensor) -> torch.Tensor:
        self.shown.append(images.detach())
        return self._perceptor.encode_image(images)


def test_under_a_mask_only_its_surroundings_are_looked_at(models: Models):
    source, mask = scene((64, 64)), Image.new("L", (64, 64))
    ImageDraw.Draw(source).rectangle((0, 54, 63, 63), fill=GREEN)  # far from the mask
    ImageDraw.Draw(mask).rectangle((24, 24, 39, 39), fill=255)
    watched = Watched(models.perceptors[0])
    recipe = edit(source, mask=mask, augmentations=Augmentations(), steps=1)
    Generation(recipe, replace(models, perceptors=(watched,))).step()
    for images in watched.shown:
        red, green, blue = images.unbind(1)
        assert (blue > 0.6).any()  # the background
        assert not ((green > red + 0.2) & (green > blue)).any()


def test_a_white_mask_changes_the_whole_picture(models: Models):
    source = scene((64, 64))
    masked = edit(source, mask=Image.new("L", (64, 64), 255), keep=0.0)
    assert masked.edit is not None
    plain = replace(masked, edit=replace(masked.edit, mask=None))
    assert paint(masked, models) == paint(plain, models)


def test_what_is_kept_wholly_has_all_of_its_outlines(models: Models):
    source = scene((64, 64))
    picture = np.asarray(paint(edit(source, keep=1.0, steps=20), models)).astype(int)
    inside, ground = picture[24:40, 24:40].reshape(-1, 3), picture[4:12].reshape(-1, 3)
    assert inside.std(0).max() < 1
    assert ground.std(0).max() < 1
    assert np.abs(inside.mean(0) - ground.mean(0)).sum() > 60


@pytest.mark.slow
def test_keeping_less_changes_more(models: Models):
    source = scene((64, 64))
    original = np.asarray(source).astype(int)

    def texture(keep: float) -> float:
        """How much what was flat is no longer."""
        picture = np.asarray(paint(edit(source, keep=keep, steps=8, cutouts=4), models)).astype(int)
        return float((picture - original)[:12].std(axis=(0, 1)).mean())

    assert texture(0.0) > 2 * texture(0.9)


@pytest.mark.slow
def test_holding_on_to_the_source_keeps_more_of_it(models: Models):
    source = scene((64, 64))
    free = edit(source, keep=0.0, steps=8, cutouts=4)
    assert free.edit is not None
    by_latent = replace(free, edit=replace(free.edit, keep_latent=100.0))
    by_look = replace(free, edit=replace(free.edit, keep_look=10.0))
    by_cells = replace(free, edit=replace(free.edit, keep_cells=0.5))
    original = np.asarray(source).astype(int)
    changes = [
        np.abs(np.asarray(paint(recipe, models)).astype(int) - original).mean()
        for recipe in (free, by_latent, by_look, by_cells)
    ]
    assert max(changes[1:]) < changes[0]


def test_a_large_source_keeps_details_that_the_canvas_cannot_show():
    stripes = np.zeros((640, 640, 3), dtype=np.uint8)
    stripes[::2] = 60
    source = Image.fromarray(stripes + 40)
    painted = Image.new("RGB", (64, 64), (100, 100, 160))
    picture = np.asarray(transfer_palette(source, painted)).astype(int)
    assert np.ptp(picture[:, 300, 0]) > 50
    assert picture[..., 2].mean() > picture[..., 0].mean() + 30


def test_an_edit_is_painted_again_from_its_png(models: Models, tmp_path: Path):
    recipe = edit(scene(), mask=square(64, 10, 50).resize((96, 64)))
    picture = paint(recipe, models)
    save_painting(picture, tmp_path / "a.png", recipe, models.digests)
    again = read_recipe(tmp_path / "a.png")
    assert again == recipe
    assert paint(again, models) == picture


def test_a_run_of_an_edit_goes_on_where_it_was_saved(models: Models):
    recipe = edit(scene(), mask=square(64, 10, 50).resize((96, 64)))
    run, other = Generation(recipe, models), Generation(recipe, models)
    run.step()
    run.step()
    other.load_state_dict(run.state_dict())
    for each in (run, other):
        while not each.done:
            each.step()
    assert torch.equal(run.image(), other.image())


def test_what_is_seen_on_the_way_is_already_composed(models: Models):
    recipe = edit(scene((64, 64)), mask=square(64, 20, 40))
    run = Generation(recipe, models)
    run.step()
    seen = np.asarray(to_picture(run.last_seen))
    assert (seen[:20] == np.asarray(scene((64, 64)))[:20]).all()


@pytest.mark.parametrize(
    ("wrong", "error", "culprit"),
    [
        (Edit(png(scene()), png(square(64, 0, 9))), RecipeError, "mask is 64x64 .* edit 96x64"),
        (Edit(b"rubbish"), PictureError, "the picture to edit: it is not a picture"),
        (Edit(png(scene()), b"rubbish"), PictureError, "the mask: it is not a picture"),
    ],
)
def test_an_edit_that_does_not_fit_is_refused(
    models: Models, wrong: Edit, error: type[Exception], culprit: str
):
    with pytest.raises(error, match=culprit):
        Generation(replace(edit(scene()), edit=wrong), models)


@pytest.mark.parametrize("keep", [-0.1, 1.1, float("nan")])
def test_keep_is_a_share(keep: float):
    with pytest.raises(RecipeError, match="keep must be a number from 0 to 1"):
        edit(scene(), keep=keep)


def test_without_a_mask_most_is_kept_and_with_one_the_mask_decides():
    whole, masked = edit(scene()), edit(scene(), mask=Image.new("L", (96, 64), 255))
    assert whole.edit is not None
    assert masked.edit is not None
    assert (whole.edit.keep_structure, masked.edit.keep_structure) == (DEFAULT_KEEP, 0.0)


# --- Image prompts


@pytest.mark.slow
def test_an_image_prompt_pulls_the_picture_towards_it(models: Models):
    like = image_prompt(png(Image.new("RGB", (500, 400), GREEN)), weight=20.0)
    recipe = make_recipe("a square", seed=1, size=(32, 32), steps=30, cutouts=4)

    def greenness(recipe: Recipe) -> float:
        red, green, blue = np.asarray(paint(recipe, models)).reshape(-1, 3).mean(0)
        return green - (red + blue) / 2

    assert greenness(replace(recipe, image_prompts=(like,))) > greenness(recipe) + 20


def test_an_image_prompt_is_small_in_a_recipe():
    like = image_prompt(png(Image.new("RGB", (900, 300), GREEN)))
    with Image.open(io.BytesIO(like.picture)) as picture:
        assert picture.size == (256, 85)


@pytest.mark.parametrize(
    ("values", "culprit"),
    [
        ({"picture": "a.png"}, "picture must be the bytes"),
        ({"picture": b"x", "weight": 5000}, "weight of an image prompt must be"),
        ({"picture": b"x", "stop": "1"}, "stop value of an image prompt must be"),
    ],
)
def test_an_image_prompt_that_is_not_allowed_is_refused(values: dict[str, Any], culprit: str):
    with pytest.raises(RecipeError, match=culprit):
        ImagePrompt(**values)


def test_an_unedited_picture_is_enlarged_as_before():
    recipe = make_recipe("a square", seed=1, enlarge=3)
    assert composite_result(Image.new("RGB", (64, 64)), recipe).size == (192, 192)
