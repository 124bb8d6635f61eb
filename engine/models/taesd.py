"""TAESD, TAESDXL and TAEF1: tiny autoencoders for the latents of Stable Diffusion and FLUX.1.

They are distilled from the large autoencoders (madebyollin/taesd): convolutions of 64 channels with
ReLU, 8 pixels a cell. Pictures are in [0, 1] and latents within about 3, both without any scaling.
The modules have the numbers that the published files name.
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from engine.images.tiling import Tile
from engine.models.frozen_layers import cast_frozen
from engine.models.wrapping import wrapped_conv2d

WIDTH, LATENT_LIMIT = 64, 3.0
MAX_CHANNELS = 1024


@dataclass(frozen=True)
class TaesdConfig:
    """The architecture, from a file that is not trusted; raises ValueError for a bad value."""

    channels: int
    """Channels of a latent: 4 for Stable Diffusion, 16 for FLUX.1."""
    encoder_sha256: str = ""
    """SHA-256 of the published encoder, a file of its own."""

    def __post_init__(self) -> None:
        if type(self.channels) is not int or not 1 <= self.channels <= MAX_CHANNELS:
            raise ValueError(f"channels must be a whole number from 1 to {MAX_CHANNELS}")


class _Bound(nn.Module):
    def forward(self, latents: Tensor) -> Tensor:
        return torch.tanh(latents / LATENT_LIMIT) * LATENT_LIMIT


class _Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        convs = _conv(WIDTH, WIDTH), nn.ReLU(), _conv(WIDTH, WIDTH), nn.ReLU(), _conv(WIDTH, WIDTH)
        self.conv = nn.Sequential(*convs)

    def forward(self, images: Tensor) -> Tensor:
        return torch.relu(self.conv(images) + images)


class Taesd(nn.Module):
    """A tiny autoencoder as an `engine.models.latent_generator.Autoencoder`."""

    factor = 8

    def __init__(self, config: TaesdConfig) -> None:
        super().__init__()
        self.channels = config.channels
        down, up = [], []
        for _ in range(3):
            down += [_conv(WIDTH, WIDTH, stride=2, bias=False), *(_Block() for _ in range(3))]
            up += [*(_Block() for _ in range(3)), nn.Upsample(scale_factor=2)]
            up.append(_conv(WIDTH, WIDTH, bias=False))
        self.encoder = nn.Sequential(_conv(3, WIDTH), _Block(), *down, _conv(WIDTH, self.channels))
        first = _Bound(), _conv(self.channels, WIDTH), nn.ReLU()
        self.decoder = nn.Sequential(*first, *up, _Block(), _conv(WIDTH, 3))

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return next(self.parameters()).device

    def encode(self, images: Tensor, *, tile: Tile = "none") -> Tensor:
        """Map `images` (N, 3, H, W) in [0, 1] to latents (N, C, H/8, W/8)."""
        return _apply(self.encoder, images, tile)

    def decode(self, latents: Tensor, *, recompute: bool = False, tile: Tile = "none") -> Tensor:
        """Map latents to pictures (N, 3, H, W), nominally in [0, 1] but not clamped."""
        hidden = latents.to(next(self.decoder.parameters()).dtype)
        for layer in self.decoder:
            if recompute and isinstance(layer, _Block):
                again = checkpoint(_apply, layer, hidden, tile, use_reentrant=False)
                hidden = cast(Tensor, again)
            else:
                hidden = _apply(layer, hidden, tile)
        return hidden.float()

    def freeze_for_inference(self, dtype: torch.dtype) -> None:
        """Freeze all weights, and let the decoder compute in `dtype`."""
        self.eval().requires_grad_(False)
        cast_frozen(self.decoder, dtype)


def _apply(layer: nn.Module, images: Tensor, tile: Tile) -> Tensor:
    """Apply a layer to `images`, which as a tile continue across their edges."""
    if tile == "none":
        return layer(images)
    match layer:
        case nn.Conv2d():
            return wrapped_conv2d(images, layer, tile)
        case nn.Sequential():
            for each in layer:
                images = _apply(each, images, tile)
            return images
        case _Block():
            return torch.relu(_apply(layer.conv, images, tile) + images)
        case _:
            return layer(images)


def _conv(inputs: int, outputs: int, *, stride: int = 1, bias: bool = True) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=bias)
