"""Compare the edges with BDCN's formulas, written with torch's plain functions."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from engine.open_edit.edges import CONVS, Edges
from tests.engine.open_edit.small import EDGES, filled, random_numbers
from tests.engine.rounding import assert_equal_up_to_rounding


@pytest.fixture(scope="module")
def edges() -> Edges:
    return filled(Edges(EDGES))


def picture(height: int = 32, width: int = 48) -> Tensor:
    return torch.rand(1, 3, height, width, generator=random_numbers())


def conv(images: Tensor, weights: Mapping[str, Tensor], name: str, dilation: int = 1) -> Tensor:
    weight = weights[f"{name}.weight"]
    padding = dilation * (weight.shape[-1] // 2)
    return F.conv2d(images, weight, weights[f"{name}.bias"], padding=padding, dilation=dilation)


def scale_block(images: Tensor, weights: Mapping[str, Tensor], name: str) -> Tensor:
    first = conv(images, weights, f"{name}.conv").relu()
    dilated = [
        conv(first, weights, f"{name}.conv{number}", 4 * number).relu() for number in (1, 2, 3)
    ]
    return first + sum(dilated)


def scores_by_formula(images: Tensor, weights: Mapping[str, Tensor]) -> list[Tensor]:
    """Return the scores of the four stages, at the size of the picture."""
    height, width = images.shape[2:]
    red, green, blue = images.unbind(1)
    means = (123.0, 117.0, 104.0)
    hidden = torch.stack(
        [255 * c - m for c, m in zip((blue, green, red), means, strict=True)], dim=1
    )
    scores: list[Tensor] = []
    for stage, convs in enumerate(CONVS, 1):
        if stage > 1:
            hidden = F.max_pool2d(hidden, 2, 2)
        looked: list[Tensor] = []
        for number in range(1, convs + 1):
            hidden = conv(hidden, weights, f"features.conv{stage}_{number}").relu()
            block = scale_block(hidden, weights, f"msblock{stage}_{number}")
            looked.append(conv(block, weights, f"conv{stage}_{number}_down"))
        score = conv(torch.stack(looked).sum(0), weights, f"score_dsn{stage}")
        if stage > 1:
            factor = 2 ** (stage - 1)
            score = F.conv_transpose2d(score, weights[f"upsample_{factor}.weight"], stride=factor)
            half = factor // 2
            score = score[..., half : half + height, half : half + width]
        scores.append(score)
    return scores


def test_the_edges_are_the_sum_of_four_scores(edges: Edges):
    images = picture()
    found = edges(images)
    assert found.shape == (1, 1, 32, 48)
    expected = torch.stack(scores_by_formula(images, edges.state_dict())).sum(0)
    assert_equal_up_to_rounding(found, expected)


def test_the_gradient_goes_through_the_last_score_only(edges: Edges):
    images = picture().requires_grad_()
    direction = torch.randn(1, 1, 32, 48, generator=random_numbers(1))
    (found,) = torch.autograd.grad((edges(images) * direction).sum(), images)
    last = scores_by_formula(images, edges.state_dict())[-1]
    (expected,) = torch.autograd.grad((last * direction).sum(), images)
    assert_equal_up_to_rounding(found, expected)


def test_lower_precision_stays_near_and_scores_stay_exact(edges: Edges):
    lowered = filled(Edges(EDGES))
    lowered.freeze_for_inference(torch.bfloat16)
    found, expected = lowered(picture()), edges(picture())
    assert found.dtype == torch.float32
    assert (found - expected).abs().max() < 0.05 * expected.abs().max()
