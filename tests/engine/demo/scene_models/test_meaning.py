"""Tests of the space that the towers of the scene CLIP share."""

import pytest
import torch
from torch import Tensor

from engine.demo.scene_models.attributes import VALUES, Attributes
from engine.demo.scene_models.meaning import SIZE, Meanings
from engine.demo.scene_models.pictures import DrawnScenes


def said(kind: str | None, color: str | None = None, ground: str | None = None) -> Tensor:
    """Return the meaning of a claim about one thing, or a ground alone."""
    none, pair = torch.tensor([-1]), torch.full((1, 2), -1)
    values = {"kind": kind, "color": color, "ground": ground}
    index = {slot: VALUES[slot].index(value) if value else -1 for slot, value in values.items()}
    claim = Attributes(none, none, none, none, pair, pair, pair, pair).replace(
        ground=torch.tensor([index["ground"]]),
        kind=torch.tensor([[index["kind"], -1]]),
        color=torch.tensor([[index["color"], -1]]),
    )
    return Meanings()(claim)[0]


def test_meanings_are_unit_vectors(scenes: DrawnScenes) -> None:
    vectors = Meanings()(scenes.attributes)
    assert vectors.shape == (len(scenes.attributes), SIZE)
    assert torch.allclose(vectors.norm(dim=1), torch.ones(len(vectors)), atol=1e-4)


def test_similar_colors_of_a_thing_mean_similar_things() -> None:
    orange, red, blue = (said("house", color) for color in ("orange", "red", "blue"))
    assert orange @ red > orange @ blue + 0.1


def test_a_color_belongs_to_its_thing() -> None:
    """What red adds to a house is not what it adds to a boat."""
    house, boat = (said(kind, "red") - said(kind, "blue") for kind in ("house", "boat"))
    assert torch.cosine_similarity(house, boat, dim=0) < 0.8


@pytest.mark.parametrize("kind", ["house", "rocket"])
def test_a_thing_and_a_ground_mean_no_more_together(kind: str) -> None:
    """So a pair that was never drawn has no part that nothing was learned of."""
    parts = torch.stack((said(kind), said(None, ground="desert")))
    both = said(kind, ground="desert")
    shares = torch.linalg.lstsq(parts.T, both[:, None]).solution
    assert torch.allclose(parts.T @ shares, both[:, None], atol=1e-4)
