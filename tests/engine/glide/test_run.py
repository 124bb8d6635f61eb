from dataclasses import replace
from io import BytesIO
from itertools import pairwise
from typing import Any

import pytest
import torch
from open_clip.tokenizer import SimpleTokenizer
from PIL import Image
from torch import Tensor

from engine.errors import CheckpointError, DivergedError, RecipeError
from engine.glide.painter import Glide
from engine.glide.run import GlideRun
from engine.recipes.edit import Edit
from engine.recipes.glide_recipe import GlideRecipe
from engine.recipes.mindalle_recipe import MinDalleRecipe
from tests.engine.glide.tiny import glide

RECIPE = GlideRecipe(
    models="tiny-glide", seed=7, side=32, prompt="a red circle", base_steps=3, upsample_steps=2
)
INSIDE = (slice(None), slice(None), slice(0, 16), slice(None))


@pytest.fixture(scope="module")
def models() -> Glide:
    return glide(with_clip=True)


def finished(run: GlideRun) -> Tensor:
    while not run.done:
        run.step()
    return run.image()


def png(picture: Image.Image) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def edit_of_the_upper_half(**keep: float) -> Edit:
    mask = Image.new("L", (32, 32))
    mask.paste(255, (0, 0, 32, 16))
    return Edit(source=png(Image.new("RGB", (32, 32), (255, 0, 0))), mask=png(mask), **keep)


def test_a_run_takes_the_steps_of_its_recipe_and_always_has_a_picture(models: Glide) -> None:
    run = models.begin(RECIPE)
    with pytest.raises(ValueError, match="no step"):
        _ = run.last_seen
    pictures = [run.image()]
    while not run.done:
        run.step()
        pictures.append(run.image())
        assert torch.equal(run.last_seen, pictures[-1])
    assert run.steps_done == RECIPE.total_steps == len(pictures) - 1
    for before, after in pairwise(pictures):
        assert after.shape == (1, 3, 32, 32)
        assert 0 <= after.min() <= after.max() <= 1
        assert not torch.equal(before, after)
    with pytest.raises(ValueError, match="all steps"):
        run.step()


def test_an_upsampler_that_starts_with_little_noise_keeps_the_small_picture(models: Glide) -> None:
    run = models.begin(replace(RECIPE, upsample_from=10, upsample_steps=1))
    for _ in range(RECIPE.base_steps):
        run.step()
    small = run.image()
    run.step()
    assert run.done
    assert (run.image() - small).abs().mean() < 0.05
    assert not torch.equal(run.image(), small)


def test_a_run_resumed_after_any_step_ends_in_the_same_bytes(models: Glide) -> None:
    expected = finished(models.begin(RECIPE))
    for steps in range(RECIPE.total_steps + 1):
        run, resumed = models.begin(RECIPE), models.begin(RECIPE)
        for _ in range(steps):
            run.step()
        state = run.state_dict()
        resumed.load_state_dict(state)
        assert torch.equal(resumed.image(), run.image())
        finished(run)  # changes nothing in the state
        assert torch.equal(finished(resumed), expected)


def test_interleaved_runs_do_not_change_each_other(models: Glide) -> None:
    other = replace(RECIPE, seed=8, prompt="blue", guidance="clip")
    expected = [finished(models.begin(each)) for each in (RECIPE, other)]
    runs = [models.begin(each) for each in (RECIPE, other)]
    torch.manual_seed(0)  # runs have their own random numbers
    while not runs[0].done:
        for run in runs:
            run.step()
    for run, picture in zip(runs, expected, strict=True):
        assert torch.equal(run.image(), picture)


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 8},
        {"prompt": "a blue circle"},
        {"guidance_scale": 1.0},
        {"guidance": "clip"},
        {"temperature": 0.5},
        {"base_steps": 4},
        {"upsample_steps": 3},
    ],
)
def test_each_value_of_the_recipe_changes_the_picture(
    models: Glide, changes: dict[str, Any]
) -> None:
    changed = replace(RECIPE, **changes)
    assert not torch.equal(finished(models.begin(changed)), finished(models.begin(RECIPE)))


def test_the_clip_leads_to_pictures_that_it_finds_more_similar(models: Glide) -> None:
    def similarity(scale: float) -> float:
        recipe = replace(RECIPE, guidance="clip", guidance_scale=scale, base_steps=5)
        run = models.begin(recipe)
        while run.steps_done < recipe.base_steps:
            run.step()
        assert models.clip is not None
        words = models.clip.text(SimpleTokenizer(context_length=12)(recipe.prompt))
        picture = models.clip.image(run.state_dict()["low"], torch.tensor([0]))
        return float((words * picture).sum())

    assert similarity(10.0) > similarity(0.0) + 0.02


def test_an_edit_keeps_what_is_outside_its_mask() -> None:
    models = glide(inpainting=True)
    image = finished(models.begin(replace(RECIPE, edit=edit_of_the_upper_half())))
    red = torch.tensor([1.0, 0.0, 0.0])[None, :, None, None]
    torch.testing.assert_close(image[:, :, 16:], red.expand(1, 3, 16, 32), rtol=0, atol=1e-6)
    assert not torch.allclose(image[INSIDE], red.expand(1, 3, 16, 32), atol=0.01)


def test_models_for_edits_paint_new_pictures_too() -> None:
    assert finished(glide(inpainting=True).begin(RECIPE)).shape == (1, 3, 32, 32)


@pytest.mark.parametrize(
    ("recipe", "inpainting", "reason"),
    [
        (replace(RECIPE, side=64), False, "32 pixels"),
        (replace(RECIPE, models="other"), False, "for the models 'other'"),
        (replace(RECIPE, guidance="clip"), True, "no CLIP"),
        (replace(RECIPE, edit=edit_of_the_upper_half()), False, "cannot change a picture"),
        (replace(RECIPE, edit=replace(edit_of_the_upper_half(), mask=None)), True, "mark what"),
        (replace(RECIPE, edit=edit_of_the_upper_half(keep_look=1)), True, "nothing else"),
        (MinDalleRecipe(models="tiny-glide", seed=1, side=32, prompt="a"), False, "mindalle"),
    ],
)
def test_what_the_models_cannot_paint_is_refused(
    recipe: Any, inpainting: bool, reason: str
) -> None:
    with pytest.raises(RecipeError, match=reason):
        glide(inpainting=inpainting).begin(recipe)


def hostile_states(state: dict[str, Any]) -> dict[str, dict[str, Any]]:
    noisy = state["noisy"]
    return {
        "steps": state | {"steps_done": 6},
        "negative": state | {"steps_done": -1},
        "fractional": state | {"steps_done": 2.0},
        "another stage": state | {"steps_done": 3},
        "no picture": {k: v for k, v in state.items() if k != "estimate"},
        "surplus": state | {"more": noisy},
        "shape": state | {"noisy": noisy[:, :, :8]},
        "type": state | {"noisy": noisy.double()},
        "not finite": state | {"noisy": noisy * float("nan")},
        "no numbers of a picture": state | {"estimate": 100 * torch.ones_like(noisy)},
        "random": state | {"random": state["random"][:10]},
        "no random": {k: v for k, v in state.items() if k != "random"},
    }


@pytest.mark.parametrize("which", hostile_states({"noisy": torch.zeros(1, 1, 1), "random": []}))
def test_a_damaged_state_is_refused_and_the_run_goes_on(models: Glide, which: str) -> None:
    expected = finished(models.begin(RECIPE))
    run = models.begin(RECIPE)
    run.step()
    with pytest.raises(CheckpointError):
        run.load_state_dict(hostile_states(run.state_dict())[which])
    assert torch.equal(finished(run), expected)


def test_a_run_that_diverges_keeps_its_last_picture(models: Glide) -> None:
    run = models.begin(RECIPE)
    run.step()
    picture = run.image()
    state = run.state_dict()
    run.load_state_dict(state | {"noisy": torch.full_like(state["noisy"], 3e38)})
    with pytest.raises(DivergedError, match="step 2"):
        run.step()
    assert torch.equal(run.image(), picture)
