"""VQGAN: taming's Encoder and Decoder around a codebook (paper, Section 2.1).

The module has the parts that painting needs, under the key names of the published checkpoints:
encoder, `quant_conv`, codebook, `post_quant_conv`, decoder. The adversarial training loss is never
built. Once the weights are frozen, the decoder runs on `engine.models.vqgan_layers`.
`engine.models.loading` reads weights, and `engine.conversion` converts published checkpoints.
"""

import contextlib
import io
from dataclasses import asdict, dataclass
from reprlib import repr as brief
from typing import Any, Self, cast

import torch
from taming.modules.diffusionmodules.model import Decoder, Encoder
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from engine.images.tiling import Tile
from engine.models.codebook import look_up
from engine.models.frozen_layers import cast_frozen
from engine.models.vqgan_layers import decoder_layers, encode_tile

PIXEL_SCALE = 2.0
"""Scale of pictures in [-1, 1]: x * 2 - 1 before encoding, (x + 1) / 2 after decoding."""

QUANTIZERS = ("nearest", "gumbel", "gaussian")
TAMING_GROUPS = 32
"""Number of groups of every GroupNorm in taming's modules; channels are multiples of it."""

_LIMITS = {
    "n_embed": 2**20,
    "embed_dim": 2**13,
    "z_channels": 2**13,
    "ch": 2**11,
    "ch_mult": 64,
    "num_res_blocks": 16,
    "attn_resolutions": 2**13,
    "resolution": 2**13,
    "norm_groups": 2**11,
}
_MAX_LEVELS = 8


@dataclass(frozen=True)
class VQGANConfig:
    """The architecture of a VQGAN, with the names of taming's configuration files.

    Values may come from an untrusted file, so all are checked.

    Raises:
        ValueError: A value has a wrong type or is out of range.
    """

    n_embed: int
    embed_dim: int
    z_channels: int
    ch: int
    ch_mult: tuple[int, ...]
    num_res_blocks: int
    attn_resolutions: tuple[int, ...]
    resolution: int
    norm_groups: int = TAMING_GROUPS
    """Number of groups of every GroupNorm. Published models have taming's 32; with few channels
    that becomes instance normalization, which destroys absolute color."""
    quantizer: str = "nearest"
    """How the encoder's output maps to the codebook: to the nearest entry (`VQModel`), or by logits
    to the most likely one (`GumbelVQ`). "gaussian" has no codebook: the encoder's output is the
    mean and the log variance of the latents (`AutoencoderKL`)."""
    normalized: bool = False
    """Whether latents and codes are unit vectors (LlamaGen)."""
    latent_scale: float = 1.0
    """Factor of the latents of a "gaussian", which gives them about unit variance."""

    def __post_init__(self) -> None:
        for name, limit in _LIMITS.items():
            value = getattr(self, name)
            several = name in ("ch_mult", "attn_resolutions")
            if several and not (isinstance(value, tuple) and len(value) <= _MAX_LEVELS):
                raise ValueError(
                    f"{name} must be at most {_MAX_LEVELS} whole numbers, not {brief(value)}"
                )
            for each in value if several else (value,):
                if type(each) is not int or not 1 <= each <= limit:
                    raise ValueError(
                        f"{name} must be of whole numbers from 1 to {limit}, not {brief(value)}"
                    )
        if not self.ch_mult:
            raise ValueError("ch_mult must hold at least one number")
        if self.ch % TAMING_GROUPS or self.ch % self.norm_groups:
            raise ValueError(
                f"ch must be a multiple of {TAMING_GROUPS} and of norm_groups, not {self.ch}"
            )
        if self.quantizer not in QUANTIZERS:
            raise ValueError(
                f"quantizer must be {' or '.join(QUANTIZERS)}, not {brief(self.quantizer)}"
            )
        if type(self.normalized) is not bool:
            raise ValueError(f"normalized must be true or false, not {brief(self.normalized)}")
        scale = self.latent_scale
        if type(scale) not in (int, float) or not 1e-3 <= scale <= 1e3:
            raise ValueError(f"latent_scale must be from 0.001 to 1000, not {brief(scale)}")
        if self.quantizer == "gumbel" and self.embed_dim != self.z_channels:
            raise ValueError("embed_dim and z_channels of a GumbelVQ must be the same")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Create a configuration from JSON values, with lists for tuples."""
        fields: Any = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        return cls(**fields)

    @property
    def factor(self) -> int:
        """Pixels per latent cell along each axis."""
        return 2 ** (len(self.ch_mult) - 1)

    def to_dict(self) -> dict[str, Any]:
        """Return the values for `from_dict`, without those that older versions did not know."""
        later = {"normalized": False, "latent_scale": 1.0}
        values = asdict(self).items()
        return {name: each for name, each in values if name not in later or each != later[name]}


class Codebook(nn.Module):
    """The codebook (n_embed, embed_dim) of a `VQModel`, under its name in published checkpoints."""

    def __init__(self, n_embed: int, embed_dim: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_embed, embed_dim)

    @property
    def vectors(self) -> Tensor:
        """All entries, (n_embed, embed_dim)."""
        return self.embedding.weight

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the encoder's output (N, C, H, W) unchanged, as it already is a latent."""
        return hidden


class GumbelCodebook(nn.Module):
    """The codebook of a `GumbelVQ`, whose encoder outputs logits of the entries.

    In training, codes are drawn by a Gumbel softmax. Here each cell takes the most likely entry, so
    that an encoded picture lies in the space of the codebook.
    """

    def __init__(self, n_embed: int, embed_dim: int, channels: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(channels, n_embed, 1)
        self.embed = nn.Embedding(n_embed, embed_dim)

    @property
    def vectors(self) -> Tensor:
        """All entries, (n_embed, embed_dim)."""
        return self.embed.weight

    def forward(self, hidden: Tensor) -> Tensor:
        """Map the encoder's output (N, C, H, W) to the most likely entries, in the same shape."""
        return look_up(self.proj(hidden).argmax(1), self.vectors)


class Gaussian(nn.Module):
    """What an `AutoencoderKL` has in place of a codebook: the mean of its Gaussian latents."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    @property
    def vectors(self) -> Tensor:
        """Raise TypeError: there are no codes."""
        raise TypeError("an autoencoder with Gaussian latents has no codebook")

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the means (N, C, H, W) of the encoder's output (N, 2 C, H, W), scaled."""
        return hidden.chunk(2, dim=1)[0] * self.scale


class VQGAN(nn.Module):
    """A VQGAN, with latents (N, embed_dim, H/factor, W/factor).

    `engine.models.latent_generator.CodebookGenerator` makes a `Generator` of it.
    """

    def __init__(self, config: VQGANConfig) -> None:
        super().__init__()
        self.config = config
        names = ("ch", "ch_mult", "num_res_blocks", "attn_resolutions", "resolution", "z_channels")
        shared = {"in_channels": 3, "out_ch": 3, **{name: getattr(config, name) for name in names}}
        is_gaussian = config.quantizer == "gaussian"
        with contextlib.redirect_stdout(io.StringIO()):  # taming's Decoder prints its shape
            self.encoder = Encoder(double_z=is_gaussian, **shared)
            self.decoder = Decoder(**shared)
        match config.quantizer:
            case "gumbel":
                kind = GumbelCodebook(config.n_embed, config.embed_dim, config.z_channels)
            case "gaussian":
                kind = Gaussian(config.latent_scale)
            case _:
                kind = Codebook(config.n_embed, config.embed_dim)
        self.quantize = kind
        parts = 2 if is_gaussian else 1  # mean and log variance
        self.quant_conv = nn.Conv2d(parts * config.z_channels, parts * config.embed_dim, 1)
        self.post_quant_conv = nn.Conv2d(config.embed_dim, config.z_channels, 1)
        _regroup_norms(self, config.norm_groups)

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return self.post_quant_conv.weight.device

    @property
    def factor(self) -> int:
        """Pixels per latent cell along each axis."""
        return self.config.factor

    @property
    def channels(self) -> int:
        """Numbers of a latent cell."""
        return self.config.embed_dim

    @property
    def codebook(self) -> Tensor:
        """Codebook (n_embed, embed_dim); raises TypeError if there is none."""
        return self.quantize.vectors

    def encode(self, images: Tensor, *, tile: Tile = "none") -> Tensor:
        """Map `images` (N, 3, H, W) in [0, 1] to latents.

        With a `tile` they continue across their edges. Only a `GumbelVQ` quantizes them here, as
        its encoder outputs nothing between the codes.
        """
        scaled = images * PIXEL_SCALE - 1
        hidden = self.encoder(scaled) if tile == "none" else encode_tile(self.encoder, scaled, tile)
        latents = self.quantize(self.quant_conv(hidden))
        return F.normalize(latents, dim=1) if self.config.normalized else latents

    def decode(self, latents: Tensor, *, recompute: bool = False, tile: Tile = "none") -> Tensor:
        """Map latents to pictures (N, 3, H, W), nominally in [0, 1] but not clamped.

        With `recompute` most activations are recomputed for the gradient instead of being stored.
        With a `tile`, which takes frozen weights, pictures continue across their edges.
        """
        if self.config.normalized:
            latents = F.normalize(latents, dim=1)
        if self.config.latent_scale != 1:
            latents = latents / self.config.latent_scale
        weight = self.post_quant_conv.weight
        if weight.requires_grad or torch.is_autocast_enabled(weight.device.type):  # in training
            return (self.decoder(self.post_quant_conv(latents)) + 1) / PIXEL_SCALE
        activations = latents.to(weight.dtype)
        for layer in decoder_layers(self.post_quant_conv, self.decoder, tile):
            if recompute:
                # Nothing is drawn from torch's global generators, so their states are not kept.
                result = checkpoint(
                    layer, activations, use_reentrant=False, preserve_rng_state=False
                )
                activations = cast(Tensor, result)
            else:
                activations = layer(activations)
        return (activations.float() + 1) / PIXEL_SCALE

    def freeze_for_inference(self, dtype: torch.dtype) -> None:
        """Freeze all weights, and let the decoder compute in `dtype`."""
        self.eval().requires_grad_(False)
        for module in (self.post_quant_conv, self.decoder):
            cast_frozen(module, dtype)


def _regroup_norms(module: nn.Module, groups: int) -> None:
    """Set the number of groups of every GroupNorm, which taming hard-codes as 32."""
    for norm in module.modules():
        if isinstance(norm, nn.GroupNorm):
            norm.num_groups = groups
