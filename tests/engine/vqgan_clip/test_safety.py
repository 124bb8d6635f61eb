"""The guard finds the first step that was not finite, even if it checks many steps later."""

import math

import pytest
import torch
from torch import Tensor

from engine.errors import DivergedError
from engine.vqgan_clip.memory_plan import PLANS, MemoryPlan
from engine.vqgan_clip.safety import FiniteGuard, with_less_memory

ONE = torch.ones(())


def take_step(guard: FiniteGuard, latent: Tensor, steps_done: int, loss: float = 0.5) -> None:
    """Subtract 1 from the latent, as the update of a step with `loss`."""
    latent.grad = torch.ones_like(latent)
    with torch.no_grad(), guard.watch((latent,), ONE * loss, steps_done):
        latent.sub_(1)


def test_guard_lets_finite_steps_pass():
    latent = torch.zeros(3, requires_grad=True)
    guard = FiniteGuard((latent,))
    for number in range(4):
        take_step(guard, latent, number)
    assert guard.check() is None
    assert latent.tolist() == [-4, -4, -4]
    assert guard.last_finite[0].tolist() == [-3, -3, -3]
    assert guard.last_finite_steps == 3


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_guard_checked_late_goes_back_to_the_last_finite_step(loss: float):
    latent = torch.zeros(3, requires_grad=True)
    guard = FiniteGuard((latent,))
    for number in range(6):
        take_step(guard, latent, number, loss if number == 2 else 0.5)
    error = guard.check()
    assert isinstance(error, DivergedError)
    assert "diverged at step 3" in str(error)
    assert latent.tolist() == [-1, -1, -1]
    assert guard.last_finite_steps == 1
    take_step(guard, latent, 1)
    assert guard.check() is None


def test_guard_notices_gradients_that_are_not_finite():
    latent = torch.zeros(3, requires_grad=True)
    guard = FiniteGuard((latent,))
    latent.grad = torch.tensor([0.0, math.nan, 0.0])
    with torch.no_grad(), guard.watch((latent,), ONE, 0):
        latent.sub_(1)
    assert isinstance(guard.check(), DivergedError)
    assert latent.tolist() == [0, 0, 0]


def test_retries_draw_the_same_random_numbers():
    rng = torch.Generator().manual_seed(1)
    drawn: list[float] = []

    def compute(plan: MemoryPlan) -> MemoryPlan:
        drawn.append(torch.rand((), generator=rng).item())
        if plan != PLANS[-1]:
            raise MemoryError
        return plan

    assert with_less_memory(compute, PLANS[0], [rng]) == (PLANS[-1], PLANS[-1])
    assert len(drawn) == len(PLANS)
    assert len(set(drawn)) == 1


def test_a_batch_is_not_retried_with_less_memory():
    rngs = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
    attempts: list[MemoryPlan] = []

    def compute(plan: MemoryPlan) -> None:
        attempts.append(plan)
        raise MemoryError

    with pytest.raises(MemoryError):
        with_less_memory(compute, PLANS[0], rngs)
    assert attempts == [PLANS[0]]
