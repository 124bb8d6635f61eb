"""Views: all that is random about cutouts is drawn first, and the rest is one graph."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.recipes.augmentations import PAPER, Augmentations
from engine.vqgan_clip.cutouts import cut, make_cutouts
from engine.vqgan_clip.views import Draws, Views, draw, make_views

SIZE = 8
EVERYTHING = replace(PAPER, brightness=0.1)


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def picture() -> Tensor:
    return torch.rand((1, 3, 16, 20), generator=seeded())


def take(image: Tensor, draws: Draws, augmentations: Augmentations) -> Tensor:
    views = make_views(draws, image.shape[3] / image.shape[2], augmentations)
    return cut(image, views, SIZE, augmentations)


def test_cutouts_are_one_graph_once_numbers_are_drawn():
    draws = draw(4, SIZE, EVERYTHING, seeded())
    dynamo: Any = torch._dynamo
    dynamo.reset()
    explained = dynamo.explain(take)(picture(), draws, EVERYTHING)
    assert (explained.graph_count, explained.graph_break_count) == (1, 0)
    assert explained.op_count > 50


@pytest.mark.parametrize("augmentations", [Augmentations(), EVERYTHING, PAPER.only("noise")])
def test_numbers_are_those_of_separate_calls(augmentations: Augmentations):
    """Recipes of versions that drew numbers where they needed them keep their pictures."""
    rng, count = seeded(), 5
    draws = draw(count, SIZE, augmentations, rng)
    other = seeded()
    shapes: list[tuple[int, ...]] = [(count,), (2, count)]
    shapes += [(3, count), (count, 1, 1)] if augmentations.affine else []
    shapes += [(count, 4, 2), (count, 1, 1)] if augmentations.perspective else []
    shapes += [(count, 1, 1)] if augmentations.flip else []
    shapes += [(3, count), (count, 1, 1)] if augmentations.jitter else []
    shapes += [(count, 1, 1, 1)] if augmentations.noise else []
    numbers = [torch.rand(shape, generator=other).flatten() for shape in shapes]
    assert torch.equal(draws.uniform, torch.cat(numbers))
    if augmentations.noise:
        assert draws.normal is not None
        assert torch.equal(draws.normal, torch.randn((count, 3, SIZE, SIZE), generator=other))
    assert torch.equal(rng.get_state(), other.get_state())


def test_views_taken_a_few_at_a_time_are_the_same():
    image = picture()
    whole = make_cutouts(image, 5, SIZE, EVERYTHING, seeded())
    views = make_views(draw(5, SIZE, EVERYTHING, seeded()), 20 / 16, EVERYTHING)
    parts = list(views.split(2))
    assert [len(part.matrices) for part in parts] == [2, 2, 1]
    cutouts = torch.cat([cut(image, part, SIZE, EVERYTHING) for part in parts])
    torch.testing.assert_close(cutouts, whole, rtol=1e-4, atol=1e-5)


def test_views_without_color_and_noise_are_split():
    views = Views(torch.eye(3).repeat(3, 1, 1), None, None)
    assert [len(part.matrices) for part in views.split(2)] == [2, 1]
    assert all(part.colors is None and part.noise is None for part in views.split(2))
