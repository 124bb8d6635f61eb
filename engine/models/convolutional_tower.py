"""A convolutional image tower for CLIP, small enough to train on a CPU.

Where a ViT sees patches, it sees pixels: what it learns of an outline at one place holds at all.
Each scale has two shares in the embedding, so a prompt reaches fine details of the picture's
gradient directly. One is of the features' means and tells what is there, the other of a few
features in every cell and tells where.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ConvolutionalTower(nn.Module):
    """Embed pictures (N, 3, S, S) as vectors (N, D).

    Args:
        image_size: Side S in pixels.
        patch: Number of pixels per cell of the first scale along each axis, a power of two; cells
            of each further scale are twice as wide.
        widths: Number of channels of each scale.
        blocks: Number of residual blocks of each scale.
        placed: Number of features of each scale whose place counts.
        embed_dim: Number of dimensions D.
    """

    def __init__(
        self,
        image_size: int,
        patch: int,
        widths: Sequence[int],
        blocks: Sequence[int],
        placed: Sequence[int],
        embed_dim: int,
    ) -> None:
        super().__init__()
        self.image_size = image_size
        halvings = patch.bit_length() - 1
        early = (3, *(widths[0] >> number for number in range(halvings - 1, -1, -1)))
        stem: list[nn.Module] = []
        for before, after in pairwise(early):
            stem += [nn.Conv2d(before, after, 4, 2, 1), nn.SiLU()]
        self.shrinkers = nn.ModuleList([nn.Sequential(*stem[:-1])])
        self.shrinkers += [nn.Conv2d(before, after, 4, 2, 1) for before, after in pairwise(widths)]
        self.stages = nn.ModuleList(
            nn.Sequential(*(_Block(width) for _ in range(count)))
            for width, count in zip(widths, blocks, strict=True)
        )
        sides = [image_size // patch >> scale for scale in range(len(widths))]
        self.heads = nn.ModuleList(
            _Head(width, count, side, embed_dim)
            for width, count, side in zip(widths, placed, sides, strict=True)
        )

    def forward(self, images: Tensor) -> Tensor:
        """Embed pictures (N, 3, S, S)."""
        features, total = images, torch.zeros((), device=images.device)
        for shrink, stage, head in zip(self.shrinkers, self.stages, self.heads, strict=True):
            features = stage(shrink(features))
            total = total + head(features)
        return total


class _Block(nn.Module):
    """A residual block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(1, width)
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.scale = nn.Parameter(torch.full((width, 1, 1), 0.3))

    def forward(self, features: Tensor) -> Tensor:
        return features + self.scale * self.second(F.silu(self.first(self.norm(features))))


class _Head(nn.Module):
    """The share of a scale's features (N, C, side, side) in the embedding (N, D)."""

    def __init__(self, width: int, placed: int, side: int, embed_dim: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(1, width)
        self.widen = nn.Conv2d(width, 2 * width, 1)
        self.narrow = nn.Conv2d(width, placed, 1)
        self.project = _projection(2 * width, embed_dim)
        self.project_placed = _projection(placed * side**2, embed_dim)

    def forward(self, features: Tensor) -> Tensor:
        normal = self.norm(features)
        means = F.silu(self.widen(normal)).mean((2, 3))
        return self.project(means) + self.project_placed(F.silu(self.narrow(normal)).flatten(1))


def _projection(count: int, embed_dim: int) -> nn.Linear:
    projection = nn.Linear(count, embed_dim, bias=False)
    nn.init.normal_(projection.weight, std=count**-0.5)
    return projection
