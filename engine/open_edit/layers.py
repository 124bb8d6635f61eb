"""Layers that Open-Edit's frozen models share, and that save little for the gradient."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.models.frozen_layers import frozen_conv2d


def conv_relu(images: Tensor, conv: nn.Conv2d) -> Tensor:
    """Apply a frozen convolution and a ReLU to `images` (N, C, H, W)."""
    return F.relu(frozen_conv2d(images, conv), inplace=True)


def normalize(images: Tensor, norm: nn.BatchNorm2d) -> Tensor:
    """Apply a batch normalization with its stored statistics to `images` (N, C, H, W).

    They are constants, so that the gradient needs nothing of the images; torch's layer keeps them.
    """
    scale, shift = affine(norm)
    return images * scale.to(images.dtype) + shift.to(images.dtype)


def affine(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Return factor and summand (1, C, 1, 1) that a normalization comes to, in float32."""
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None and variance is not None
    scale = torch.rsqrt(variance + norm.eps)
    scale = scale if norm.weight is None else scale * norm.weight
    shift = -mean * scale
    shift = shift if norm.bias is None else shift + norm.bias
    return scale.view(1, -1, 1, 1), shift.view(1, -1, 1, 1)
