"""Runs that share steps end as they would alone."""

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from engine import Generation, Models, Recipe, make_recipe
from engine.errors import DivergedError
from engine.models.tensors import to_picture
from engine.recipes.edit import Edit
from engine.vqgan_clip.batching import can_batch
from engine.vqgan_clip.loop import step
from engine.vqgan_clip.memory_plan import PLANS


def recipe(prompt: str = "a red circle", **changes: Any) -> Recipe:
    return make_recipe(
        prompt, **({"seed": 1, "size": (32, 32), "steps": 4, "cutouts": 3} | changes)
    )


OTHERS = (
    recipe("a blue square", seed=2, steps=3, cutouts=5),
    recipe("a ring | a cross:-0.5", seed=3, steps=2, learning_rate=0.1, smoothness=0.0),
)


def latents(runs: Sequence[Generation]) -> list[Tensor]:
    return [run.latent.detach().clone() for run in runs]


def alone(recipes: Sequence[Recipe], models: Models, steps: int) -> list[Tensor]:
    runs = [Generation(each, models) for each in recipes]
    for run in runs:
        for _ in range(steps):
            run.step()
    return latents(runs)


def assert_alike(found: Sequence[Tensor], expected: Sequence[Tensor]):
    """Compare up to rounding, which Adam enlarges where a gradient is nearly zero."""
    for one, other in zip(found, expected, strict=True):
        assert (one - other).abs().mean() < 1e-3 * other.abs().mean()


def test_batched_step_equals_single_steps(models: Models):
    recipes = (recipe(), *OTHERS)
    runs = [Generation(each, models) for each in recipes]
    for _ in range(2):
        assert step(runs) == [None, None, None]
    assert [run.steps_done for run in runs] == [2, 2, 2]
    assert_alike(latents(runs), alone(recipes, models, 2))
    assert len({run.loss for run in runs}) == 3


def test_runs_join_and_leave_a_batch_at_any_step(models: Models):
    first, second = Generation(recipe(), models), Generation(OTHERS[0], models)
    first.step()
    step([first, second])
    second.step()
    assert_alike(latents([first, second]), alone((recipe(), OTHERS[0]), models, 2))


def test_picture_does_not_depend_on_others_in_the_batch(models: Models):
    results: list[Tensor] = []
    for other in (OTHERS[0], replace(OTHERS[1], cutouts=OTHERS[0].cutouts)):
        runs = [Generation(recipe(), models), Generation(other, models)]
        for _ in range(2):
            step(runs)
        results.append(runs[0].image())
    assert torch.equal(results[0], results[1])


def test_edit_and_new_picture_share_a_batch(models: Models, painted: bytes):
    edit = recipe("green", start="image", edit=Edit(painted, keep_structure=1.0))
    runs = [Generation(edit, models), Generation(recipe(), models)]
    step(runs)
    assert_alike(latents(runs), alone((edit, recipe()), models, 1))


def test_diverged_run_leaves_others_in_the_batch_alone(models: Models):
    wild = recipe(learning_rate=100.0, regularizer=1000.0, quantization="none")
    runs = [Generation(recipe(), models), Generation(wild, models)]
    with torch.no_grad():
        runs[1].latent.fill_(torch.inf)
    good, bad = step(runs)
    assert good is None
    assert isinstance(bad, DivergedError)
    assert runs[0].steps_done == 1
    assert runs[1].steps_done == 0
    assert_alike(latents(runs[:1]), alone((recipe(),), models, 1))
    assert runs[1].image().isfinite().all()


def test_can_batch_needs_same_models_canvas_and_plan(models: Models):
    run = Generation(recipe(), models)
    assert can_batch(run, Generation(OTHERS[0], models))
    assert not can_batch(run, Generation(recipe(size=(32, 64)), models))
    assert not can_batch(run, Generation(recipe(), models, PLANS[1]))
    assert not can_batch(run, Generation(recipe(), replace(models)))
    assert not can_batch(run, Generation(recipe(tile="x"), models))


def test_tiles_share_steps(models: Models):
    recipes = (recipe(tile="x", smoothness=1.0), replace(OTHERS[0], tile="x"))
    runs = [Generation(each, models) for each in recipes]
    assert can_batch(*runs)
    step(runs)
    assert_alike(latents(runs), alone(recipes, models, 1))


class Full:
    """A perceptor that runs out of memory."""

    def __init__(self, whole: Any) -> None:
        self._whole = whole
        self.is_full = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)

    def encode_image(self, images: Tensor) -> Tensor:
        if self.is_full:
            raise RuntimeError("not enough memory: you tried to allocate memory")
        return self._whole.encode_image(images)


def test_batch_out_of_memory_leaves_runs_unchanged(models: Models):
    perceptor = Full(models.perceptors[0])
    tight = replace(models, perceptors=(perceptor,))
    runs = [Generation(each, tight) for each in (recipe(), OTHERS[0])]
    with pytest.raises(RuntimeError, match="memory"):
        step(runs)
    assert [run.plan for run in runs] == [PLANS[0]] * 2
    perceptor.is_full = False
    step(runs)
    assert_alike(latents(runs), alone((recipe(), OTHERS[0]), models, 1))


@pytest.fixture
def painted(models: Models) -> bytes:
    run = Generation(recipe(), models)
    run.step()
    content = io.BytesIO()
    to_picture(run.image()).save(content, "PNG")
    return content.getvalue()
