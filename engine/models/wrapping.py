"""Wrap-around padding: what lets a generator's picture continue across its own edges.

A convolution that pads with zeros paints an edge. Padded with the opposite side instead, it sees
the picture as one of endless copies of itself. Nothing else in a decoder knows where an edge is:
normalizations and attention treat all places alike, so a tile costs one copy for each convolution.
"""

from collections.abc import Sequence
from math import gcd
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.images.tiling import Tile, wraps_of

_BICUBIC_REACH = 2
"""Pixels that bicubic interpolation reads beyond an edge."""


def wrap_pad(images: Tensor, margins: tuple[int, int], tile: Tile) -> Tensor:
    """Continue `images` (N, C, H, W) on the sides on which they are tiles.

    `margins` are the numbers of rows at the top and the bottom, and of columns at the left and the
    right: (N, C, H + 2 rows, W + 2 columns) if both wrap. They are at most H and W.
    """
    rows, columns = (
        margin if wraps else 0 for margin, wraps in zip(margins, wraps_of(tile), strict=True)
    )
    if not rows and not columns:
        return images
    return cast(Tensor, _WrapPad.apply(images, rows, columns))


class _WrapPad(torch.autograd.Function):
    """Padding whose gradient takes one copy for each axis; that of slices takes several."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, rows: int, columns: int) -> Tensor:  # pyright: ignore
        ctx.margins = rows, columns
        for axis, margin in ((2, rows), (3, columns)):
            if margin:
                last = images.narrow(axis, images.shape[axis] - margin, margin)
                images = torch.cat((last, images, images.narrow(axis, 0, margin)), axis)
        return images

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:  # pyright: ignore
        for axis, margin in zip((2, 3), ctx.margins, strict=True):
            if margin:
                length = grad.shape[axis] - 2 * margin
                inner = grad.narrow(axis, margin, length).clone()
                inner.narrow(axis, 0, margin).add_(grad.narrow(axis, margin + length, margin))
                inner.narrow(axis, length - margin, margin).add_(grad.narrow(axis, 0, margin))
                grad = inner
        return grad, None, None


def padding_left(conv: nn.Conv2d, tile: Tile) -> tuple[int, int]:
    """Return the padding with zeros of a convolution whose input `wrap_pad` has continued."""
    rows, columns = paddings(conv)
    wraps = wraps_of(tile)
    return 0 if wraps.rows else rows, 0 if wraps.columns else columns


def paddings(conv: nn.Conv2d) -> tuple[int, int]:
    """Return the rows and columns by which a convolution pads each side."""
    return cast(tuple[int, int], conv.padding)


def wrapped_conv2d(images: Tensor, conv: nn.Conv2d, tile: Tile) -> Tensor:
    """Apply a convolution to `images` (N, C, H, W), which continue across their edges."""
    padded = wrap_pad(images, paddings(conv), tile)
    return F.conv2d(
        padded, conv.weight, conv.bias, conv.stride, padding_left(conv, tile), conv.dilation,
        conv.groups,
    )  # fmt: skip


def bicubic(images: Tensor, size: Sequence[int], tile: Tile = "none") -> Tensor:
    """Interpolate `images` (N, C, h, w) to `size` (H, W), across the edges of a tile."""
    height, width = size
    if tile == "none":
        return F.interpolate(images, (height, width), mode="bicubic", align_corners=False)
    wraps = wraps_of(tile)
    rows, top = _margins(images.shape[2], height) if wraps.rows else (0, 0)
    columns, left = _margins(images.shape[3], width) if wraps.columns else (0, 0)
    padded = wrap_pad(images, (rows, columns), tile)
    larger = (height + 2 * top, width + 2 * left)
    result = F.interpolate(padded, larger, mode="bicubic", align_corners=False)
    return result[..., top : top + height, left : left + width]


def _margins(before: int, after: int) -> tuple[int, int]:
    """Return how many pixels to add on each side of `before`, and what they become in `after`.

    Both are whole, so that the scale stays the same with them.
    """
    if before == 1:  # one pixel fills the whole axis with its color in any case
        return 0, 0
    unit = before // gcd(before, after)
    margin = unit * -(-_BICUBIC_REACH // unit)
    return margin, margin * after // before
