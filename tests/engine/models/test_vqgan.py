from dataclasses import asdict

import pytest
import torch
from taming.modules.diffusionmodules.model import Decoder, Encoder
from torch import nn
from torch.nn import functional as F

from engine.models.latent_generator import vqgan_of
from engine.models.loading import Models
from engine.models.vqgan import VQGAN, VQGANConfig
from tests.engine.rounding import assert_equal_up_to_rounding

PUBLISHED_LIKE = VQGANConfig(
    n_embed=16,
    embed_dim=6,
    z_channels=8,
    ch=32,
    ch_mult=(1, 2, 2),
    num_res_blocks=2,
    attn_resolutions=(8,),
    resolution=32,
)
"""Shaped like the published f16 model, only smaller: 32 groups and attention."""


@pytest.fixture(scope="module")
def vqgan() -> VQGAN:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return VQGAN(PUBLISHED_LIKE).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def demo(models: Models) -> VQGAN:
    return vqgan_of(models.generator)


def taming_pair(vqgan: VQGAN) -> tuple[Encoder, Decoder]:
    """taming's own modules with the same weights."""
    config = vqgan.config
    shared = {
        "ch": config.ch,
        "out_ch": 3,
        "ch_mult": config.ch_mult,
        "num_res_blocks": config.num_res_blocks,
        "attn_resolutions": config.attn_resolutions,
        "in_channels": 3,
        "resolution": config.resolution,
        "z_channels": config.z_channels,
    }
    with torch.random.fork_rng(devices=[]):
        encoder, decoder = Encoder(double_z=False, **shared), Decoder(**shared)
    encoder.load_state_dict(vqgan.encoder.state_dict())
    decoder.load_state_dict(vqgan.decoder.state_dict())
    return encoder.eval(), decoder.eval()


@pytest.mark.parametrize("size", [(32, 32), (24, 48)])
def test_encoding_and_decoding_are_tamings(vqgan: VQGAN, size: tuple[int, int]):
    encoder, decoder = taming_pair(vqgan)
    random = torch.Generator().manual_seed(0)
    images = torch.rand((2, 3, *size), generator=random)
    latents = torch.randn((2, 6, size[0] // 4, size[1] // 4), generator=random)
    with torch.no_grad():
        hidden = F.conv2d(encoder(images * 2 - 1), vqgan.quant_conv.weight, vqgan.quant_conv.bias)
        raised = F.conv2d(latents, vqgan.post_quant_conv.weight, vqgan.post_quant_conv.bias)
        pictures = (decoder(raised) + 1) / 2
        assert_equal_up_to_rounding(vqgan.encode(images), hidden)
        assert_equal_up_to_rounding(vqgan.decode(latents), pictures)


def test_the_demo_pair_is_tamings_with_fewer_groups(demo: VQGAN):
    encoder, decoder = taming_pair(demo)
    for module in (*encoder.modules(), *decoder.modules()):
        if isinstance(module, nn.GroupNorm):
            module.num_groups = demo.config.norm_groups
    images = torch.rand((1, 3, 64, 64), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        latents = demo.quant_conv(encoder(images * 2 - 1))
        assert_equal_up_to_rounding(demo.encode(images), latents)
        expected = (decoder(demo.post_quant_conv(latents)) + 1) / 2
        assert_equal_up_to_rounding(demo.decode(latents), expected)


def test_latents_are_smaller_by_the_factor(vqgan: VQGAN):
    assert vqgan.factor == 4
    latents = vqgan.encode(torch.zeros(1, 3, 32, 64))
    assert latents.shape == (1, 6, 8, 16)
    assert vqgan.decode(latents).shape == (1, 3, 32, 64)
    assert vqgan.codebook.shape == (16, 6)


def test_weights_have_the_names_of_the_published_checkpoints(vqgan: VQGAN):
    names = set(vqgan.state_dict())
    assert {name.split(".")[0] for name in names} == {
        "encoder",
        "decoder",
        "quantize",
        "quant_conv",
        "post_quant_conv",
    }
    assert {"quantize.embedding.weight", "encoder.conv_in.weight", "decoder.norm_out.bias"} < names


@pytest.mark.parametrize("groups", [4, 32])
def test_every_norm_has_the_groups_of_the_configuration(groups: int):
    config = VQGANConfig.from_dict(
        asdict(PUBLISHED_LIKE) | {"ch_mult": [1, 2], "attn_resolutions": [], "norm_groups": groups}
    )
    with torch.random.fork_rng(devices=[]):
        norms = [m for m in VQGAN(config).modules() if isinstance(m, nn.GroupNorm)]
    assert norms
    assert {norm.num_groups for norm in norms} == {groups}


def test_building_one_prints_nothing(capsys: pytest.CaptureFixture[str]):
    with torch.random.fork_rng(devices=[]):
        VQGAN(PUBLISHED_LIKE)
    assert capsys.readouterr() == ("", "")
