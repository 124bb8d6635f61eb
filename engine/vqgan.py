"""VQGAN: taming's Encoder and Decoder around a codebook (paper, Section 2.1).

The module holds what painting needs: encoder, `quant_conv`, codebook, `post_quant_conv`,
decoder, under the key names of the published checkpoints. The adversarial training loss is
never built. How a checkpoint is read belongs to `engine.models`.
"""

import contextlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Self, cast

import torch
from taming.modules.diffusionmodules.model import Decoder, Encoder, nonlinearity
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

PIXEL_SCALE = 2.0
"""VQGAN works on pictures in [-1, 1]: x * 2 - 1 on the way in, (x + 1) / 2 on the way out."""


@dataclass(frozen=True)
class VQGANConfig:
    """The architecture of a VQGAN, in the words of taming's configuration files.

    `norm_groups` is the number of groups of every GroupNorm. The published models use 32;
    with few channels that becomes instance normalisation, which destroys absolute colour.
    """

    n_embed: int
    embed_dim: int
    z_channels: int
    ch: int
    ch_mult: tuple[int, ...]
    num_res_blocks: int
    attn_resolutions: tuple[int, ...]
    resolution: int
    norm_groups: int = 32

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Build from JSON values, lists standing for tuples."""
        fields: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        return cls(**fields)


class Codebook(nn.Module):
    """The vectors (n_embed, embed_dim), under the name that published checkpoints give them."""

    def __init__(self, n_embed: int, embed_dim: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(n_embed, embed_dim)


class VQGAN(nn.Module):
    """An `ImageGenerator`. Latents are (N, embed_dim, H/factor, W/factor)."""

    def __init__(self, config: VQGANConfig) -> None:
        super().__init__()
        self.config = config
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
        with contextlib.redirect_stdout(io.StringIO()):  # taming's Decoder prints its shape
            self.encoder = Encoder(double_z=False, **shared)
            self.decoder = Decoder(**shared)
        self.quantize = Codebook(config.n_embed, config.embed_dim)
        self.quant_conv = nn.Conv2d(config.z_channels, config.embed_dim, 1)
        self.post_quant_conv = nn.Conv2d(config.embed_dim, config.z_channels, 1)
        _regroup_norms(self, config.norm_groups)

    @property
    def device(self) -> torch.device:
        """Where the weights lie."""
        return self.codebook.device

    @property
    def factor(self) -> int:
        """Pixels per latent cell along each axis."""
        return 2 ** (len(self.config.ch_mult) - 1)

    @property
    def codebook(self) -> Tensor:
        """The codebook (n_embed, embed_dim)."""
        return self.quantize.embedding.weight

    def encode(self, images: Tensor) -> Tensor:
        """Map `images` (N, 3, H, W) in [0, 1] to latents, not yet quantised."""
        return self.quant_conv(self.encoder(images * PIXEL_SCALE - 1))

    def decode(self, latents: Tensor, *, recompute: bool = False) -> Tensor:
        """Map latents to pictures (N, 3, H, W), nominally in [0, 1] but not clamped.

        With `recompute` most activations are computed once more for the gradient, not kept.
        """
        activations = self.post_quant_conv(latents)
        for layer in self._decoding():
            if recompute:
                activations = cast(Tensor, checkpoint(layer, activations, use_reentrant=False))
            else:
                activations = layer(activations)
        return (activations + 1) / PIXEL_SCALE

    def _decoding(self) -> Iterator[Callable[[Tensor], Tensor]]:
        """The parts of taming's `Decoder.forward`, between which activations can be forgotten."""
        decoder: Any = self.decoder  # to type checkers its parts are any modules
        yield decoder.conv_in
        yield from (partial(decoder.mid.block_1, temb=None), decoder.mid.attn_1)
        yield partial(decoder.mid.block_2, temb=None)
        for level in reversed(range(decoder.num_resolutions)):
            up = decoder.up[level]
            for number, block in enumerate(up.block):
                yield partial(block, temb=None)
                if len(up.attn) > 0:
                    yield up.attn[number]
            if level > 0:
                yield up.upsample
        yield lambda h: decoder.conv_out(nonlinearity(decoder.norm_out(h)))


def _regroup_norms(module: nn.Module, groups: int) -> None:
    """Give every GroupNorm `groups` groups; taming hard-codes 32. Weights keep their shape."""
    for norm in module.modules():
        if isinstance(norm, nn.GroupNorm):
            norm.num_groups = groups
