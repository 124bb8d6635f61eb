"""Saving memory changes how a step is computed, and not what it is."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from engine import Generation, Models, Recipe, make_recipe
from engine.vqgan_clip.checkpoints import dump, load
from engine.vqgan_clip.memory_plan import PLANS, Plan
from tests.engine.rounding import assert_equal_up_to_rounding


def recipe(**changes: Any) -> Recipe:
    return make_recipe(
        "a red circle", **({"seed": 1, "size": (32, 32), "steps": 4, "cutouts": 12} | changes)
    )


def gradient(plan: Plan, models: Models) -> Tensor:
    run = Generation(recipe(), models, plan)
    run.step()
    assert run.latent.grad is not None
    return run.latent.grad.flatten()


def finished(run: Generation) -> Tensor:
    while not run.done:
        run.step()
    return run.image()


@pytest.mark.parametrize("plan", PLANS[1:], ids=str)
def test_every_plan_has_the_same_gradient(models: Models, plan: Plan):
    first, other = gradient(PLANS[0], models), gradient(plan, models)
    assert_equal_up_to_rounding(other, first)


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_a_run_goes_on_by_the_plan_by_which_it_began(models: Models, plan: Plan):
    whole = finished(Generation(recipe(), models, plan))
    run = Generation(recipe(), models, plan)
    run.step()
    later = Generation(recipe(), models)
    later.load_state_dict(load(dump(run.state_dict(), recipe()), recipe()))
    assert later.plan == plan
    assert torch.equal(finished(later), whole)


class Narrow:
    """A perceptor for whose gradient memory suffices only if it takes few pictures at a time."""

    def __init__(self, whole: Any, at_once: int, error: Callable[[], Exception]) -> None:
        self._whole = whole
        self._at_once = at_once
        self._error = error
        self.steps = 0
        """Calls until memory is short."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole, name)

    def encode_image(self, images: Tensor) -> Tensor:
        self.steps -= 1
        if self.steps < 0 and len(images) > self._at_once:
            raise self._error()
        return self._whole.encode_image(images)


def short_of_memory() -> Exception:
    return RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to")


def short_of_gpu_memory() -> Exception:
    return torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")


@pytest.mark.parametrize("error", [short_of_memory, short_of_gpu_memory, MemoryError])
def test_a_run_that_is_short_of_memory_goes_on_from_the_same_step_with_less(
    models: Models, error: Callable[[], Exception]
):
    perceptor = Narrow(models.perceptors[0], 8, error)
    perceptor.steps = 2
    run = Generation(recipe(), replace(models, perceptors=(perceptor,)))
    image = finished(run)
    assert run.plan == PLANS[1]
    assert run.steps_done == 4
    # As if the steps had been planned like that: two with everything at once, two with less.
    planned = Generation(recipe(), models)
    planned.step()
    planned.step()
    planned.plan = PLANS[1]
    assert torch.equal(finished(planned), image)


def test_a_run_for_which_no_memory_suffices_is_as_it_was_before_the_step(models: Models):
    perceptor = Narrow(models.perceptors[0], 1, MemoryError)
    perceptor.steps = 1
    run = Generation(recipe(), replace(models, perceptors=(perceptor,)))
    run.step()
    before = run.image()
    with pytest.raises(MemoryError):
        run.step()
    assert run.steps_done == 1
    assert torch.equal(run.image(), before)


def test_other_errors_end_the_step(models: Models):
    perceptor = Narrow(models.perceptors[0], 1, lambda: RuntimeError("shapes do not fit"))
    run = Generation(recipe(), replace(models, perceptors=(perceptor,)))
    with pytest.raises(RuntimeError, match="shapes"):
        run.step()
    assert run.plan == PLANS[0]


def test_perceptors_of_an_ensemble_count_as_much_as_they_weigh(models: Models):
    """With all of the weight on one, the other might as well not be there."""
    perceptor = models.perceptors[0]
    pair = replace(models, perceptors=(perceptor, perceptor))
    once = Generation(recipe(), models)
    both = Generation(recipe(), pair)
    assert both.models.shares == (0.5, 0.5)
    weighed = Generation(recipe(), replace(pair, weights=(3.0, 1.0)))
    assert weighed.models.shares == (0.75, 0.25)
    # The same perceptor twice sees other cutouts the second time, but the first look is the same.
    alone = Generation(recipe(), replace(pair, weights=(1.0, 0.0)))
    for run in (alone, once):
        run.step()
    assert alone.loss == pytest.approx(once.loss, rel=1e-5)
