"""SD-VAE, IBQ and LlamaGen: their published names, and their arithmetic held against taming's."""

import contextlib
import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from taming.modules.diffusionmodules.model import Decoder, Encoder
from torch import Tensor, nn
from torch.nn import functional as F

from engine.conversion import taming_kin
from engine.errors import ModelError
from engine.models.loading import load_generator, load_vqgan
from engine.models.vqgan import VQGAN, VQGANConfig
from tests.engine.rounding import assert_equal_up_to_rounding

TINY = {"ch": 32, "ch_mult": (1, 2), "num_res_blocks": 1, "resolution": 16}
KL = replace(taming_kin.SD_VAE, **TINY)
IBQ = replace(taming_kin.IBQ, **TINY, z_channels=8, embed_dim=8, attn_resolutions=(8,))
UNIT = replace(taming_kin.LLAMAGEN, **TINY, z_channels=16, attn_resolutions=(8,))


class Published(nn.Module):
    """The parts of a published autoencoder, of taming's own classes, filled at random."""

    def __init__(self, config: VQGANConfig, codes: int = 0) -> None:
        super().__init__()
        names = ("ch", "ch_mult", "num_res_blocks", "attn_resolutions", "resolution", "z_channels")
        shared = {"in_channels": 3, "out_ch": 3, **{name: getattr(config, name) for name in names}}
        parts = 1 if codes else 2
        with torch.random.fork_rng(devices=[]), contextlib.redirect_stdout(io.StringIO()):
            torch.manual_seed(1)
            self.encoder = Encoder(double_z=not codes, **shared)
            self.decoder = Decoder(**shared)
            self.quant_conv = nn.Conv2d(parts * config.z_channels, parts * config.embed_dim, 1)
            self.post_quant_conv = nn.Conv2d(config.embed_dim, config.z_channels, 1)
            if codes:
                self.quantize = nn.Module()
                self.quantize.embedding = nn.Embedding(codes, config.embed_dim)
        self.eval().requires_grad_(False)

    def encode(self, images: Tensor) -> Tensor:
        return self.quant_conv(self.encoder(2 * images - 1))

    def decode(self, latents: Tensor) -> Tensor:
        return (self.decoder(self.post_quant_conv(latents)) + 1) / 2


def names_of(config: VQGANConfig) -> set[str]:
    with torch.device("meta"):
        return set(VQGAN(config).state_dict())


def as_llamagen(name: str, levels: int) -> str:
    """Return the name that LlamaGen gave a tensor of taming's, part by part."""
    for level in range(levels):
        name = name.replace(f"encoder.down.{level}.", f"encoder.conv_blocks.{level}.")
        name = name.replace(f"decoder.up.{level}.", f"decoder.conv_blocks.{levels - 1 - level}.")
    name = name.replace(".block.", ".res.")
    for number, part in enumerate(("block_1", "attn_1", "block_2")):
        name = name.replace(f".mid.{part}.", f".mid.{number}.")
    return name


def as_diffusers(name: str, levels: int, attention: dict[str, str]) -> str:
    """Return the name that diffusers gave a tensor of taming's, part by part."""
    for level in range(levels):
        name = name.replace(f".down.{level}.block.", f".down_blocks.{level}.resnets.")
        name = name.replace(f".up.{level}.block.", f".up_blocks.{levels - 1 - level}.resnets.")
        name = name.replace(f".down.{level}.down", f".down_blocks.{level}.down")
        name = name.replace(f".up.{level}.up", f".up_blocks.{levels - 1 - level}.up")
    name = name.replace(".downsample.", ".downsamplers.0.").replace(".upsample.", ".upsamplers.0.")
    name = name.replace(".mid.block_1.", ".mid_block.resnets.0.")
    name = name.replace(".mid.block_2.", ".mid_block.resnets.1.")
    for own, theirs in attention.items():
        name = name.replace(f".mid.attn_1.{own}.", f".mid_block.attentions.0.{theirs}.")
    return name.replace("norm_out", "conv_norm_out").replace("nin_shortcut", "conv_shortcut")


OLD = {"norm": "group_norm", "q": "query", "k": "key", "v": "value", "proj_out": "proj_attn"}
NEW = {"norm": "group_norm", "q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0"}


def diffusers_state(state: dict[str, Tensor], attention: dict[str, str]) -> dict[str, Tensor]:
    return {
        as_diffusers(name, 2, attention): each[..., 0, 0].contiguous()
        if ".attn_1." in name and each.dim() == 4
        else each
        for name, each in state.items()
    }


@pytest.mark.parametrize(
    ("config", "count"),
    [
        (taming_kin.IBQ, 543),
        (taming_kin.LLAMAGEN, 343),
        (taming_kin.LLAMAGEN_FINE, 299),
        (taming_kin.SD_VAE, 248),
    ],
)
def test_the_published_models_have_that_many_tensors(config: VQGANConfig, count: int):
    names = names_of(config)
    assert len(names) == count
    assert ("quantize.embedding.weight" in names) == (config.quantizer == "nearest")


def test_names_of_the_published_sizes_come_back():
    for config in (taming_kin.LLAMAGEN, taming_kin.LLAMAGEN_FINE):
        names = names_of(config)
        levels = len(config.ch_mult)
        published = {as_llamagen(name, levels): torch.zeros(0) for name in names}
        assert "decoder.conv_blocks.0.attn.2.proj_out.bias" in published
        published["quantize.codebook_used"] = torch.zeros(0)
        assert set(taming_kin.llamagen_tensors(published)) == names
    names = names_of(taming_kin.SD_VAE)
    for attention in (OLD, NEW):
        published = {as_diffusers(name, 4, attention): torch.zeros(0) for name in names}
        assert f"decoder.mid_block.attentions.0.{attention['k']}.weight" in published
        assert "encoder.down_blocks.2.downsamplers.0.conv.bias" in published
        assert "decoder.up_blocks.3.resnets.2.conv2.weight" in published
        assert set(taming_kin.diffusers_tensors(published, 4)) == names


@pytest.mark.parametrize(
    "layout",
    [
        lambda state: {**state, "loss.logvar": torch.zeros(())},
        lambda state: diffusers_state(state, OLD),
        lambda state: diffusers_state(state, NEW),
    ],
    ids=["compvis", "diffusers, old", "diffusers, new"],
)
def test_sd_vae_is_the_mean_of_its_latents_scaled(
    tmp_path: Path, layout: Callable[[dict[str, Tensor]], dict[str, Tensor]]
):
    published = Published(KL)
    save_file(layout(published.state_dict()), tmp_path / "vae.safetensors")
    taming_kin.convert_sd_vae(tmp_path / "vae.safetensors", tmp_path / "own.safetensors", KL)
    generator = load_generator(tmp_path / "own.safetensors")
    assert (generator.ways, generator.starts[0], generator.multiple) == (("none",), "random", 2)
    random = torch.Generator().manual_seed(1)
    pictures = torch.rand((2, 3, 16, 8), generator=random)
    encoded = generator.encode(pictures)
    assert encoded is not None
    mean = published.encode(pictures)[:, :4]
    assert_equal_up_to_rounding(encoded[0], 0.18215 * mean)
    assert_equal_up_to_rounding(generator.decode(encoded), published.decode(mean))
    (pull,) = generator.pull((torch.full((1, 4, 2, 2), 3.0),), "none").tolist()
    assert pull == 9


def averaged(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"model_ema.{name.replace('.', '')}": each + 0.01 for name, each in state.items()}


def test_ibq_takes_the_moving_averages(tmp_path: Path):
    own = Published(IBQ, codes=12).state_dict()
    path, to = tmp_path / "ibq.ckpt", tmp_path / "ibq.safetensors"
    counters = {"model_ema.decay": torch.tensor(0.99), "model_ema.num_updates": torch.tensor(5)}
    content = own | averaged(own) | counters | {"loss.discriminator.main.0.weight": torch.ones(1)}
    torch.save({"state_dict": content}, path)
    taming_kin.convert_ibq(path, to, IBQ)
    loaded = load_vqgan(to)
    for name, each in loaded.state_dict().items():
        assert torch.equal(each, own[name] + 0.01)
    assert loaded.codebook.shape == (12, 8)


def test_ibq_without_averages_takes_the_weights(tmp_path: Path):
    own = Published(IBQ, codes=12).state_dict()
    torch.save({"state_dict": own}, tmp_path / "ibq.ckpt")
    taming_kin.convert_ibq(tmp_path / "ibq.ckpt", tmp_path / "ibq.safetensors", IBQ)
    loaded = load_vqgan(tmp_path / "ibq.safetensors").state_dict()
    assert all(torch.equal(each, own[name]) for name, each in loaded.items())


@pytest.mark.parametrize("change", ["missing", "unknown"])
def test_averages_of_some_weights_only_are_refused(tmp_path: Path, change: str):
    own = Published(IBQ, codes=12).state_dict()
    averages = averaged(own)
    if change == "missing":
        del averages["model_ema.decoderconv_inweight"]
    else:
        averages["model_ema.other"] = torch.zeros(1)
    torch.save({"state_dict": own | averages}, tmp_path / "ibq.ckpt")
    with pytest.raises(ModelError, match=r"ibq.ckpt has moving averages of some weights only"):
        taming_kin.convert_ibq(tmp_path / "ibq.ckpt", tmp_path / "ibq.safetensors", IBQ)


@pytest.mark.parametrize("key", ["model", None])
def test_llamagen_has_unit_vectors(tmp_path: Path, key: str | None):
    published = Published(UNIT, codes=20)
    state = {as_llamagen(name, 2): each for name, each in published.state_dict().items()}
    state["quantize.codebook_used"] = torch.zeros(8)
    torch.save(state if key is None else {key: state}, tmp_path / "vq.pt")
    taming_kin.convert_llamagen(tmp_path / "vq.pt", tmp_path / "vq.safetensors", UNIT)
    generator = load_generator(tmp_path / "vq.safetensors")
    vqgan = load_vqgan(tmp_path / "vq.safetensors")
    codes = F.normalize(published.state_dict()["quantize.embedding.weight"], dim=1)
    assert_equal_up_to_rounding(vqgan.codebook, codes)
    assert generator.rate == pytest.approx(8**-0.5)

    random = torch.Generator().manual_seed(1)
    pictures = torch.rand((2, 3, 16, 8), generator=random)
    encoded = generator.encode(pictures)
    assert encoded is not None
    assert_equal_up_to_rounding(encoded[0], F.normalize(published.encode(pictures), dim=1))
    longer = (3 * encoded[0],)
    settled = generator.settled(longer, "z-quantize", None)
    largest = torch.einsum("nchw,kc->nkhw", encoded[0], codes).argmax(1)
    assert torch.equal(settled[0], vqgan.codebook[largest].movedim(-1, 1))
    # Only the direction counts, and so the regularizer pulls nowhere.
    expected = published.decode(F.normalize(encoded[0], dim=1))
    assert_equal_up_to_rounding(generator.decode(longer), expected)
    assert generator.pull(longer, "none").tolist() == [0, 0]
