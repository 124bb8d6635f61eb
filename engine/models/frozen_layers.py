"""Layers of frozen models: as torch's, but keeping for the gradient only what it needs.

Weights in service never learn, so a gradient is only ever asked for with respect to activations
(paper, Section 2). Torch keeps the input of every convolution and several intermediate results of
every nonlinearity for a gradient of weights that nobody wants. Here a convolution keeps nothing but
its weights, and a normalisation with its nonlinearity only what went into it.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EXPLICIT_ATTENTION_BYTES = 2**26
"""Up to this size the matrices of an attention are held on a CPU, see `attend`."""
LARGE_IMAGES = 2**19
"""Values of images from which on the gradient of their normalisation is taken step by step."""
QUICK = 1.702
"""OpenAI's approximation of GELU is x * sigmoid(1.702 x)."""


def attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Scaled dot-product attention over (N, heads, L, D).

    On a CPU in bfloat16 the gradient of torch's own takes up to five times as long as that of the
    plain formula, which is therefore taken as long as its matrices are small.
    """
    matrices = query.shape[:-1].numel() * key.shape[-2] * query.element_size()
    halves = query.dtype == torch.bfloat16
    if query.is_cpu and halves and matrices <= EXPLICIT_ATTENTION_BYTES:
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
        return scores.softmax(-1) @ value
    return F.scaled_dot_product_attention(query, key, value)


def frozen_conv2d(images: Tensor, conv: nn.Conv2d) -> Tensor:
    """What `conv`, whose weights are frozen, makes of `images` (N, C, H, W)."""
    return cast(Tensor, _Convolution.apply(images, conv.weight, conv.bias, conv))


def group_norm_silu(images: Tensor, norm: nn.GroupNorm) -> Tensor:
    """Group normalisation and swish, x * sigmoid(x), of `images` (N, C, H, W)."""
    return cast(Tensor, _NormalisedSwish.apply(images, norm.weight, norm.bias, norm))


def cast_frozen(module: nn.Module, dtype: torch.dtype) -> None:
    """Have `module` compute in `dtype`, but the statistics of its normalisations in float32.

    On a CPU these have the precision of the normalisation's weights; elsewhere they always have 32
    bits, and all but batch normalisations want weights of the precision of what they normalise.
    """
    for each in module.modules():
        if isinstance(each, nn.modules.batchnorm._BatchNorm):
            continue
        normalises = isinstance(each, nn.GroupNorm | nn.LayerNorm)
        for name, values in list(each.named_parameters(recurse=False)):
            if not (normalises and values.is_cpu):
                setattr(each, name, nn.Parameter(values.to(dtype), requires_grad=False))


class QuickGELU(nn.Module):
    """OpenAI's approximation of GELU; keeps its input only."""

    def forward(self, values: Tensor) -> Tensor:
        """Apply it to each of `values`."""
        return cast(Tensor, _QuickGELU.apply(values))


class SelfAttention(nn.Module):
    """`nn.MultiheadAttention` of a sequence (N, L, C) with itself, from the same weights.

    Torch's own turns sequences so that neighbours lie far apart in memory, and copies them, which
    on a CPU takes longer than all its matrix products.
    """

    def __init__(self, attention: nn.MultiheadAttention) -> None:
        super().__init__()
        assert attention.batch_first
        self.in_proj_weight = attention.in_proj_weight
        self.in_proj_bias = attention.in_proj_bias
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
        """As `nn.MultiheadAttention`, where key and value are the query and nothing is masked."""
        assert key is query and value is query and not need_weights and attn_mask is None
        projected = F.linear(query, self.in_proj_weight, self.in_proj_bias)
        heads = projected.unflatten(-1, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        attended = attention(heads[0], heads[1], heads[2])
        return self.out_proj(attended.transpose(1, 2).flatten(2)), None


class PatchEmbedding(nn.Module):
    """A convolution whose stride is its kernel's size, as the matrix product that it is.

    The gradient of such a convolution is slow on a CPU.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.kernel_size = conv.kernel_size
        self.weight = nn.Parameter(conv.weight.flatten(1), requires_grad=False)
        self.bias = conv.bias

    @staticmethod
    def fits(module: nn.Module) -> bool:
        """Say whether `module` is such a convolution."""
        if not isinstance(module, nn.Conv2d) or module.groups != 1:
            return False
        plain = module.padding == (0, 0) and module.dilation == (1, 1)
        return plain and module.kernel_size == module.stride != (1, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Map `images` (N, 3, H, W) to (N, C, H / side, W / side)."""
        height, width = self.kernel_size
        rows, columns = images.shape[2] // height, images.shape[3] // width
        whole = images[..., : rows * height, : columns * width]
        patches = whole.unflatten(3, (columns, width)).unflatten(2, (rows, height))
        patches = patches.permute(0, 2, 4, 1, 3, 5).flatten(3)
        return F.linear(patches, self.weight, self.bias).permute(0, 3, 1, 2)


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, images: Tensor, weight: Tensor, bias: Tensor | None, conv: nn.Conv2d
    ) -> Tensor:
        ctx.conv, ctx.shape = conv, images.shape
        ctx.save_for_backward(weight)
        return F.conv2d(
            images, weight, bias, conv.stride, cast(Any, conv.padding), conv.dilation, conv.groups
        )

    @staticmethod
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, grad: Tensor
    ) -> tuple[Tensor | None, ...]:
        conv, (weight,) = ctx.conv, ctx.saved_tensors
        like = grad.new_empty(1).expand(ctx.shape)  # only its shape counts
        gradient, _, _ = torch.ops.aten.convolution_backward(
            grad, like, weight, None, conv.stride, conv.padding, conv.dilation, False, (0, 0),
            conv.groups, (True, False, False),
        )  # fmt: skip
        return gradient, None, None, None


class _NormalisedSwish(torch.autograd.Function):
    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, images: Tensor, weight: Tensor, bias: Tensor, norm: nn.GroupNorm
    ) -> Tensor:
        normal, mean, rstd = _normalise(images, weight, bias, norm)
        ctx.norm = norm
        ctx.save_for_backward(images, weight, bias, mean, rstd)
        return F.silu(normal, inplace=True)

    @staticmethod
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, grad: Tensor
    ) -> tuple[Tensor | None, ...]:
        images, weight, bias, mean, rstd = ctx.saved_tensors
        normal, _, _ = _normalise(images, weight, bias, ctx.norm)
        grad = torch.ops.aten.silu_backward(grad, normal)
        del normal
        backward = _channels_last_gradient if _is_slow(images) else _native_gradient
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


def _normalise(
    images: Tensor, weight: Tensor, bias: Tensor, norm: nn.GroupNorm
) -> tuple[Tensor, Tensor, Tensor]:
    """The normalised images, and the groups' means and inverse deviations (N, groups)."""
    count, channels, height, width = images.shape
    return torch.ops.aten.native_group_norm(
        images, weight, bias, count, channels, height * width, norm.num_groups, norm.eps
    )


def _is_slow(images: Tensor) -> bool:
    """Whether torch's own gradient of a group normalisation is: on a CPU, with channels last."""
    return images.is_cpu and not images.is_contiguous() and images.numel() >= LARGE_IMAGES


def _native_gradient(
    grad: Tensor, images: Tensor, weight: Tensor, mean: Tensor, rstd: Tensor, groups: int
) -> Tensor:
    count, channels, height, width = images.shape
    gradient, _, _ = torch.ops.aten.native_group_norm_backward(
        grad.contiguous(memory_format=_memory_format(images)), images, mean, rstd, weight,
        count, channels, height * width, groups, (True, False, False),
    )  # fmt: skip
    return gradient


def _channels_last_gradient(
    grad: Tensor, images: Tensor, weight: Tensor, mean: Tensor, rstd: Tensor, groups: int
) -> Tensor:
    """The gradient of a group normalisation, as sums over pixels and two weighted sums of images.

    With x' = (x - mean) rstd and g = grad * weight it is
    rstd (g - mean(g) - x' mean(g x')), the means being over a group.
    """
    count, channels = images.shape[:2]
    per_group = images[0].numel() // groups
    weight, mean, rstd = weight.float(), mean.float(), rstd.float()

    def pixel_sums(values: Tensor) -> Tensor:
        """Sums over pixels as (N, groups, channels of each); a product is the fastest way."""
        flat = values.permute(0, 2, 3, 1).flatten(1, 2)
        ones = flat.new_ones(1, 1, 1).expand(count, 1, flat.shape[1])
        return torch.bmm(ones, flat).view(count, groups, -1).float()

    weights = weight.view(1, groups, -1)
    first = (pixel_sums(grad) * weights).sum(-1)
    second = (pixel_sums(grad * images) * weights).sum(-1)
    slope = rstd * (second - mean * first) / per_group  # mean(g x')
    by_image = -slope * rstd.square()
    constant = -rstd * first / per_group - by_image * mean

    def spread(values: Tensor) -> Tensor:
        """A value for each group, or each channel of it, as (N, C, 1, 1)."""
        each = values.view(count, groups, -1).expand(count, groups, channels // groups)
        return each.reshape(count, channels, 1, 1).to(grad.dtype)

    by_grad = spread(rstd[:, :, None] * weights)
    gradient = torch.addcmul(spread(constant), images, spread(by_image))
    return gradient.addcmul_(grad, by_grad)


def _memory_format(images: Tensor) -> torch.memory_format:
    contiguous = images.is_contiguous()
    return torch.contiguous_format if contiguous else torch.channels_last
