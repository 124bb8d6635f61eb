"""Claims about the drawn world are worded faithfully, and in many ways."""

import pytest
import torch

from engine.demo.claims import UNSAID, Claims, describe
from engine.demo.wordings import HELD_OUT_TEMPLATES, TEMPLATES, phrase, plain_prompt
from engine.demo.world import COLORS, SHAPES, sample_scenes

RED, BLUE = (COLORS.index(name) for name in ("red", "blue"))
CIRCLE, SQUARE = (SHAPES.index(name) for name in ("circle", "square"))


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def claim(shape: int, color: int, background: int) -> Claims:
    return Claims.of_one_object(*(torch.tensor([index]) for index in (shape, color, background)))


def test_sentences_say_what_is_claimed_and_nothing_more():
    said = claim(SQUARE, RED, BLUE)
    for sentence in (phrase(said, generator(seed))[0].lower() for seed in range(100)):
        assert "red" in sentence
        assert "blue" in sentence
        assert "square" in sentence or "box" in sentence
    for sentence in (phrase(claim(SQUARE, UNSAID, UNSAID), generator(s))[0] for s in range(100)):
        assert not any(color in sentence.lower() for color in (*COLORS, "violet"))


def test_one_claim_has_many_wordings():
    said = claim(CIRCLE, RED, BLUE)
    assert len({phrase(said, generator(seed))[0] for seed in range(200)}) > 60


def test_sentences_keep_their_order_and_their_seed():
    claims = describe(sample_scenes(50, generator(6)), generator(7))
    sentences = phrase(claims, generator(8))
    assert sentences == phrase(claims, generator(8))
    for background, sentence in zip(claims.background.tolist(), sentences, strict=True):
        if background >= 0:
            names = (COLORS[background], "violet" if COLORS[background] == "purple" else "?")
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
    with pytest.raises(ValueError, match="No shape or color"):
        plain_prompt(*names, 0)
