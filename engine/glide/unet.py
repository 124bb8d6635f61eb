"""GLIDE's UNet: predicts the noise in a picture, and how sure it is, from the words for it.

The architecture is that of Dhariwal and Nichol, 2021, with attention to a text (Nichol et al.,
2021, Section 4). Keys are those of the published files.
"""

import math
from collections.abc import Iterator
from itertools import chain
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.glide.config import PICTURE_CHANNELS, UNetConfig
from engine.glide.text import EncodedText, TextTower
from engine.models.frozen_layers import cast_frozen
from engine.models.packed_layers import pack_convolutions

_MAX_PERIOD = 10_000
"""Longest period of the sines that stand for a timestep, in timesteps."""


class UNet(TextTower):
    """A UNet, which shares one file and one set of keys with its text tower."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__(config.text, config.embedding_width)
        self.config = config
        width = config.embedding_width
        self.time_embed = nn.Sequential(
            nn.Linear(config.channels, width), nn.SiLU(), nn.Linear(width, width)
        )
        widest = config.channels * config.multipliers[-1]
        self.input_blocks = nn.ModuleList(_down(config))
        self.middle_block = _Stage(
            _Residual(config, widest, widest),
            _Attention(config, widest),
            _Residual(config, widest, widest),
        )
        self.output_blocks = nn.ModuleList(_up(config))
        first = config.channels * config.multipliers[0]
        self.out = nn.Sequential(
            nn.GroupNorm(config.norm_groups, first),
            nn.SiLU(),
            nn.Conv2d(first, 2 * PICTURE_CHANNELS, 3, padding=1),
        )

    def forward(self, images: Tensor, timesteps: Tensor, text: EncodedText) -> Tensor:
        """Predict noise and variance.

        Args:
            images: What the UNet sees (N, in_channels, side, side), in [-1, 1] but for the noise.
            timesteps: Timesteps (N,) of the diffusion as trained, from 0 to `TIMESTEPS` - 1.
            text: The words for the N pictures.

        Returns:
            (N, 6, side, side), float32: the noise, and in the last three channels where the
            logarithm of the variance lies between its lower bound (-1) and its upper one (1).
        """
        embedding = self.time_embed(embed_timesteps(timesteps, self.config.channels)) + text.vector
        hidden = images.to(self.dtype)
        embedding = F.silu(embedding).to(self.dtype)
        skipped: list[Tensor] = []
        for block in self.input_blocks:
            hidden = block(hidden, embedding, text.sequence)
            skipped.append(hidden)
        hidden = self.middle_block(hidden, embedding, text.sequence)
        for block in self.output_blocks:
            hidden = block(torch.cat((hidden, skipped.pop()), 1), embedding, text.sequence)
        return self.out(hidden.to(self.out[-1].weight.dtype)).float()

    @property
    def dtype(self) -> torch.dtype:
        """Data type that the blocks compute in."""
        first = cast(_Residual, self.middle_block[0])
        return cast(nn.Linear, first.emb_layers[1]).weight.dtype

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return self.positional_embedding.device

    def freeze_for_inference(self, dtype: torch.dtype) -> None:
        """Freeze all weights, and let blocks and text tower compute in `dtype`.

        The first and the last layer of the whole, embeddings and norms stay as they are.
        """
        self.eval().requires_grad_(False)
        for module in (self.input_blocks, self.middle_block, self.output_blocks, self.transformer):
            cast_frozen(module, dtype)

    def pack_for_inference(self) -> None:
        """Keep the frozen weights of the blocks' convolutions as a CPU computes with them.

        After that they can be neither saved nor moved, and no gradient goes through the blocks.
        """
        for module in (self.input_blocks, self.middle_block, self.output_blocks):
            pack_convolutions(module)


def embed_timesteps(timesteps: Tensor, channels: int) -> Tensor:
    """Return cosines and sines (N, channels) of timesteps (N,), as Vaswani et al., 2017."""
    half = channels // 2
    exponents = torch.arange(half, dtype=torch.float32, device=timesteps.device) / half
    angles = timesteps[:, None].float() * torch.exp(-math.log(_MAX_PERIOD) * exponents)
    return torch.cat((angles.cos(), angles.sin()), 1)


class _Stage(nn.Sequential):
    """Layers one after the other, each with what it needs besides the picture."""

    def forward(self, hidden: Tensor, embedding: Tensor, sequence: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        for layer in self:
            if isinstance(layer, _Residual):
                hidden = layer(hidden, embedding)
            elif isinstance(layer, _Attention):
                hidden = layer(hidden, sequence)
            else:
                hidden = layer(hidden)
        return hidden


class _Residual(nn.Module):
    """A residual block that the embedding scales and shifts; it can halve or double the side."""

    def __init__(self, config: UNetConfig, inner: int, outer: int, *, resample: str = "") -> None:
        super().__init__()
        groups = config.norm_groups
        self.resample = resample
        self.in_layers = nn.Sequential(
            nn.GroupNorm(groups, inner), nn.SiLU(), nn.Conv2d(inner, outer, 3, padding=1)
        )
        self.emb_layers = nn.Sequential(
            nn.Identity(),  # SiLU, which the UNet applies once for all blocks
            nn.Linear(config.embedding_width, 2 * outer),
        )
        self.out_layers = nn.Sequential(
            nn.GroupNorm(groups, outer),
            nn.SiLU(),
            nn.Identity(),  # dropout in training
            nn.Conv2d(outer, outer, 3, padding=1),
        )
        self.skip_connection = nn.Identity() if inner == outer else nn.Conv2d(inner, outer, 1)

    def forward(self, images: Tensor, embedding: Tensor) -> Tensor:
        # In place, because the memory of each new large tensor is allocated and cleared again.
        hidden = F.silu(self.in_layers[0](images), inplace=True)
        if self.resample:
            change = _halve if self.resample == "down" else _double
            images, hidden = change(images), change(hidden)
        hidden = self.in_layers[2](hidden)
        scale, shift = self.emb_layers(embedding)[:, :, None, None].chunk(2, 1)
        hidden = self.out_layers[0](hidden).mul_(1 + scale).add_(shift)
        hidden = self.out_layers[3](F.silu(hidden, inplace=True))
        return self.skip_connection(images) + hidden


class _Attention(nn.Module):
    """Attention of a picture to a text and itself, with channels ordered head by head."""

    def __init__(self, config: UNetConfig, channels: int) -> None:
        super().__init__()
        self.heads = channels // config.head_channels
        self.norm = nn.GroupNorm(config.norm_groups, channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.encoder_kv = nn.Conv1d(config.text.width, 2 * channels, 1)
        self.proj_out = nn.Conv1d(channels, channels, 1)

    def forward(self, images: Tensor, sequence: Tensor) -> Tensor:
        pixels = self.norm(images).flatten(2).transpose(1, 2)
        own = _pointwise(pixels, self.qkv).unflatten(-1, (self.heads, 3, -1))
        said = _pointwise(sequence, self.encoder_kv).unflatten(-1, (self.heads, 2, -1))
        query, *own_pair = own.permute(3, 0, 2, 1, 4)
        key, value = (
            torch.cat(pair, 2) for pair in zip(said.permute(3, 0, 2, 1, 4), own_pair, strict=True)
        )
        attended = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        return images + _pointwise(attended, self.proj_out).transpose(1, 2).view_as(images)


def _pointwise(values: Tensor, conv: nn.Conv1d) -> Tensor:
    """Apply a convolution with a kernel of 1 to values (N, L, C), as a matrix product."""
    return F.linear(values, conv.weight[:, :, 0], conv.bias)


def _halve(images: Tensor) -> Tensor:
    return F.avg_pool2d(images, 2)


def _double(images: Tensor) -> Tensor:
    return F.interpolate(images, scale_factor=2.0, mode="nearest")


def _down(config: UNetConfig) -> Iterator[_Stage]:
    """Yield the stages on the way down; `_down_channels` are those of their outputs."""
    channels = config.channels * config.multipliers[0]
    yield _Stage(nn.Conv2d(config.in_channels, channels, 3, padding=1))
    for level, multiplier in enumerate(config.multipliers):
        for _ in range(config.blocks):
            outer = config.channels * multiplier
            yield _Stage(_Residual(config, channels, outer), *_attention(config, level))
            channels = outer
        if level + 1 < len(config.multipliers):
            yield _Stage(_Residual(config, channels, channels, resample="down"))


def _up(config: UNetConfig) -> Iterator[_Stage]:
    """Yield the stages on the way up, each of which also sees the output of one on the way down."""
    skipped = list(_down_channels(config))
    channels = skipped[-1]
    for level in reversed(range(len(config.multipliers))):
        outer = config.channels * config.multipliers[level]
        for number in range(config.blocks + 1):
            residual = _Residual(config, channels + skipped.pop(), outer)
            channels = outer
            is_last = level > 0 and number == config.blocks
            enlarge = [_Residual(config, outer, outer, resample="up")] if is_last else []
            yield _Stage(residual, *_attention(config, level), *enlarge)


def _down_channels(config: UNetConfig) -> Iterator[int]:
    widths = [config.channels * multiplier for multiplier in config.multipliers]
    levels = ([width] * config.blocks for width in widths)
    shrunk = ([width] for width in widths[:-1])
    yield widths[0]
    for level, after in zip(levels, chain(shrunk, [[]]), strict=True):
        yield from (*level, *after)


def _attention(config: UNetConfig, level: int) -> list[_Attention]:
    width = config.channels * config.multipliers[level]
    return [_Attention(config, width)] if config.is_attended(level) else []
