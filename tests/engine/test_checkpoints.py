"""Checkpoints of painters besides VQGAN-CLIP: flat states, as bytes and back."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from engine.checkpoints import dump, load
from engine.errors import CheckpointError
from engine.models.checkpoint_file import write
from engine.recipes.glide_recipe import GlideRecipe

RECIPE = GlideRecipe(models="demo-glide", seed=1, side=64, prompt="a ring", base_steps=5)


def state(steps: int = 3) -> dict[str, Any]:
    random = torch.Generator().manual_seed(1)
    x = torch.randn(1, 3, 4, 4, generator=random)
    return {"steps_done": steps, "x": x, "codes": torch.arange(4), "random": random.get_state()}


def test_a_state_comes_back_bit_for_bit():
    before = state()
    after = load(dump(before, RECIPE), RECIPE)
    assert after.keys() == before.keys()
    assert after["steps_done"] == 3
    for name in ("x", "codes", "random"):
        assert torch.equal(after[name], before[name])
    assert dump(after, RECIPE) == dump(before, RECIPE)


@pytest.mark.parametrize(
    "other", [replace(RECIPE, seed=2), replace(RECIPE, prompt="a star"), replace(RECIPE, enlarge=2)]
)
def test_it_is_for_its_own_recipe_only(other: GlideRecipe):
    with pytest.raises(CheckpointError, match="another recipe"):
        load(dump(state(), RECIPE), other)


@pytest.mark.parametrize("position", [0, 9, 100, -1])
def test_a_damaged_one_is_never_used(position: int):
    content = bytearray(dump(state(), RECIPE))
    content[position] ^= 1
    with pytest.raises(CheckpointError):
        load(bytes(content), RECIPE)


@pytest.mark.parametrize("steps", [-1, RECIPE.total_steps + 1, 2.0, True, None, "3"])
def test_steps_that_cannot_be_are_refused(steps: object):
    with pytest.raises(CheckpointError, match="number of steps"):
        load(dump(state() | {"steps_done": steps}, RECIPE), RECIPE)


def test_a_state_without_its_random_numbers_is_refused():
    with pytest.raises(CheckpointError, match="tensors"):
        load(dump({k: v for k, v in state().items() if k != "random"}, RECIPE), RECIPE)


def test_random_numbers_of_another_kind_of_device_are_refused():
    with pytest.raises(CheckpointError, match="random state"):
        load(dump(state() | {"random": torch.zeros(3, dtype=torch.uint8)}, RECIPE), RECIPE)


def test_another_version_is_refused():
    content = write({"random": torch.zeros(1)}, {"version": 99})
    with pytest.raises(CheckpointError, match="another version"):
        load(content, RECIPE)
