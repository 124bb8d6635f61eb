"""Enlargements: tiles without seams, resumed anywhere, and nothing that is there twice."""

import gc
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from engine.demo.judge import Judge
from engine.editing.enlarging import enlarge_recipe, enlarged
from engine.editing.followups import restart_from, with_extra_steps
from engine.errors import CheckpointError, RecipeError
from engine.images.image_io import enlarge
from engine.models.loading import Models
from engine.models.tensors import to_picture, to_tensor
from engine.painting import check_paintable, paint
from engine.recipes.enlargement import Enlargement
from engine.recipes.recipe import Recipe
from engine.vqgan_clip import checkpoints, loop
from engine.vqgan_clip.enlarging import Enlarging
from engine.vqgan_clip.generation import Generation
from tests.engine.vqgan_clip.resuming import paint_saving_each_step, resumed_from

PROMPT = "a red circle on a blue background"


def disk(size: tuple[int, int] = (64, 64), place: tuple[int, int] = (32, 32)) -> Image.Image:
    """Return a red disk on blue."""
    picture = Image.new("RGB", size, (40, 80, 215))
    x, y = place
    ImageDraw.Draw(picture).ellipse((x - 15, y - 15, x + 15, y + 15), fill=(215, 35, 40))
    return picture


def encoded(picture: Image.Image) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def quick(source: Image.Image | None = None, **changes: object) -> Recipe:
    """Return an enlargement of a small picture in 2 x 2 tiles or more."""
    source = disk((24, 20), (12, 10)) if source is None else source
    recipe = enlarge_recipe(PROMPT, source, seed=3, enlarge=1)
    values = {"width": 32, "height": 24, "steps": 2, "cutouts": 4} | changes
    return replace(recipe, **values)  # pyright: ignore


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture, dtype=np.float64)


def test_a_picture_becomes_larger_and_stays_what_it_is(models: Models):
    source = disk()
    recipe = enlarge_recipe(PROMPT, source, seed=1, enlarge=1)
    assert (recipe.width, recipe.height, recipe.tile_count) == (64, 64, 9)
    large = paint(recipe, models)
    assert large.size == (128, 128)
    assert abs(pixels(large.resize((64, 64), Image.Resampling.BOX)) - pixels(source)).mean() < 2
    truth = disk((512, 512), (0, 0))
    ImageDraw.Draw(truth).rectangle((0, 0, 512, 512), fill=(40, 80, 215))
    ImageDraw.Draw(truth).ellipse((136, 136, 379, 379), fill=(215, 35, 40))
    wanted = pixels(truth.resize((128, 128), Image.Resampling.BOX))
    away, resized = (abs(pixels(each) - wanted).mean() for each in (large, enlarge(source, 2)))
    assert away < resized


def test_no_second_object_grows_even_with_many_strong_steps(models: Models):
    recipe = enlarge_recipe(PROMPT, disk(), seed=1, enlarge=1)
    recipe = replace(recipe, steps=10, learning_rate=0.3)
    large = np.asarray(paint(recipe, models))
    judge = Judge()
    assert judge.object_count(large) == 1
    assert judge.verdict(large).matches("red", "circle", "blue").all_right


def test_the_windows_of_all_tiles_add_up_to_one_everywhere():
    for tile in ("none", "x", "both"):
        for size, overlap in (((40, 30), 0.25), ((64, 33), 0.6), ((16, 100), 0.0)):
            enlargement, canvas = Enlargement(*size, overlap=overlap), (32, 24)
            rows, columns = enlargement.windows(canvas, tile)
            total = np.zeros(enlargement.size[::-1])
            places = enlargement.places(canvas, tile)
            windows = [np.outer(row, column) for row in rows for column in columns]
            assert len(places) == len(windows) == enlargement.tile_count(canvas, tile)
            for (top, left), window in zip(places, windows, strict=True):
                assert tile != "none" or (top + 24, left + 32) <= total.shape
                index = np.ix_(
                    (top + np.arange(24)) % total.shape[0], (left + np.arange(32)) % total.shape[1]
                )
                total[index] += window
            assert total == pytest.approx(1, abs=1e-5)


def test_many_tiles_that_overlap_take_no_more_memory_than_the_large_picture(models: Models):
    def tensor_bytes() -> int:
        # isinstance would ask objects of other libraries for their class, and some warn of that
        tensors = [each for each in gc.get_objects() if issubclass(type(each), Tensor)]
        return sum(each.numel() * each.element_size() for each in tensors)

    recipe = quick(disk((256, 256)), width=32, height=32, steps=1)
    enlargement = Enlargement(256, 256, overlap=0.75)
    before = tensor_bytes()
    enlarging = Enlarging(recipe, enlargement, models.generator)
    assert tensor_bytes() - before < 10 * enlarging.large.numel()


def test_a_seamless_picture_stays_one(models: Models):
    x, y = np.arange(24) / 24, np.arange(20)[:, None] / 20
    waves = [np.sin(2 * np.pi * (x + phase)) + np.cos(2 * np.pi * y) for phase in (0, 0.3, 0.6)]
    seamless = Image.fromarray((128 + 60 * np.stack(waves, axis=2)).astype(np.uint8))
    large = pixels(paint(quick(seamless, tile="both"), models))
    for axis in (0, 1):
        steps = np.abs(large - np.roll(large, 1, axis)).mean((1 - axis, 2))
        assert steps[0] <= 1.1 * steps.max()


def test_an_enlargement_resumed_at_any_step_has_the_same_bytes(models: Models):
    recipe = quick()
    assert recipe.total_steps == 8
    states, pictures = paint_saving_each_step(recipe, models)
    assert pictures[8].shape == (1, 3, 40, 48)
    for steps, state in states.items():
        resumed = resumed_from(state, recipe, models)
        while not resumed.done:
            resumed.step()
            assert torch.equal(resumed.image(), pictures[resumed.steps_done]), steps


def test_a_picture_that_is_not_done_is_resized_where_no_tile_was(models: Models):
    recipe = quick()
    run = Generation(recipe, models)
    for _ in range(2):
        run.step()
    far = (..., slice(30, None), slice(40, None))
    resized = to_tensor(enlarge(disk((24, 20), (12, 10)), 2))
    assert torch.equal(run.image()[far], resized[far])
    assert not torch.allclose(run.image(), resized, atol=1e-2)
    assert to_picture(run.last_seen).size == (48, 40)


def test_a_tile_that_was_begun_before_a_step_that_failed_is_given_up(
    models: Models, monkeypatch: pytest.MonkeyPatch
):
    run = Generation(quick(), models)
    for _ in range(2):  # those of the first tile
        run.step()
    before, picture = run.state_dict(), run.image()

    def fail(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(loop, "compute_gradients", fail)
        with pytest.raises(MemoryError):
            run.step()
    assert torch.equal(run.image(), picture)
    undisturbed = Generation(quick(), models)
    undisturbed.load_state_dict(before)
    run.step()
    undisturbed.step()
    assert torch.equal(run.image(), undisturbed.image())


def test_enlargements_and_pictures_share_steps(models: Models):
    recipes = [quick(), quick(disk((24, 20), (6, 6)), seed=9)]
    alone = [pixels(paint(each, models)) for each in recipes]
    runs = [Generation(each, models) for each in recipes]
    while not runs[0].done:
        assert loop.step(runs) == [None, None]
    for run, wanted in zip(runs, alone, strict=True):
        assert abs(pixels(to_picture(run.image())) - wanted).mean() < 2


IMPOSSIBLE = (
    ({"factor": 3}, "enlarged by 2 or 4, not by 3"),
    ({"factor": True}, "2 or 4"),
    ({"width": 2049}, "width must be a whole number from 16 to 2048"),
    ({"height": 8}, "height must be a whole number from 16"),
    ({"overlap": 0.8}, "overlap must be a number from 0 to 0.75"),
    ({"whole": -1}, "whole must be"),
    ({"keep": float("nan")}, "keep must be"),
)


@pytest.mark.parametrize(("values", "reason"), IMPOSSIBLE)
def test_enlargements_that_cannot_be_are_refused_by_name(values: dict[str, object], reason: str):
    with pytest.raises(RecipeError, match=reason):
        Enlargement(**({"width": 20, "height": 20} | values))  # pyright: ignore


def test_recipes_that_no_enlargement_can_have_are_refused():
    recipe = quick()
    with pytest.raises(RecipeError, match="neither extra rounds nor"):
        replace(recipe, more=(3,))
    with pytest.raises(RecipeError, match="needs one picture"):
        replace(recipe, init_image=None, start="codes")
    with pytest.raises(RecipeError, match="codebook sampling"):
        replace(recipe, quantization="codebook-sampling")
    with pytest.raises(RecipeError, match="part of 64x24 pixels is larger"):
        replace(recipe, width=64)
    with pytest.raises(RecipeError, match="4 parts of the enlargement have 400000 steps"):
        replace(recipe, steps=100_000)
    with pytest.raises(RecipeError, match="is 64x64 pixels, but its recipe says 24x20"):
        check_paintable(replace(recipe, init_image=encoded(disk())))
    with pytest.raises(RecipeError, match="4096 a side are possible"):
        enlarge_recipe(PROMPT, Image.new("RGB", (1025, 64)), factor=4, seed=1)
    with pytest.raises(RecipeError, match="no story"):
        enlarge_recipe("a ^ b", disk(), seed=1)
    for change in (lambda: with_extra_steps(recipe, 5), lambda: restart_from(recipe, disk())):
        with pytest.raises(RecipeError, match="can only be enlarged again"):
            change()


def test_a_checkpoint_without_its_large_picture_is_refused(models: Models):
    recipe = quick()
    state = Generation(recipe, models).state_dict()
    del state["large"]
    with pytest.raises(CheckpointError, match="not those of a run"):
        checkpoints.load(checkpoints.dump(state, recipe), recipe)
    state["large"] = torch.zeros(1, 3, 40, 40, dtype=torch.uint8)
    with pytest.raises(CheckpointError, match="large has a wrong shape"):
        checkpoints.load(checkpoints.dump(state, recipe), recipe)


def test_the_recipe_is_read_back_and_that_of_a_picture_is_as_before():
    recipe = quick()
    assert Recipe.from_json(recipe.to_json()) == recipe
    picture = replace(recipe, enlargement=None, init_image=None, start="codes")
    assert '"enlargement"' not in picture.to_json()
    assert '"version": 3' in picture.to_json()


def test_an_enlargement_can_be_enlarged_until_there_is_no_room():
    again = enlarged(quick(), disk((48, 40)))
    assert again.size == (96, 80)
    assert again.prompts == quick().prompts
    four = enlarged(replace(quick(), enlarge=16), disk((48 * 16, 40 * 16)), factor=4)
    assert four.size == (192, 160)
    assert four.enlarge == 16
    large = replace(quick(), enlargement=Enlargement(1030, 500), init_image=b"")
    with pytest.raises(RecipeError, match="4 times as large, this picture of 2060x1000"):
        enlarged(large, disk(), factor=4)
