"""A perceptor is checked by drawings: the demo one is right, and each broken copy is caught."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import nn

from engine.models.catalogue import CATALOGUE
from engine.models.clip import ClipPerceptor
from engine.models.frozen_layers import QuickGELU
from engine.models.loading import digest, load_clip
from engine.self_check.known import known_answers
from engine.self_check.perceptor import check_perceptor
from engine.self_check.results import Cause, PartResult
from engine.self_check.scenes import SCENES, draw_scene

WEIGHTS = CATALOGUE["demo"].perceptors[0]


def check(perceptor: ClipPerceptor, known: Sequence[float] = ()) -> PartResult:
    return check_perceptor("demo", perceptor, "0" * 64, known, shapes_only=True)


def swap_activation(perceptor: ClipPerceptor) -> None:
    for parent in list(perceptor.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.GELU):
                setattr(parent, name, QuickGELU())


def exchange_mean_and_std(perceptor: ClipPerceptor) -> None:
    perceptor.mean, perceptor.std = perceptor.std, perceptor.mean


def normalize_like_siglip(perceptor: ClipPerceptor) -> None:
    perceptor.mean, perceptor.std = perceptor.mean * 0 + 0.5, perceptor.std * 0 + 0.5


def exchange_red_and_blue(perceptor: ClipPerceptor) -> None:
    patches: Any = perceptor.model.visual
    # A matrix, whose rows have all red pixels of a patch first.
    weight = patches.conv1.projection.weight
    weight.data = weight.unflatten(1, (3, -1)).flip(1).flatten(1)


def _with_tokens(perceptor: ClipPerceptor, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
    own: Any = perceptor.tokenizer
    holder: Any = perceptor

    def tokenize(texts: list[str]) -> torch.Tensor:
        return change(own(texts))

    holder.tokenizer = tokenize


def number_tokens_one_too_low(perceptor: ClipPerceptor) -> None:
    _with_tokens(perceptor, lambda tokens: torch.where(tokens > 0, tokens - 1, tokens))


def leave_out_the_first_token(perceptor: ClipPerceptor) -> None:
    _with_tokens(perceptor, lambda tokens: tokens.roll(-1, 1))


def spoil_a_layer(perceptor: ClipPerceptor) -> None:
    random = torch.Generator().manual_seed(0)
    for name, weight in perceptor.named_parameters():
        if "visual" in name and weight.dim() == 2:
            weight.data = torch.randn(weight.shape, generator=random)


def test_the_demo_perceptor_is_right_and_stays_as_it_is():
    perceptor = load_clip(WEIGHTS)
    pictures = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    before = perceptor.encode_image(pictures), perceptor.encode_text(["a red circle"])
    known = known_answers(digest(WEIGHTS))
    assert known, "write the answers of `weights check demo --report` into known_answers.json"
    result = check(perceptor, known)
    assert result.is_right
    assert result.figures["colors"] == result.figures["shapes"] == 1
    assert result.figures["separation"] > 0.8
    after = perceptor.encode_image(pictures), perceptor.encode_text(["a red circle"])
    assert all(torch.equal(*each) for each in zip(before, after, strict=True))


@pytest.mark.parametrize(
    ("broken", "cause"),
    [
        (exchange_mean_and_std, Cause.NORMALIZATION),
        (normalize_like_siglip, Cause.NORMALIZATION),
        (exchange_red_and_blue, Cause.COLOR_ORDER),
        (number_tokens_one_too_low, Cause.WORDS),
        (spoil_a_layer, Cause.WEIGHTS),
    ],
)
def test_a_broken_copy_is_caught_without_known_answers(
    broken: Callable[[ClipPerceptor], None], cause: Cause
):
    perceptor = load_clip(WEIGHTS)
    broken(perceptor)
    assert check(perceptor).causes == (cause,)


@pytest.mark.parametrize(
    ("broken", "cause"),
    [(swap_activation, Cause.ACTIVATION), (leave_out_the_first_token, Cause.WORDS)],
)
def test_a_copy_that_recognizes_as_much_is_caught_by_its_known_answers(
    broken: Callable[[ClipPerceptor], None], cause: Cause
):
    perceptor = load_clip(WEIGHTS)
    broken(perceptor)
    assert check(perceptor, known_answers(digest(WEIGHTS))).causes == (cause,)


def test_scenes_are_drawn_at_any_side_and_differ():
    small, large = (torch.stack([draw_scene(name, side) for name in SCENES]) for side in (32, 64))
    assert large.shape == (len(SCENES), 3, 64, 64)
    assert large.min() >= 0
    assert large.max() <= 1
    halved = nn.functional.avg_pool2d(large, 2)
    assert (halved - small).abs().mean() < 0.02
    apart = torch.cdist(small.flatten(1), small.flatten(1)) + torch.eye(len(SCENES)) * 100
    assert apart.min() > 5
