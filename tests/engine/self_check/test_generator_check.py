"""A generator is checked by drawings that must come back: broken copies return others."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from engine.images.tiling import Tile
from engine.models.catalogue import CATALOGUE
from engine.models.loading import digest, load_vqgan
from engine.models.vqgan import VQGAN
from engine.self_check.generator import check_generator
from engine.self_check.known import known_answers
from engine.self_check.results import Cause, PartResult

WEIGHTS = CATALOGUE["demo"].generator


def check(generator: VQGAN) -> PartResult:
    known = known_answers(digest(WEIGHTS))
    return check_generator("demo", generator, "0" * 64, 64, known, shapes_only=True)


def permute_the_channels_of_the_codes(generator: VQGAN) -> None:
    order = torch.randperm(generator.codebook.shape[1], generator=torch.Generator().manual_seed(0))
    generator.codebook.data = generator.codebook[:, order]


def exchange_red_and_blue(generator: VQGAN) -> None:
    decoder: Any = generator.decoder
    last = decoder.conv_out
    last.weight.data, last.bias.data = last.weight.flip(0), last.bias.flip(0)


def mix_with_other_weights(generator: VQGAN) -> None:
    """Take every second tensor from a copy that differs as an average over training does."""
    random = torch.Generator().manual_seed(0)
    for number, weight in enumerate(generator.parameters()):
        if number % 2 and weight.dim() > 1:
            weight.data = weight + 0.2 * weight.std() * torch.randn(weight.shape, generator=random)


def spoil_the_decoder(generator: VQGAN) -> None:
    random = torch.Generator().manual_seed(0)
    for weight in generator.decoder.parameters():
        if weight.dim() > 1:
            weight.data = weight.std() * torch.randn(weight.shape, generator=random)


class FromZero(VQGAN):
    """Works in pictures from 0 to 1 where the program gives it pictures from -1 to 1."""

    def encode(self, images: Tensor, *, tile: Tile = "none") -> Tensor:
        return super().encode(images * 2 - 1, tile=tile)

    def decode(self, latents: Tensor, *, recompute: bool = False, tile: Tile = "none") -> Tensor:
        return (super().decode(latents, recompute=recompute, tile=tile) + 1) / 2


def work_in_pictures_from_zero_to_one(generator: VQGAN) -> None:
    generator.__class__ = FromZero


def test_drawings_come_back_from_the_demo_generator():
    result = check(load_vqgan(WEIGHTS))
    assert result.is_right
    assert result.figures["psnr"] > 25
    assert result.figures["from-known"] < 0.05


@pytest.mark.parametrize(
    ("broken", "cause"),
    [
        (permute_the_channels_of_the_codes, Cause.CODEBOOK),
        (exchange_red_and_blue, Cause.COLOR_ORDER),
        (work_in_pictures_from_zero_to_one, Cause.VALUE_RANGE),
        (mix_with_other_weights, Cause.ANSWERS),
        (spoil_the_decoder, Cause.WEIGHTS),
    ],
)
def test_a_broken_copy_is_caught(broken: Callable[[VQGAN], None], cause: Cause):
    generator = load_vqgan(WEIGHTS)
    broken(generator)
    assert check(generator).causes == (cause,)


def test_the_order_of_the_codes_does_not_matter():
    generator = load_vqgan(WEIGHTS)
    order = torch.randperm(len(generator.codebook), generator=torch.Generator().manual_seed(0))
    generator.codebook.data = generator.codebook[order]
    assert check(generator).is_right
