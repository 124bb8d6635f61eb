"""Captions of the drawn world: claims are decided exactly and worded faithfully."""

from typing import Any

import pytest
import torch

from engine.demo.captions import (
    ABOVE,
    BIG,
    HELD_OUT_TEMPLATES,
    LEFT,
    LEFT_OF,
    RIGHT,
    RIGHT_OF,
    SMALL,
    TEMPLATES,
    Claims,
    describe,
    phrase,
    plain_prompt,
    truth,
)
from engine.demo.world import COLOURS, SHAPES, Scenes, sample_scenes

RED, GREEN, BLUE = (COLOURS.index(name) for name in ("red", "green", "blue"))
CIRCLE, SQUARE, STAR = (SHAPES.index(name) for name in ("circle", "square", "star"))


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def scene(*objects: tuple[int, int, float, float, float], background: int = BLUE) -> Scenes:
    """One scene of up to two objects: shape, colour, x, y, radius."""
    padded = [*objects, *[(-1, -1, 0.5, 0.5, 0.0)] * (2 - len(objects))]
    return sample_scenes(1, generator()).replace(
        shape=torch.tensor([[o[0] for o in padded]]),
        colour=torch.tensor([[o[1] for o in padded]]),
        background=torch.tensor([background]),
        centre=torch.tensor([[o[2:4] for o in padded]]),
        radius=torch.tensor([[o[4] for o in padded]]),
    )


def claim(
    shape: Any = (-1, -1), colour: Any = (-1, -1), empty: bool = False, **said: int
) -> Claims:
    one = {name: torch.tensor([said.get(name, -1)]) for name in REST}
    both = {"shape": torch.tensor([shape]), "colour": torch.tensor([colour])}
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
        claim(shape=(CIRCLE, -1), colour=(RED, -1), background=BLUE),
        claim(shape=(CIRCLE, -1)),
        claim(colour=(RED, -1)),
        claim(background=BLUE),
    ],
)
def test_what_is_true_of_one_object_stays_true_with_a_second(said: Claims):
    assert holds(said, RED_CIRCLE)
    assert holds(said, CIRCLE_AND_STAR)


@pytest.mark.parametrize(
    "said",
    [
        claim(shape=(SQUARE, -1), colour=(RED, -1)),
        claim(shape=(CIRCLE, -1), colour=(GREEN, -1)),
        claim(shape=(STAR, -1), colour=(RED, -1)),
        claim(shape=(CIRCLE, -1), background=RED),
    ],
)
def test_attributes_must_belong_to_one_object_and_its_background(said: Claims):
    assert not holds(said, RED_CIRCLE)
    assert not holds(said, CIRCLE_AND_STAR)


def test_two_named_objects_must_be_two():
    assert holds(claim(shape=(STAR, CIRCLE)), CIRCLE_AND_STAR)
    assert not holds(claim(shape=(CIRCLE, CIRCLE)), CIRCLE_AND_STAR)
    assert not holds(claim(shape=(CIRCLE, -1), colour=(-1, RED)), RED_CIRCLE)


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
    full = (claims.shape[:, 0] >= 0) & (claims.colour[:, 0] >= 0) & (claims.background >= 0)
    assert full[single].float().mean() == pytest.approx(0.55, abs=0.04)
    assert (claims.named().sum(dim=1)[single] == 0).any()
    assert (claims.relation >= 0)[~single].float().mean() > 0.4
    for values, count in ((claims.relation, 4), (claims.size, 2), (claims.place, 4)):
        assert set(values.tolist()) == set(range(-1, count))


def test_sentences_say_what_is_claimed_and_nothing_more():
    said = claim(shape=(SQUARE, -1), colour=(RED, -1), background=BLUE)
    for sentence in (phrase(said, generator(seed))[0].lower() for seed in range(100)):
        assert "red" in sentence
        assert "blue" in sentence
        assert "square" in sentence or "box" in sentence
    for sentence in (phrase(claim(shape=(SQUARE, -1)), generator(s))[0] for s in range(100)):
        assert not any(colour in sentence.lower() for colour in (*COLOURS, "violet"))


def test_one_claim_has_many_wordings():
    said = claim(shape=(CIRCLE, -1), colour=(RED, -1), background=BLUE)
    assert len({phrase(said, generator(seed))[0] for seed in range(200)}) > 60


def test_sentences_keep_their_order_and_their_seed():
    claims = describe(sample_scenes(50, generator(6)), generator(7))
    sentences = phrase(claims, generator(8))
    assert sentences == phrase(claims, generator(8))
    for background, sentence in zip(claims.background.tolist(), sentences, strict=True):
        if background >= 0:
            names = (COLOURS[background], "violet" if COLOURS[background] == "purple" else "?")
            assert any(name in sentence.lower() for name in names)


def test_sentences_never_use_held_out_wordings_and_mind_their_articles():
    claims = describe(sample_scenes(5000, generator(9)), generator(10))
    for sentence in (text.lower() for text in phrase(claims, generator(11))):
        assert not any(
            held in sentence for held in ("in the middle", "draw me", "would like", "everything")
        )
        assert " a o" not in f" {sentence}"
        assert " an r" not in f" {sentence}"


def test_prompts_name_everything_in_every_template():
    assert len(TEMPLATES) >= 12
    assert TEMPLATES[-4:] == HELD_OUT_TEMPLATES
    prompts = [plain_prompt("star", "orange", "white", index) for index in range(len(TEMPLATES))]
    assert len(set(prompts)) == len(TEMPLATES)
    for prompt in prompts:
        assert "star" in prompt
        assert "orange" in prompt
        assert "white" in prompt
        assert "a orange" not in prompt
        assert "{" not in prompt


@pytest.mark.parametrize(
    "names", [("cube", "red", "blue"), ("star", "pink", "blue"), ("star", "red", "grey")]
)
def test_prompts_refuse_what_the_world_does_not_have(names: tuple[str, str, str]):
    with pytest.raises(ValueError, match="No shape or colour"):
        plain_prompt(*names, 0)
