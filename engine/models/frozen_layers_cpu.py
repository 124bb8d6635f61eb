"""Variants of frozen layers that are faster on a CPU than torch's."""

import torch
from torch import Tensor

EXPLICIT_ATTENTION_BYTES = 2**26
"""Maximum size of the score matrices that explicit attention holds in memory."""
LARGE_IMAGES = 2**19
"""Number of values in images from which `group_norm_gradient` is faster than torch's gradient."""


def is_explicit_attention_faster(query: Tensor, key: Tensor) -> bool:
    """Return True for small matrices in bfloat16 on a CPU.

    There the gradient of torch's attention takes up to five times as long as that of the formula.
    """
    size = query.shape[:-1].numel() * key.shape[-2] * query.element_size()
    is_bf16 = query.dtype == torch.bfloat16
    return query.is_cpu and is_bf16 and size <= EXPLICIT_ATTENTION_BYTES


def explicit_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Compute scaled dot-product attention over (N, heads, L, D) by its formula."""
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
    return scores.softmax(-1) @ value


def is_native_gradient_slow(images: Tensor) -> bool:
    """Return True if torch's gradient of a group norm is slow: large, channels last, on a CPU."""
    return images.is_cpu and not images.is_contiguous() and images.numel() >= LARGE_IMAGES


def group_norm_gradient(
    grad: Tensor, images: Tensor, weight: Tensor, mean: Tensor, rstd: Tensor, groups: int
) -> Tensor:
    """Return the gradient (N, C, H, W) of a group normalization with respect to `images`.

    With x' = (x - mean) rstd and g = grad * weight, the gradient is
    rstd (g - mean(g) - x' mean(g x')) with means over a group. It is computed from sums over pixels
    and two weighted sums of images.
    """
    count, channels = images.shape[:2]
    per_group = images[0].numel() // groups
    weight, mean, rstd = weight.float(), mean.float(), rstd.float()

    def pixel_sums(values: Tensor) -> Tensor:
        """Sum over pixels to (N, groups, channels per group); a matrix product is fastest."""
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
        """Expand a value per group, or per channel of each group, to (N, C, 1, 1)."""
        each = values.view(count, groups, -1).expand(count, groups, channels // groups)
        return each.reshape(count, channels, 1, 1).to(grad.dtype)

    by_grad = spread(rstd[:, :, None] * weights)
    gradient = torch.addcmul(spread(constant), images, spread(by_image))
    return gradient.addcmul_(grad, by_grad)
