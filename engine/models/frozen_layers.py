"""Layers of frozen models that save less for the gradient than torch's layers.

Frozen weights need no gradient, only the activations do (paper, Section 2). Torch saves the input
of each convolution and several intermediate results of each nonlinearity, in case the weights need
a gradient. Here a convolution saves only its weights, and a normalization with its nonlinearity
saves only its input. `frozen_layers_cpu` has the variants that are faster on a CPU.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.images.tiling import Tile
from engine.models import frozen_layers_cpu
from engine.models.wrapping import padding_left, paddings, wrap_pad

QUICK = 1.702
"""Factor in OpenAI's approximation of GELU, x * sigmoid(1.702 x)."""


def attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Compute scaled dot-product attention over (N, heads, L, D)."""
    if frozen_layers_cpu.is_explicit_attention_faster(query, key):
        return frozen_layers_cpu.explicit_attention(query, key, value)
    return F.scaled_dot_product_attention(query, key, value)


def frozen_conv2d(images: Tensor, conv: nn.Conv2d, tile: Tile = "none") -> Tensor:
    """Apply `conv`, whose weights are frozen, to `images` (N, C, H, W).

    With a `tile` they continue across their edges.
    """
    if tile != "none":
        images = wrap_pad(images, paddings(conv), tile)
    padding = padding_left(conv, tile)
    return cast(Tensor, _FrozenConv2d.apply(images, conv.weight, conv.bias, conv, padding))


def unit_stride_gradient(
    grad: Tensor, conv: nn.Conv2d, padding: tuple[int, int] | None = None
) -> Tensor:
    """Return the gradient with respect to the input of a convolution whose stride is 1.

    `padding` replaces that of the convolution. On CUDA torch's general gradient changes the memory
    layout of `grad` there and back.
    """
    return F.conv_transpose2d(
        grad, conv.weight, None, 1, padding or paddings(conv), 0, conv.groups, conv.dilation
    )


def group_norm_silu(images: Tensor, norm: nn.GroupNorm) -> Tensor:
    """Apply group normalization and SiLU, x * sigmoid(x), to `images` (N, C, H, W)."""
    return cast(Tensor, _GroupNormSiLU.apply(images, norm.weight, norm.bias, norm))


def cast_frozen(module: nn.Module, dtype: torch.dtype) -> None:
    """Let `module` compute in `dtype`, with the statistics of its normalizations in float32.

    On a CPU the statistics have the data type of the norm's weights, so these are not cast. On
    other devices they are float32 in any case, and the weights of group and layer norms must have
    the data type of the input.
    """
    for each in module.modules():
        if isinstance(each, nn.modules.batchnorm._BatchNorm):
            continue
        is_norm = isinstance(each, nn.GroupNorm | nn.LayerNorm)
        for name, values in list(each.named_parameters(recurse=False)):
            if not (is_norm and values.is_cpu):
                setattr(each, name, nn.Parameter(values.to(dtype), requires_grad=False))


class QuickGELU(nn.Module):
    """OpenAI's approximation of GELU, which saves only its input for the gradient."""

    def forward(self, values: Tensor) -> Tensor:
        """Apply the function to each of `values`."""
        return cast(Tensor, _QuickGELU.apply(values))


class SelfAttention(nn.Module):
    """Self-attention over (N, L, C) with the weights of an `nn.MultiheadAttention`.

    Torch's layer transposes and copies sequences, which on a CPU takes longer than all its matrix
    products.
    """

    def __init__(self, attention: nn.MultiheadAttention) -> None:
        super().__init__()
        assert attention.batch_first
        self.in_proj = _linear(attention.in_proj_weight, attention.in_proj_bias)
        self.out_proj = attention.out_proj
        self.num_heads = attention.num_heads

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        *,
        need_weights: bool = False,
        attn_mask: Tensor | None = None,
    ) -> tuple[Tensor, None]:
        """Return the result of `nn.MultiheadAttention` for key = value = query without a mask."""
        assert key is query and value is query and not need_weights and attn_mask is None
        heads = self.in_proj(query).unflatten(-1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        attended = attention(*heads.unbind(0))  # its gradient is one stack, not a sum of three
        return self.out_proj(attended.transpose(1, 2).flatten(2)), None


class PatchEmbedding(nn.Module):
    """A convolution whose stride is its kernel size, computed as a matrix product.

    Torch's gradient of such a convolution is slow on a CPU.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.kernel_size = conv.kernel_size
        self.projection = _linear(conv.weight.flatten(1), conv.bias)

    @staticmethod
    def fits(module: nn.Module) -> bool:
        """Return True if `module` is such a convolution."""
        if not isinstance(module, nn.Conv2d) or module.groups != 1:
            return False
        is_plain = module.padding == (0, 0) and module.dilation == (1, 1)
        return is_plain and module.kernel_size == module.stride != (1, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Map `images` (N, 3, H, W) to (N, C, H / side, W / side)."""
        height, width = self.kernel_size
        rows, columns = images.shape[2] // height, images.shape[3] // width
        whole = images[..., : rows * height, : columns * width]
        patches = whole.unflatten(3, (columns, width)).unflatten(2, (rows, height))
        patches = patches.permute(0, 2, 4, 1, 3, 5).flatten(3)
        return self.projection(patches).permute(0, 3, 1, 2)


class _FrozenConv2d(torch.autograd.Function):
    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any,
        images: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        conv: nn.Conv2d,
        padding: tuple[int, int],
    ) -> Tensor:
        ctx.conv, ctx.padding, ctx.shape = conv, padding, images.shape
        ctx.save_for_backward(weight)
        return F.conv2d(images, weight, bias, conv.stride, padding, conv.dilation, conv.groups)

    @staticmethod
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, grad: Tensor
    ) -> tuple[Tensor | None, ...]:
        conv, (weight,) = ctx.conv, ctx.saved_tensors
        if grad.is_cuda and conv.stride == (1, 1):
            return unit_stride_gradient(grad, conv, ctx.padding), None, None, None, None
        like = grad.new_empty(1).expand(ctx.shape)  # only its shape matters
        gradient, _, _ = torch.ops.aten.convolution_backward(
            grad, like, weight, None, conv.stride, ctx.padding, conv.dilation, False, (0, 0),
            conv.groups, (True, False, False),
        )  # fmt: skip
        return gradient, None, None, None, None


class _GroupNormSiLU(torch.autograd.Function):
    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, images: Tensor, weight: Tensor, bias: Tensor, norm: nn.GroupNorm
    ) -> Tensor:
        normalized, mean, rstd = _normalize(images, weight, bias, norm)
        ctx.norm = norm
        ctx.save_for_backward(images, weight, bias, mean, rstd)
        return F.silu(normalized, inplace=True)

    @staticmethod
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, grad: Tensor
    ) -> tuple[Tensor | None, ...]:
        images, weight, bias, mean, rstd = ctx.saved_tensors
        normalized, _, _ = _normalize(images, weight, bias, ctx.norm)
        grad = torch.ops.aten.silu_backward(grad, normalized)
        del normalized
        if frozen_layers_cpu.is_native_gradient_slow(images):
            backward = frozen_layers_cpu.group_norm_gradient
        else:
            backward = _native_gradient
        return backward(grad, images, weight, mean, rstd, ctx.norm.num_groups), None, None, None


class _QuickGELU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:  # pyright: ignore
        ctx.save_for_backward(values)
        return F.silu(values * QUICK, inplace=True).div_(QUICK)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # pyright: ignore
        (values,) = ctx.saved_tensors
        # d/dx silu(q x) / q = silu'(q x)
        return torch.ops.aten.silu_backward(grad, values * QUICK)


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    """Return a frozen layer with these weights (out, in), which are not copied."""
    outputs, inputs = weight.shape
    layer = nn.Linear(inputs, outputs, bias is not None, device="meta")
    layer.weight = nn.Parameter(weight.detach(), requires_grad=False)
    if bias is not None:
        layer.bias = nn.Parameter(bias.detach(), requires_grad=False)
    return layer


def _normalize(
    images: Tensor, weight: Tensor, bias: Tensor, norm: nn.GroupNorm
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the normalized images, and the groups' means and inverse deviations (N, groups)."""
    count, channels, height, width = images.shape
    return torch.ops.aten.native_group_norm(
        images, weight, bias, count, channels, height * width, norm.num_groups, norm.eps
    )


def _native_gradient(
    grad: Tensor, images: Tensor, weight: Tensor, mean: Tensor, rstd: Tensor, groups: int
) -> Tensor:
    count, channels, height, width = images.shape
    gradient, _, _ = torch.ops.aten.native_group_norm_backward(
        grad.contiguous(memory_format=_memory_format(images)), images, mean, rstd, weight,
        count, channels, height * width, groups, (True, False, False),
    )  # fmt: skip
    return gradient


def _memory_format(images: Tensor) -> torch.memory_format:
    contiguous = images.is_contiguous()
    return torch.contiguous_format if contiguous else torch.channels_last
