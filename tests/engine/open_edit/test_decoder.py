"""Compare the decoder with SPADE's formulas and torch's spectral norm."""

from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import spectral_norm

from engine.open_edit.decoder import Block, Decoder, Modulation
from tests.engine.open_edit.small import DECODER, filled, random_numbers
from tests.engine.rounding import assert_equal_up_to_rounding

NO_MAPS = {"param1": torch.zeros(1), "param2": torch.zeros(1), "param3": torch.zeros(1)}


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    return filled(Decoder(DECODER))


def cells() -> Tensor:
    values = torch.randn(1, DECODER.joint, 2, 2, generator=random_numbers())
    return F.normalize(values, dim=1)


def edges(seed: int = 1) -> Tensor:
    return torch.randn(1, 1, 64, 64, generator=random_numbers(seed))


def modulated(images: Tensor, edges: Tensor, module: Modulation) -> Tensor:
    """SPADE's equation 1, with torch's batch normalization."""
    norm = module.param_free_norm
    assert norm.running_mean is not None and norm.running_var is not None
    normal = F.batch_norm(images, norm.running_mean, norm.running_var, eps=norm.eps)
    actions = module.mlp_shared(F.interpolate(edges, size=images.shape[2:], mode="nearest"))
    return normal * (1 + module.mlp_gamma(actions)) + module.mlp_beta(actions)


def block_by_formula(images: Tensor, edges: Tensor, block: Block) -> Tensor:
    shortcut = images
    if block.conv_s is not None and block.norm_s is not None:
        shortcut = block.conv_s(modulated(images, edges, block.norm_s))
    hidden = block.conv_0(F.leaky_relu(modulated(images, edges, block.norm_0), 0.2))
    return shortcut + block.conv_1(F.leaky_relu(modulated(hidden, edges, block.norm_1), 0.2))


def picture_by_formula(decoder: Decoder, cells: Tensor, edges: Tensor, maps: Mapping[str, Tensor]):
    def double(images: Tensor) -> Tensor:
        return images.repeat_interleave(2, 2).repeat_interleave(2, 3)

    hidden = double(block_by_formula(cells, edges, decoder.head_0))
    hidden = block_by_formula(hidden, edges, decoder.G_middle_0) + maps["param1"]
    hidden = double(block_by_formula(hidden, edges, decoder.G_middle_1))
    hidden = double(block_by_formula(hidden, edges, decoder.up_0) + maps["param2"])
    hidden = double(block_by_formula(hidden, edges, decoder.up_1) + maps["param3"])
    hidden = double(block_by_formula(hidden, edges, decoder.up_2))
    hidden = block_by_formula(hidden, edges, decoder.up_3)
    return decoder.conv_img(F.leaky_relu(hidden, 0.2)).tanh() / 2 + 0.5


def random_maps(decoder: Decoder) -> dict[str, Tensor]:
    rng = random_numbers(5)
    return {k: torch.randn(shape, generator=rng) for k, shape in decoder.map_shapes().items()}


def test_the_picture_is_that_of_spades_formulas(decoder: Decoder):
    maps = random_maps(decoder)
    found = decoder(cells(), edges(), maps)
    assert found.shape == (1, 3, 64, 64)
    assert_equal_up_to_rounding(found, picture_by_formula(decoder, cells(), edges(), maps))


def test_the_gradients_are_those_of_torchs_layers(decoder: Decoder):
    given = (cells().requires_grad_(), edges().requires_grad_())
    maps = {name: each.requires_grad_() for name, each in random_maps(decoder).items()}
    inputs = (*given, *maps.values())
    direction = torch.randn(1, 3, 64, 64, generator=random_numbers(2))
    found = torch.autograd.grad((decoder(*given, maps) * direction).sum(), inputs)
    picture = picture_by_formula(decoder, *given, maps)
    expected = torch.autograd.grad((picture * direction).sum(), inputs)
    for ours, theirs in zip(found, expected, strict=True):
        assert_equal_up_to_rounding(ours, theirs, 2000)


@pytest.mark.parametrize("name", ["param1", "param2", "param3"])
def test_each_map_changes_the_picture(decoder: Decoder, name: str):
    before = decoder(cells(), edges(), NO_MAPS)
    after = decoder(cells(), edges(), NO_MAPS | {name: random_maps(decoder)[name]})
    assert (after - before).abs().max() > 0.01


def test_edges_shape_the_picture(decoder: Decoder):
    one, other = (decoder(cells(), edges(seed), NO_MAPS) for seed in (1, 2))
    assert (one - other).abs().max() > 0.01


def test_a_spectral_norm_divided_out_of_the_weights_changes_nothing():
    """The weights that the decoder has are those that torch's spectral norm computes with."""
    trained = nn.Conv2d(4, 6, 3, padding=1)
    nn.init.normal_(trained.weight, generator=random_numbers())
    normed = spectral_norm(trained).eval()
    images = torch.randn(1, 4, 8, 8, generator=random_numbers(1))
    expected = normed(images)
    stored = normed.state_dict()
    scale = stored["weight_u"] @ stored["weight_orig"].flatten(1) @ stored["weight_v"]
    block = Block(4, 6, 2)
    with torch.no_grad():
        block.conv_1 = nn.Conv2d(4, 6, 3, padding=1)
        block.conv_1.load_state_dict(
            {"weight": stored["weight_orig"] / scale, "bias": stored["bias"]}
        )
    assert_equal_up_to_rounding(block.conv_1(images), expected)


def test_lower_precision_stays_near(decoder: Decoder):
    lowered = filled(Decoder(DECODER))
    lowered.freeze_for_inference(torch.bfloat16)
    found = lowered(cells(), edges(), NO_MAPS)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, decoder(cells(), edges(), NO_MAPS), rtol=0, atol=0.05)
