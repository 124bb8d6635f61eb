"""The layers of taming's Encoder and Decoder with frozen weights, also for pictures that are tiles.

The modules hold the weights under the names of published checkpoints. Here they are computed on
`engine.models.frozen_layers`, which saves less for the gradient.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.images.tiling import Tile, wraps_of
from engine.models.frozen_layers import attention, frozen_conv2d, group_norm_silu


def decoder_layers(
    first: nn.Conv2d, decoder: Any, tile: Tile = "none"
) -> Iterator[Callable[[Tensor], Tensor]]:
    """Yield the layers of a convolution and a `Decoder`; each may be recomputed on its own.

    With a `tile`, the picture continues across its edges.
    """
    yield partial(frozen_conv2d, conv=first, tile=tile)
    yield partial(frozen_conv2d, conv=decoder.conv_in, tile=tile)
    yield partial(_resnet_block, decoder.mid.block_1, tile=tile)
    yield partial(_attention_block, decoder.mid.attn_1)
    yield partial(_resnet_block, decoder.mid.block_2, tile=tile)
    for level in reversed(range(decoder.num_resolutions)):
        up = decoder.up[level]
        for number, block in enumerate(up.block):
            yield partial(_resnet_block, block, tile=tile)
            if len(up.attn) > 0:
                yield partial(_attention_block, up.attn[number])
        if level > 0:
            yield partial(_upsample, up.upsample, tile=tile)
    yield partial(_output, decoder, tile=tile)


def encode_tile(encoder: Any, images: Tensor, tile: Tile) -> Tensor:
    """Compute taming's `Encoder` for `images` (N, 3, H, W) that continue across their edges."""
    hidden = frozen_conv2d(images, encoder.conv_in, tile)
    for level in range(encoder.num_resolutions):
        down = encoder.down[level]
        for number, block in enumerate(down.block):
            hidden = _resnet_block(block, hidden, tile)
            if len(down.attn) > 0:
                hidden = _attention_block(down.attn[number], hidden)
        if level < encoder.num_resolutions - 1:
            hidden = _downsample(down.downsample, hidden, tile)
    hidden = _resnet_block(encoder.mid.block_1, hidden, tile)
    hidden = _attention_block(encoder.mid.attn_1, hidden)
    hidden = _resnet_block(encoder.mid.block_2, hidden, tile)
    return _output(encoder, hidden, tile)


def _resnet_block(block: Any, images: Tensor, tile: Tile) -> Tensor:
    """Compute taming's `ResnetBlock` without dropout."""
    hidden = frozen_conv2d(group_norm_silu(images, block.norm1), block.conv1, tile)
    hidden = frozen_conv2d(group_norm_silu(hidden, block.norm2), block.conv2, tile)
    if block.in_channels != block.out_channels:
        images = frozen_conv2d(images, block.nin_shortcut)
    return images + hidden


def _attention_block(block: Any, images: Tensor) -> Tensor:
    """Compute taming's `AttnBlock`."""
    count, channels, height, width = images.shape
    normalized = block.norm(images)
    query, key, value = (
        frozen_conv2d(normalized, conv)
        .permute(0, 2, 3, 1)
        .reshape(count, 1, height * width, channels)
        for conv in (block.q, block.k, block.v)
    )
    attended = attention(query, key, value).view(count, height, width, channels)
    return images + frozen_conv2d(attended.permute(0, 3, 1, 2), block.proj_out)


def _upsample(upsample: Any, images: Tensor, tile: Tile) -> Tensor:
    """Compute taming's `Upsample`."""
    larger = F.interpolate(images, scale_factor=2.0, mode="nearest")
    return frozen_conv2d(larger, upsample.conv, tile)


def _downsample(downsample: Any, images: Tensor, tile: Tile) -> Tensor:
    """Compute taming's `Downsample`, which pads only at the bottom and at the right."""
    wraps = wraps_of(tile)
    images = F.pad(images, (0, int(not wraps.columns), 0, int(not wraps.rows)))
    if wraps.rows:
        images = torch.cat((images, images[:, :, :1]), 2)
    if wraps.columns:
        images = torch.cat((images, images[..., :1]), 3)
    return frozen_conv2d(images, downsample.conv)


def _output(module: Any, hidden: Tensor, tile: Tile) -> Tensor:
    """Compute the last layers of an `Encoder` or a `Decoder`."""
    return frozen_conv2d(group_norm_silu(hidden, module.norm_out), module.conv_out, tile)
