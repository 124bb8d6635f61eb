"""A run: its steps, and that it can be paused, saved and resumed anywhere."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from engine import checkpoints
from engine.errors import CheckpointError, DivergedError
from engine.open_edit.painter import OpenEdit
from engine.open_edit.picture_edit import size_loss
from engine.open_edit.run import LEARNING_RATE, OpenEditRun
from engine.recipes.edit import Edit
from tests.engine.open_edit import small
from tests.engine.open_edit.small import recipe

STEPS = 2


@pytest.fixture(scope="module")
def finished(painter: OpenEdit) -> OpenEditRun:
    return to_the_end(painter.begin(recipe(optimization_steps=STEPS)))


def to_the_end(run: OpenEditRun) -> OpenEditRun:
    while not run.done:
        run.step()
    return run


def test_a_run_has_a_step_for_each_optimization_and_one_for_the_picture(finished: OpenEditRun):
    assert finished.steps_done == finished.recipe.total_steps == STEPS + 1
    assert finished.last_seen.equal(finished.image())


def test_the_picture_has_the_recipes_side_and_levels(finished: OpenEditRun):
    image = finished.image()
    assert image.shape == (1, 3, small.SIDE, small.SIDE)
    assert 0 <= image.min() < image.max() <= 1
    assert not image.requires_grad


def test_the_steps_bring_the_decoder_nearer_to_the_picture(painter: OpenEdit):
    run = painter.begin(recipe(optimization_steps=4))
    before = loss(run)
    for _ in range(4):
        run.step()
    assert loss(run) < before


def loss(run: OpenEditRun) -> float:
    maps = {name: each for name, each in run.state_dict().items() if name.startswith("param")}
    maps = {name: each for name, each in maps.items() if "." not in name}
    edit = run._edit
    with torch.no_grad():
        return (edit.reconstruction_loss(maps) + edit.cycle_loss(maps)[0]).item()


def test_a_step_is_one_of_torchs_adam(painter: OpenEdit):
    run = painter.begin(recipe(optimization_steps=STEPS))
    edit = run._edit
    shapes = painter.models.decoder.map_shapes()
    maps = {name: torch.zeros(shape, requires_grad=True) for name, shape in shapes.items()}
    adam = torch.optim.Adam(maps.values(), lr=LEARNING_RATE, betas=(0.0, 0.9))
    for _ in range(STEPS):
        run.step()
        adam.zero_grad()
        size = sum((1e-4 * each.square().sum() for each in maps.values()), torch.zeros(()))
        (edit.reconstruction_loss(maps) + edit.cycle_loss(maps)[0] + size).backward()
        adam.step()
    found = run.state_dict()
    for name, expected in maps.items():
        # A gradient near 0 is all rounding, and Adam takes a whole step for it too.
        same = (found[name] - expected).abs() < 1e-4
        assert same.float().mean() > 0.99


def test_a_run_shows_the_edit_before_it_is_done(painter: OpenEdit):
    run = painter.begin(recipe(optimization_steps=STEPS))
    with pytest.raises(ValueError, match="no step"):
        _ = run.last_seen
    unfitted = run.image()
    run.step()
    assert run.last_seen.equal(unfitted)  # a step sees the picture before it
    assert not run.image().equal(unfitted)


def test_without_optimization_the_only_step_makes_the_picture(painter: OpenEdit):
    run = painter.begin(recipe(optimization_steps=0))
    unfitted = run.image()
    run.step()
    assert run.done and run.image().equal(unfitted)


@pytest.mark.parametrize("steps", range(STEPS + 2))
def test_a_run_resumed_at_any_step_ends_in_the_same_bytes(
    painter: OpenEdit, finished: OpenEditRun, steps: int
):
    first = painter.begin(finished.recipe)
    for _ in range(steps):
        first.step()
    second = painter.begin(finished.recipe)
    second.load_state_dict(first.state_dict())
    assert second.steps_done == steps
    assert to_the_end(second).image().equal(finished.image())


def test_a_checkpoint_holds_all_that_a_run_needs(painter: OpenEdit, finished: OpenEditRun):
    first = painter.begin(finished.recipe)
    first.step()
    stored = checkpoints.dump(first.state_dict(), finished.recipe)
    second = painter.begin(finished.recipe)
    second.load_state_dict(checkpoints.load(stored, finished.recipe))
    assert to_the_end(second).image().equal(finished.image())


def test_interleaved_runs_end_as_separate_ones(painter: OpenEdit, finished: OpenEditRun):
    other = recipe(optimization_steps=STEPS, old="sky", new="red car", is_global=True)
    alone = to_the_end(painter.begin(other))
    one, two = painter.begin(finished.recipe), painter.begin(other)
    while not (one.done and two.done):
        one.step()
        two.step()
    assert one.image().equal(finished.image())
    assert two.image().equal(alone.image())
    assert not one.image().equal(two.image())


def test_a_state_does_not_change_with_its_run(painter: OpenEdit):
    run = painter.begin(recipe(optimization_steps=STEPS))
    run.step()
    state = run.state_dict()
    before = state["param1"].clone()
    run.step()
    assert state["param1"].equal(before)


def test_global_random_numbers_do_not_matter(painter: OpenEdit, finished: OpenEditRun):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(99)
        assert to_the_end(painter.begin(finished.recipe)).image().equal(finished.image())


def without(state: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in state.items() if key != name}


def hostile(state: dict[str, Any]) -> list[dict[str, Any]]:
    """Return states that somebody may have tampered with."""
    good: Tensor = state["param1"]
    bad = torch.full_like(good, torch.nan)
    return [
        {},
        without(state, "steps_done"),
        without(state, "random"),
        without(state, "param2"),
        without(state, "param2.exp_avg_sq"),
        state | {"param4": good},
        state | {"param1": bad},
        state | {"param1": good.double()},
        state | {"param1": good[:, :1]},
        state | {"param1": "param1"},
        state | {"param1.exp_avg_sq": good - 1},
        state | {"steps_done": -1},
        state | {"steps_done": STEPS + 2},
        state | {"steps_done": True},
        state | {"steps_done": 1.0},
        state | {"random": torch.zeros(3, dtype=torch.uint8)},
        state | {"random": b"random"},
    ]


def test_states_that_do_not_fit_are_refused_and_change_nothing(
    painter: OpenEdit, finished: OpenEditRun
):
    run = painter.begin(finished.recipe)
    run.step()
    state = run.state_dict()
    for wrong in hostile(state):
        with pytest.raises(CheckpointError):
            run.load_state_dict(wrong)
    assert run.steps_done == 1
    assert all(run.state_dict()[name].equal(state[name]) for name in ("param1", "random"))


def test_a_diverging_edit_keeps_its_last_good_picture(
    painter: OpenEdit, monkeypatch: pytest.MonkeyPatch
):
    run = painter.begin(recipe(optimization_steps=STEPS))
    run.step()
    good = run.image()
    monkeypatch.setattr("engine.open_edit.run.size_loss", lambda maps: size_loss(maps) * torch.inf)
    with pytest.raises(DivergedError, match="step 2"):
        run.step()
    assert run.steps_done == 1 and run.image().equal(good)


def test_another_picture_gives_another_edit(painter: OpenEdit, finished: OpenEditRun):
    other = recipe(edit=Edit(small.png(small.picture(seed=3))), optimization_steps=0)
    unfitted = painter.begin(replace(finished.recipe, optimization_steps=0)).image()
    assert not painter.begin(other).image().equal(unfitted)
