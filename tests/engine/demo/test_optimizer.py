"""Tests of the optimizer of the demo models."""

import pytest
import torch
from torch import nn

from engine.demo.optimizer import Optimizer


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_it_trains_convolutions_and_biases_in_any_memory_layout(
    layout: torch.memory_format,
) -> None:
    """Convolutions that must copy their input learn to do so."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 3, 3, padding=1))
    model = model.to(memory_format=layout)  # pyright: ignore[reportCallIssue]
    random = torch.Generator().manual_seed(1)
    optimizer = Optimizer(model.named_parameters(), matrix_rate=0.02, other_rate=2e-3)
    losses: list[float] = []
    for number in range(150):
        images = torch.rand(8, 3, 8, 8, generator=random)
        optimizer.zero_grad()
        loss = (model(images) - images).square().mean()
        loss.backward()
        optimizer.step(1 - number / 150)
        losses.append(loss.item())
    assert losses[-1] < 0.02 * losses[0]


def test_a_factor_of_zero_changes_nothing() -> None:
    layer = nn.Linear(3, 3)
    before = layer.weight.detach().clone()
    optimizer = Optimizer(layer.named_parameters(), matrix_rate=1.0, other_rate=1.0)
    layer(torch.ones(3)).sum().backward()
    optimizer.step(0.0)
    assert torch.equal(layer.weight, before)
