import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from engine.models.latent_generator import latent_regularizer
from engine.vqgan_clip.losses import (
    clamp_with_gradient,
    prompt_loss,
    spherical_distance,
    total_variation,
)


def unit_vectors(*shape: int, seed: int = 0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(shape, generator=random, dtype=torch.float64), dim=-1)


EMBEDDINGS = unit_vectors(2, 5, 16)
TARGETS = unit_vectors(2, 3, 16, seed=1)
NO_STOPS = torch.full((2, 3), -math.inf, dtype=torch.float64)


def weights(*values: float) -> Tensor:
    return torch.tensor([values, values], dtype=torch.float64)


def loss_of(weights: Tensor, embeddings: Tensor = EMBEDDINGS, stops: Tensor = NO_STOPS) -> Tensor:
    return prompt_loss(embeddings, TARGETS, weights, stops)


def test_distance_is_half_the_squared_angle():
    x, y = unit_vectors(1000, 16), unit_vectors(1000, 16, seed=1)
    angles = (x * y).sum(-1).arccos()
    torch.testing.assert_close(spherical_distance(x, y), angles.square() / 2)


def test_distance_of_equal_vectors_is_0_with_finite_gradient():
    x = unit_vectors(4, 16).float().requires_grad_()
    distance = spherical_distance(x, x.detach())
    distance.sum().backward()
    assert x.grad is not None
    assert torch.equal(distance, torch.zeros(4))
    assert x.grad.isfinite().all()


def test_distance_of_opposite_vectors_has_finite_gradient():
    x = unit_vectors(4, 16).float().requires_grad_()
    distance = spherical_distance(x, -x.detach())
    distance.sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(distance, torch.full((4,), math.pi**2 / 2), rtol=5e-3, atol=0)
    assert x.grad.isfinite().all()


def test_distance_passes_gradcheck():
    x, y = unit_vectors(3, 4).requires_grad_(), unit_vectors(3, 4, seed=1)
    assert torch.autograd.gradcheck(spherical_distance, (x, y))


def test_loss_of_one_prompt_is_mean_over_cutouts():
    expected = spherical_distance(EMBEDDINGS, TARGETS[:, :1]).mean(1)
    torch.testing.assert_close(loss_of(weights(1, 0, 0)), expected)


def test_prompt_addition_averages_by_weight():
    one, two, three = (loss_of(weights(*row)) for row in torch.eye(3).tolist())
    torch.testing.assert_close(loss_of(weights(1 / 3, 1 / 3, 1 / 3)), (one + two + three) / 3)
    torch.testing.assert_close(loss_of(weights(0.5, 0.3, 0.2)), 0.5 * one + 0.3 * two + 0.2 * three)


def test_losses_of_a_batch_are_independent():
    losses = loss_of(weights(0.5, -0.3, 0.2))
    alone = prompt_loss(EMBEDDINGS[1:], TARGETS[1:], weights(0.5, -0.3, 0.2)[1:], NO_STOPS[1:])
    torch.testing.assert_close(losses[1:], alone)


@pytest.mark.parametrize(("weight", "farther"), [(1.0, False), (-1.0, True)])
def test_sign_of_weight_decides_direction(weight: float, farther: bool):
    embeddings = EMBEDDINGS.clone().requires_grad_()
    loss_of(weights(weight, 0, 0), embeddings).sum().backward()
    assert embeddings.grad is not None
    moved = F.normalize(EMBEDDINGS - 0.1 * embeddings.grad, dim=-1)
    before = spherical_distance(EMBEDDINGS, TARGETS[:, :1])
    after = spherical_distance(moved, TARGETS[:, :1])
    assert ((after > before) == farther).all()


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_cutouts_at_the_stop_value_have_no_gradient(sign: float):
    signed = sign * spherical_distance(EMBEDDINGS, TARGETS[:, :1])
    middle = signed.flatten().sort().values[4:6]
    stop = middle.mean()  # between two distances, so that rounding decides nothing
    stops = torch.full((2, 3), float(stop), dtype=torch.float64)
    embeddings = EMBEDDINGS.clone().requires_grad_()
    loss = loss_of(weights(sign, 0, 0), embeddings, stops)
    loss.sum().backward()
    assert embeddings.grad is not None
    assert torch.equal(embeddings.grad.abs().sum(-1) > 0, signed[..., 0:5] >= stop)
    torch.testing.assert_close(loss, loss_of(weights(sign, 0, 0)))


def test_regulariser_is_mean_square():
    latents = torch.tensor([1.0, -2.0, 3.0, 0.0, 5.0, 5.0, 5.0, 5.0]).view(2, 2, 1, 2)
    assert latent_regularizer(latents).tolist() == [3.5, 25.0]


def test_total_variation_is_mean_difference_of_neighbours():
    flat = torch.full((3, 4, 6), 0.7)
    upright = torch.tensor([0.0, 1.0] * 3).expand(3, 4, 6)
    ramp = (torch.arange(4.0) / 4)[:, None].expand(3, 4, 6)
    assert total_variation(torch.stack((flat, upright, ramp))).tolist() == [0.0, 1.0, 0.25]


def test_clamp_keeps_values_within_0_and_1():
    image = torch.tensor([-0.5, 0.0, 0.3, 1.0, 1.5])
    assert torch.equal(clamp_with_gradient(image), image.clamp(0, 1))


@pytest.mark.parametrize(
    ("value", "gradient", "passes"),
    [
        (0.5, 1.0, True),
        (0.5, -1.0, True),
        (0.0, 1.0, True),
        (1.0, -1.0, True),
        (-0.5, -1.0, True),  # descent raises the value, back inside
        (-0.5, 1.0, False),
        (1.5, 1.0, True),
        (1.5, -1.0, False),
    ],
)
def test_clamp_passes_only_gradients_that_lead_inside(value: float, gradient: float, passes: bool):
    image = torch.tensor(value, requires_grad=True)
    clamp_with_gradient(image).backward(torch.tensor(gradient))
    assert image.grad is not None
    assert image.grad.item() == (gradient if passes else 0)


def test_the_variation_of_a_tile_counts_the_step_across_its_edges():
    ramp = torch.linspace(0, 1, 5, dtype=torch.float64).expand(1, 3, 5, 5)
    assert total_variation(ramp).item() == pytest.approx(0.25)
    assert total_variation(ramp, "y").item() == pytest.approx(0.25)
    assert total_variation(ramp, "x").item() == pytest.approx((4 * 0.25 + 1) / 5)
    image = torch.rand((1, 3, 6, 8), generator=torch.Generator().manual_seed(1))
    moved = total_variation(image.roll((2, 3), (2, 3)), "both")
    torch.testing.assert_close(moved, total_variation(image, "both"))
