"""The decoder: from cells of the joint embedding and edges to a picture.

Its blocks are those of SPADE (Park et al., 2019): residual blocks whose normalizations are
modulated by the edges. Spectral norm, which training needs, is part of the weights here. The names
are those of the published checkpoint.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.models.frozen_layers import cast_frozen
from engine.open_edit.configs import DecoderConfig
from engine.open_edit.layers import conv2d, conv_relu, normalize

SLOPE = 0.2
"""Slope of the leaky ReLUs below zero."""


class Modulation(nn.Module):
    """SPADE: a batch normalization whose factor and summand per pixel depend on the edges."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.param_free_norm = nn.BatchNorm2d(channels, affine=False)
        self.mlp_shared = nn.Sequential(nn.Conv2d(1, hidden, 3, padding=1), nn.ReLU())
        self.mlp_gamma = nn.Conv2d(hidden, channels, 3, padding=1)
        self.mlp_beta = nn.Conv2d(hidden, channels, 3, padding=1)

    def forward(self, images: Tensor, edges: Tensor) -> Tensor:
        """Modulate `images` (N, channels, H, W) by `edges` (N, 1, H', W'), in float32.

        The edges are resized by nearest neighbours.
        """
        shared = self.mlp_shared[0]
        assert isinstance(shared, nn.Conv2d)
        resized = F.interpolate(edges, size=images.shape[2:], mode="nearest")
        actions = conv_relu(resized.to(shared.weight.dtype), shared)
        gamma = conv2d(actions, self.mlp_gamma)
        beta = conv2d(actions, self.mlp_beta)
        return normalize(images.float(), self.param_free_norm) * (1 + gamma) + beta


class Block(nn.Module):
    """SPADE's residual block."""

    def __init__(self, before: int, after: int, hidden: int) -> None:
        super().__init__()
        middle = min(before, after)
        self.conv_0 = nn.Conv2d(before, middle, 3, padding=1)
        self.conv_1 = nn.Conv2d(middle, after, 3, padding=1)
        self.norm_0 = Modulation(before, hidden)
        self.norm_1 = Modulation(middle, hidden)
        self.conv_s = self.norm_s = None
        if before != after:
            self.conv_s = nn.Conv2d(before, after, 1, bias=False)
            self.norm_s = Modulation(before, hidden)

    def forward(self, images: Tensor, edges: Tensor) -> Tensor:
        """Map `images` (N, before, H, W) to (N, after, H, W)."""
        dtype = self.conv_0.weight.dtype
        hidden = images
        for norm, conv in ((self.norm_0, self.conv_0), (self.norm_1, self.conv_1)):
            active = F.leaky_relu(norm(hidden, edges), SLOPE)
            hidden = conv2d(active.to(dtype), conv)
        if self.conv_s is not None and self.norm_s is not None:
            images = conv2d(self.norm_s(images, edges).to(dtype), self.conv_s)
        return images + hidden


class Decoder(nn.Module):
    """From cells (N, 16 width, H, W) to pictures (N, 3, 32 H, 32 W)."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        width, hidden = config.width, config.hidden
        self.head_0 = Block(16 * width, 16 * width, hidden)
        self.G_middle_0 = Block(16 * width, 16 * width, hidden)
        self.G_middle_1 = Block(16 * width, 16 * width, hidden)
        self.up_0 = Block(16 * width, 8 * width, hidden)
        self.up_1 = Block(8 * width, 4 * width, hidden)
        self.up_2 = Block(4 * width, 2 * width, hidden)
        self.up_3 = Block(2 * width, width, hidden)
        self.conv_img = nn.Conv2d(width, 3, 3, padding=1)

    def map_shapes(self) -> dict[str, tuple[int, int, int, int]]:
        """Return the shape of each map that fits the decoder to a picture, by its name."""
        width, cells = self.config.width, self.config.cells
        return {
            "param1": (1, 16 * width, 2 * cells, 2 * cells),
            "param2": (1, 8 * width, 4 * cells, 4 * cells),
            "param3": (1, 4 * width, 8 * cells, 8 * cells),
        }

    def forward(self, cells: Tensor, edges: Tensor, maps: Mapping[str, Tensor]) -> Tensor:
        """Decode `cells` with the `edges` of a picture (N, 1, 32 H, 32 W) to [0, 1].

        The `maps` are added to the results of the second, fourth and fifth block.
        """
        hidden = _double(self.head_0(cells, edges))
        hidden = self.G_middle_0(hidden, edges) + maps["param1"]
        hidden = _double(self.G_middle_1(hidden, edges))
        hidden = _double(self.up_0(hidden, edges) + maps["param2"])
        hidden = _double(self.up_1(hidden, edges) + maps["param3"])
        hidden = _double(self.up_2(hidden, edges))
        hidden = F.leaky_relu(self.up_3(hidden, edges), SLOPE)
        picture = conv2d(hidden.to(self.conv_img.weight.dtype), self.conv_img)
        return (picture.float().tanh() + 1) / 2

    def freeze_for_inference(self, dtype: torch.dtype) -> None:
        """Freeze all weights, and let convolutions compute in `dtype`."""
        self.eval().requires_grad_(False)
        cast_frozen(self, dtype)


def _double(images: Tensor) -> Tensor:
    return F.interpolate(images, scale_factor=2.0, mode="nearest")
