"""The perceptual distance of two pictures: features of VGG-19, as in pix2pixHD (Wang et al., 2018).

Features are taken after the first ReLU of each of the five stages. Coarse ones count more.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.models.frozen_layers import cast_frozen
from engine.open_edit.configs import PerceptualConfig
from engine.open_edit.layers import conv_relu

WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
"""Weight of each stage's distance."""
CONVS = (2, 2, 4, 4, 1)
"""Number of convolutions of each stage; the last stage ends with its first one."""


class PerceptualFeatures(nn.Module):
    """VGG-19 up to the first ReLU of the fifth stage, under torchvision's names."""

    def __init__(self, config: PerceptualConfig) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width, convs in zip(config.channels, CONVS, strict=True):
            if layers:
                layers.append(nn.MaxPool2d(2))
            for _ in range(convs):
                layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
                before = width
        self.features = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the features of `images` (N, 3, H, W) in [0, 1], from fine to coarse.

        They are compared as pictures in [-1, 1], which is not how VGG-19 was trained, but how
        pix2pixHD uses it.
        """
        first = self.features[0]
        assert isinstance(first, nn.Conv2d)
        hidden = (images * 2 - 1).to(first.weight.dtype)
        found: list[Tensor] = []
        is_first = True
        for layer in self.features:
            if isinstance(layer, nn.Conv2d):
                hidden = conv_relu(hidden, layer)
                if is_first:
                    found.append(hidden)
                is_first = False
            elif isinstance(layer, nn.MaxPool2d):
                hidden = F.max_pool2d(hidden, 2)
                is_first = True
        return found

    def freeze_for_inference(self, dtype: torch.dtype) -> None:
        """Freeze all weights, and compute in `dtype`."""
        self.eval().requires_grad_(False)
        cast_frozen(self, dtype)


def perceptual_distance(features: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
    """Return the weighted sum of mean absolute differences, a scalar in float32."""
    distances = [
        weight * (ours.float() - theirs.float()).abs().mean()
        for weight, ours, theirs in zip(WEIGHTS, features, targets, strict=True)
    ]
    return torch.stack(distances).sum()
