"""Layers that Open-Edit's models share. Frozen ones save little for the gradient."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.models.frozen_layers import frozen_conv2d


def conv2d(images: Tensor, conv: nn.Conv2d) -> Tensor:
    """Apply a convolution, frozen or in training, to `images` (N, C, H, W)."""
    return conv(images) if conv.weight.requires_grad else frozen_conv2d(images, conv)


def conv_relu(images: Tensor, conv: nn.Conv2d) -> Tensor:
    """Apply a convolution and a ReLU to `images` (N, C, H, W)."""
    return F.relu(conv2d(images, conv), inplace=True)


def normalize(images: Tensor, norm: nn.BatchNorm2d) -> Tensor:
    """Apply a batch normalization to `images` (N, C, H, W), outside training in their precision.

    The stored statistics are constants, so that the gradient needs nothing of the images; torch's
    layer would keep them.
    """
    if norm.training:
        return norm(images)
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None and variance is not None
    scale = torch.rsqrt(variance + norm.eps)
    scale = scale if norm.weight is None else scale * norm.weight
    shift = -mean * scale
    shift = shift if norm.bias is None else shift + norm.bias
    scale, shift = (each.view(1, -1, 1, 1).to(images.dtype) for each in (scale, shift))
    return images * scale + shift
