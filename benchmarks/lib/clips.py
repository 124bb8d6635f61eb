"""Clips drawn in the world of the demo models: an object that goes around, turns and grows."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.demo.world import COLORS, SHAPES, SIDE, Scenes, render, sample_single_scenes

RATE = 24
_TEXTURE_SIDE = 16


@dataclass(frozen=True)
class DrawnClip:
    """A clip, and what it shows."""

    frames: Tensor
    """Frames (T, 3, 64, 64) in [0, 1], `RATE` a second."""
    color: str
    shape: str
    background: str


def drawn_clip(seed: int, count: int, *, noise: float = 0.01, texture: float = 0.05) -> DrawnClip:
    """Draw a clip of `count` frames.

    Args:
        seed: Seed of the scene, of the object's path, of the texture and of the noise.
        count: Number of frames.
        noise: Standard deviation of the noise, another one in each frame.
        texture: Half the range of the texture's levels; it lies still over the whole picture.
    """
    random = torch.Generator().manual_seed(seed)
    scene = sample_single_scenes(1, random)
    time = torch.arange(count) / RATE
    phases = 2 * math.pi * torch.rand(4, generator=random)

    def wave(hertz: float, phase: Tensor) -> Tensor:
        return torch.sin(2 * math.pi * hertz * time + phase)

    scenes = Scenes(
        **{name: each.repeat_interleave(count, 0) for name, each in vars(scene).items()}
    )
    scenes.center[:, 0, 0] = 0.5 + 0.16 * wave(0.5, phases[0])
    scenes.center[:, 0, 1] = 0.5 + 0.12 * wave(0.37, phases[1])
    scenes.radius[:, 0] = 0.24 + 0.06 * wave(0.4, phases[2])
    scenes.angle[:, 0] = 0.6 * wave(0.3, phases[3])
    coarse = torch.rand(1, 1, _TEXTURE_SIDE, _TEXTURE_SIDE, generator=random) * 2 - 1
    pattern = F.interpolate(coarse, (SIDE, SIDE), mode="bicubic")
    frames = render(scenes) + texture * pattern
    frames = frames + noise * torch.randn(frames.shape, generator=random)
    main = int(scene.color[0, 0]), int(scene.shape[0, 0]), int(scene.background[0])
    return DrawnClip(frames.clamp(0, 1), COLORS[main[0]], SHAPES[main[1]], COLORS[main[2]])
