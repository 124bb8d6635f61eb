"""Linear layers whose products oneDNN computes, instead of the library that torch takes.

In float32 torch multiplies matrices by MKL on most CPUs, which on some processors is slower than
oneDNN. `engine.models.calibration` measures which of them is faster on a machine. The two sum in
another order, so their results differ by rounding.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn


def multiply_by_onednn(module: nn.Module) -> None:
    """Let oneDNN compute the products of the frozen linear layers in `module`, in float32."""
    for parent in list(module.modules()):
        if isinstance(parent, nn.MultiheadAttention):  # reads the weights of its layer itself
            continue
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Linear) and _fits(child):
                setattr(parent, name, _OneDNNLinear(child))


def has_onednn_products() -> bool:
    """Return True if torch has oneDNN, and the operation that its own compiler uses with it."""
    return torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


class _OneDNNLinear(nn.Linear):
    """A frozen linear layer, which shares the weights of another."""

    def __init__(self, linear: nn.Linear) -> None:
        has_bias = linear.bias is not None
        super().__init__(linear.in_features, linear.out_features, has_bias, device="meta")
        self.weight, self.bias = linear.weight, linear.bias

    def forward(self, input: Tensor) -> Tensor:
        """Apply the layer to the last axis of `input` (..., in_features)."""
        return cast(Tensor, _Products.apply(input, self.weight, self.bias))


class _Products(torch.autograd.Function):
    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, values: Tensor, weight: Tensor, bias: Tensor | None
    ) -> Tensor:
        ctx.save_for_backward(weight)
        return _linear(values, weight, bias)

    @staticmethod
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, grad: Tensor
    ) -> tuple[Tensor | None, ...]:
        (weight,) = ctx.saved_tensors
        return _linear(grad, weight.t(), None), None, None


def _linear(values: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    operation: Any = torch.ops.mkldnn._linear_pointwise
    return operation(values.contiguous(), weight, bias, "none", [], "")


def _fits(linear: nn.Linear) -> bool:
    return linear.weight.is_cpu and linear.weight.dtype == torch.float32
