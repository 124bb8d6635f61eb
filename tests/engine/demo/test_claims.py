"""Claims about the drawn world are decided exactly."""

from typing import Any

import pytest
import torch

from engine.demo.claims import (
    ABOVE,
    BIG,
    LEFT,
    LEFT_OF,
    RIGHT,
    RIGHT_OF,
    SMALL,
    Claims,
    describe,
    truth,
)
from engine.demo.world import COLORS, SHAPES, Scenes, sample_scenes

RED, GREEN, BLUE = (COLORS.index(name) for name in ("red", "green", "blue"))
CIRCLE, SQUARE, STAR = (SHAPES.index(name) for name in ("circle", "square", "star"))


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def scene(*objects: tuple[int, int, float, float, float], background: int = BLUE) -> Scenes:
    """One scene of up to two objects: shape, color, x, y, radius."""
    padded = [*objects, *[(-1, -1, 0.5, 0.5, 0.0)] * (2 - len(objects))]
    return sample_scenes(1, generator()).replace(
        shape=torch.tensor([[o[0] for o in padded]]),
        color=torch.tensor([[o[1] for o in padded]]),
        background=torch.tensor([background]),
        center=torch.tensor([[o[2:4] for o in padded]]),
        radius=torch.tensor([[o[4] for o in padded]]),
    )


def claim(shape: Any = (-1, -1), color: Any = (-1, -1), empty: bool = False, **said: int) -> Claims:
    one = {name: torch.tensor([said.get(name, -1)]) for name in REST}
    both = {"shape": torch.tensor([shape]), "color": torch.tensor([color])}
    return Claims(**both, **one, empty=torch.tensor([empty]))


REST = ("background", "relation", "size", "place")
RED_CIRCLE = scene((CIRCLE, RED, 0.3, 0.5, 0.2))
CIRCLE_AND_STAR = scene((CIRCLE, RED, 0.3, 0.5, 0.15), (STAR, GREEN, 0.7, 0.6, 0.15))
NOTHING = scene()


def holds(said: Claims, seen: Scenes) -> bool:
    table = truth(said, seen)
    assert table.shape == (1, 1)
    return bool(table)


@pytest.mark.parametrize(
    "said",
    [
        claim(shape=(CIRCLE, -1), color=(RED, -1), background=BLUE),
        claim(shape=(CIRCLE, -1)),
        claim(color=(RED, -1)),
        claim(background=BLUE),
    ],
)
def test_what_is_true_of_one_object_stays_true_with_a_second(said: Claims):
    assert holds(said, RED_CIRCLE)
    assert holds(said, CIRCLE_AND_STAR)


@pytest.mark.parametrize(
    "said",
    [
        claim(shape=(SQUARE, -1), color=(RED, -1)),
        claim(shape=(CIRCLE, -1), color=(GREEN, -1)),
        claim(shape=(STAR, -1), color=(RED, -1)),
        claim(shape=(CIRCLE, -1), background=RED),
    ],
)
def test_attributes_must_belong_to_one_object_and_its_background(said: Claims):
    assert not holds(said, RED_CIRCLE)
    assert not holds(said, CIRCLE_AND_STAR)


def test_two_named_objects_must_be_two():
    assert holds(claim(shape=(STAR, CIRCLE)), CIRCLE_AND_STAR)
    assert not holds(claim(shape=(CIRCLE, CIRCLE)), CIRCLE_AND_STAR)
    assert not holds(claim(shape=(CIRCLE, -1), color=(-1, RED)), RED_CIRCLE)


def test_relations_hold_in_one_order_only():
    assert holds(claim(shape=(CIRCLE, STAR), relation=LEFT_OF), CIRCLE_AND_STAR)
    assert holds(claim(shape=(STAR, CIRCLE), relation=RIGHT_OF), CIRCLE_AND_STAR)
    assert not holds(claim(shape=(STAR, CIRCLE), relation=LEFT_OF), CIRCLE_AND_STAR)
    assert not holds(claim(shape=(CIRCLE, STAR), relation=ABOVE), CIRCLE_AND_STAR)


def test_sizes_and_places_are_of_single_objects():
    assert holds(claim(shape=(CIRCLE, -1), size=SMALL, place=LEFT), RED_CIRCLE)
    assert not holds(claim(shape=(CIRCLE, -1), size=BIG), RED_CIRCLE)
    assert not holds(claim(shape=(CIRCLE, -1), place=RIGHT), RED_CIRCLE)
    assert not holds(claim(shape=(CIRCLE, -1), size=SMALL), CIRCLE_AND_STAR)
    assert not holds(claim(shape=(CIRCLE, -1), place=LEFT), CIRCLE_AND_STAR)


def test_an_empty_picture_has_no_object():
    assert holds(claim(background=BLUE, empty=True), NOTHING)
    assert holds(claim(background=BLUE), NOTHING)
    assert not holds(claim(background=BLUE, empty=True), RED_CIRCLE)
    assert not holds(claim(shape=(CIRCLE, -1)), NOTHING)


def test_descriptions_are_true_and_tell_scenes_apart():
    scenes = sample_scenes(600, generator(2))
    claims = describe(scenes, generator(3))
    table = truth(claims, scenes)
    assert table.diagonal().all()
    assert table.float().mean() < 0.05


def test_descriptions_vary_in_completeness():
    scenes = sample_scenes(5000, generator(4))
    claims = describe(scenes, generator(5))
    single = scenes.present()[:, 0] & ~scenes.present()[:, 1]
    full = (claims.shape[:, 0] >= 0) & (claims.color[:, 0] >= 0) & (claims.background >= 0)
    assert full[single].float().mean() == pytest.approx(0.55, abs=0.04)
    assert (claims.named().sum(dim=1)[single] == 0).any()
    assert (claims.relation >= 0)[~single].float().mean() > 0.4
    for values, count in ((claims.relation, 4), (claims.size, 2), (claims.place, 4)):
        assert set(values.tolist()) == set(range(-1, count))


def test_what_is_said_of_objects_and_of_the_background_is_the_whole() -> None:
    scenes = sample_scenes(64, generator(3))
    claims = describe(scenes, generator(4))
    objects, backgrounds = claims.apart()
    assert not objects.empty.any() and (objects.background == -1).all()
    assert not backgrounds.named().any()
    together = truth(objects, scenes) & truth(backgrounds, scenes)
    assert together.equal(truth(claims, scenes))
