"""Convolutions whose weights stay in the order in which oneDNN computes.

On a CPU torch brings the weights of a convolution into that order anew in every call. Where
pictures are small and channels many, that takes as long as the products. The results are the same.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn


def pack_convolutions(module: nn.Module) -> None:
    """Replace the convolutions in `module`, whose weights are frozen, where that is faster.

    Pictures must have the same size in all calls, or the weights are brought into another order
    after all. No gradient goes through the convolutions.
    """
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Conv2d and _can_pack(child):
                setattr(parent, name, _PackedConv2d(child))


class _PackedConv2d(nn.Module):
    """A convolution that packs its weights in the first call, and then lets go of the others."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self._conv: nn.Conv2d | None = conv
        self._packed: Tensor | None = None
        self._bias = conv.bias
        sizes = (cast(tuple[int, ...], conv.padding), conv.stride, conv.dilation)
        self._sizes = (*(list(each) for each in sizes), conv.groups)

    def forward(self, images: Tensor) -> Tensor:
        """Apply the convolution to images (N, C, H, W)."""
        if self._packed is None:
            self._packed = self._pack(images)
        padding, stride, dilation, groups = self._sizes
        operation: Any = torch.ops.mkldnn._convolution_pointwise
        return operation(
            *(images, self._packed, self._bias, padding, stride, dilation, groups),
            *("none", [], ""),  # no operation on each value of the result
        )

    def _pack(self, images: Tensor) -> Tensor:
        assert self._conv is not None
        operation: Any = torch.ops.mkldnn._reorder_convolution_weight
        packed = operation(self._conv.weight, *self._sizes, list(images.shape))
        self._conv = None
        return packed


def _can_pack(conv: nn.Conv2d) -> bool:
    """Return True if oneDNN computes a convolution on this CPU, in the precision of its weights."""
    if not conv.weight.is_cpu or conv.padding_mode != "zeros" or not _is_available():
        return False
    if conv.weight.dtype == torch.bfloat16:
        operations: Any = torch.ops.mkldnn
        return operations._is_mkldnn_bf16_supported()
    return conv.weight.dtype == torch.float32


def _is_available() -> bool:
    """Return True if torch has oneDNN, and the operations that its own compiler uses with it."""
    return torch.backends.mkldnn.is_available() and all(
        hasattr(torch.ops.mkldnn, name)
        for name in (
            "_convolution_pointwise",
            "_reorder_convolution_weight",
            "_is_mkldnn_bf16_supported",
        )
    )
