"""Re-encoding: when it comes, what it leaves alone, and that nothing is lost by it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from PIL import Image, ImageDraw

from engine.editing.edit_recipe import edit_recipe
from engine.editing.enlarging import enlarge_recipe
from engine.errors import RecipeError
from engine.models.loading import Models
from engine.presets import make_recipe
from engine.recipes.film import Film
from engine.recipes.kinds import recipe_from_json
from engine.recipes.recipe import Recipe
from engine.vqgan_clip import loop
from engine.vqgan_clip.generation import Generation
from engine.vqgan_clip.latents import encoded
from tests.engine.vqgan_clip.resuming import paint_saving_each_step, resumed_from

SIZE = (32, 24)
PROMPT = "a red circle on a blue background"


def scene() -> Image.Image:
    picture = Image.new("RGB", SIZE, (40, 80, 215))
    ImageDraw.Draw(picture).ellipse((8, 4, 24, 20), fill=(215, 35, 40))
    return picture


def small(**changes: Any) -> Recipe:
    values = {"seed": 1, "size": SIZE, "steps": 5, "cutouts": 2, "reencode_every": 2} | changes
    return make_recipe(PROMPT, **values)


def edited(mask: Image.Image | None = None, **changes: Any) -> Recipe:
    recipe = edit_recipe(PROMPT, scene(), seed=1, mask=mask, enlarge=1)
    values = {"steps": 3, "cutouts": 2, "reencode_every": 2} | changes
    return replace(recipe, **values)


def left_half() -> Image.Image:
    mask = Image.new("L", SIZE, 0)
    mask.paste(255, (0, 0, SIZE[0] // 2, SIZE[1]))
    return mask


def advanced(recipe: Recipe, models: Models, steps: int) -> Generation:
    run = Generation(recipe, models)
    for _ in range(steps):
        run.step()
    return run


def film() -> Recipe:
    return small(film=Film(frames=2, camera="zoom", steps=3))


def enlargement() -> Recipe:
    recipe = enlarge_recipe(PROMPT, scene(), seed=3, enlarge=1)
    return replace(recipe, width=32, height=24, steps=3, cutouts=2, reencode_every=2)


@pytest.mark.parametrize("every", [2, 3])
def test_before_a_step_that_is_due_the_latent_is_that_of_its_picture(models: Models, every: int):
    still = {"learning_rate": 1e-6, "learning_rate_end": 1.0}  # what changes more is re-encoded
    run = advanced(small(reencode_every=every, **still), models, every)
    drawn = run.latent.detach().clone()
    expected = encoded(models.generator, run.image(), "none")[0]
    assert (drawn - expected).abs().mean() > 0.1  # random codes are no encoding of anything
    run.step()
    torch.testing.assert_close(run.latent.detach(), expected, atol=1e-4, rtol=0)


def test_without_it_or_before_it_is_due_nothing_is_different(models: Models):
    never = advanced(small(reencode_every=0), models, 5)
    for steps, is_same in ((2, True), (3, False), (5, False)):
        run = advanced(small(), models, steps)
        other = advanced(small(reencode_every=0), models, steps)
        assert torch.equal(run.image(), other.image()) == is_same
    later = advanced(small(reencode_every=5), models, 5)  # due after the last step, so never
    assert torch.equal(later.image(), never.image())


@pytest.mark.parametrize("make", [small, edited, film, enlargement])
def test_a_run_that_was_saved_after_any_step_goes_on_the_same(
    models: Models, make: Callable[[], Recipe]
):
    recipe = make()
    states, pictures = paint_saving_each_step(recipe, models)
    for steps, state in states.items():
        resumed = resumed_from(state, recipe, models)
        resumed.step()
        assert torch.equal(resumed.image(), pictures[steps + 1]), steps


def test_a_step_that_fails_leaves_the_latent_as_it_was(
    models: Models, monkeypatch: pytest.MonkeyPatch
):
    run, other = advanced(small(), models, 2), advanced(small(), models, 3)
    before, picture = run.latent.detach().clone(), run.image()

    def fail(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(loop, "compute_gradients", fail)
        with pytest.raises(MemoryError):
            run.step()
    assert torch.equal(run.latent, before) and torch.equal(run.image(), picture)
    run.step()
    assert torch.equal(run.image(), other.image())


def test_what_a_mask_fixes_stays_exactly_the_same(models: Models):
    start, run = (advanced(edited(left_half()), models, steps) for steps in (0, 3))
    assert run.edit is not None and run.edit.free is not None
    fixed = (run.edit.free[0] == 0).expand_as(run.latent)
    moved = start.latent != run.latent
    assert fixed.any() and not moved[fixed].any() and moved[~fixed].any()
    before, after = (each.image() for each in (start, run))
    quarter = after.shape[-1] // 4  # the mask has a soft edge in the middle
    assert torch.equal(before[..., 3 * quarter :], after[..., 3 * quarter :])
    assert not torch.equal(before[..., :quarter], after[..., :quarter])


def test_what_an_edit_does_not_move_stays_exactly_the_same(models: Models):
    recipe = edited()
    assert recipe.edit is not None
    kept = replace(recipe, edit=replace(recipe.edit, keep_structure=0.0, keep_cells=1.0))
    start, run = (advanced(kept, models, steps).latent.detach() for steps in (0, 3))
    unmoved = (start == run).all(1)
    assert unmoved.sum() > 0
    free = advanced(replace(kept, edit=replace(recipe.edit, keep_structure=0.0)), models, 3)
    assert unmoved.sum() > (start == free.latent).all(1).sum()


def test_a_recipe_with_it_needs_the_newest_version_and_is_read_back():
    text = small().to_json()
    assert '"version": 6' in text and '"reencode_every": 2' in text
    assert recipe_from_json(text) == small()
    assert "reencode_every" not in small(reencode_every=0).to_json()


def test_codebook_sampling_has_no_latent_to_encode_a_picture_into():
    with pytest.raises(RecipeError, match="codebook sampling .* reencode_every must be 0"):
        small(quantization="codebook-sampling", preset="demo", start="codes", reencode_every=3)
    sampled = make_recipe(PROMPT, seed=1, models="scenes", quantization="codebook-sampling")
    assert sampled.reencode_every == 0 < make_recipe(PROMPT, seed=1, models="scenes").reencode_every


class Blind:
    """A generator without an encoder."""

    def __init__(self, models: Models) -> None:
        self._whole = models.generator
        self.starts = ("codes",)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)

    def encode(self, *_: object, **__: object) -> None:
        return None


def test_a_generator_that_cannot_encode_refuses_it(models: Models):
    blind = replace(models, generator=Blind(models))  # pyright: ignore[reportArgumentType]
    with pytest.raises(RecipeError, match="cannot encode a picture: reencode_every must be 0"):
        Generation(small(), blind)
    assert advanced(small(reencode_every=0), blind, 3).image().isfinite().all()
