"""Clips for the tests, drawn in the world of the demo models."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from engine.demo.world import COLORS, SHAPES, SIDE, Scenes, render
from engine.images.stored_clip import write_clip
from engine.models.tensors import to_picture

RATE = 24


def moving_disk(count: int, *, step: float = 0.012, color: str = "red") -> Tensor:
    """Return frames (count, 3, 64, 64) of a disk that goes to the right over a textured blue."""
    zeros = torch.zeros(count, 2)
    x = 0.38 + step * torch.arange(count)
    scenes = Scenes(
        shape=torch.tensor([SHAPES.index("circle"), -1]).expand(count, 2),
        color=torch.tensor([COLORS.index(color), -1]).expand(count, 2),
        background=torch.full((count,), COLORS.index("blue")),
        center=torch.stack([x, torch.full_like(x, 0.5)], dim=1)[:, None].repeat(1, 2, 1),
        radius=torch.tensor([0.24, 0.0]).expand(count, 2),
        angle=zeros,
        tint=torch.zeros(count, 3, 3),
        gradient=zeros,
    )
    line = torch.arange(SIDE) / SIDE * 2 * math.pi
    texture = 0.03 * torch.sin(5 * line)[:, None] * torch.sin(4 * line)[None]
    return (render(scenes) + texture).clamp(0, 1)


def stored(frames: Tensor | Sequence[Tensor], rate: int = RATE) -> bytes:
    """Return frames (3, H, W) each as a stored clip."""
    return write_clip(map(to_picture, frames), rate, 10, None)[0]
