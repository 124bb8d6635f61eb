"""The camera of a film: where it is at each frame, and what it sees of the frame before.

Coordinates are those of `torch.nn.functional.grid_sample`: x and y run from -1 to 1 across the
picture. A pose is a matrix (3, 3) from what the camera sees to the world, which is what it sees at
the first frame. All poses are computed in float64 by Python and numpy, so they are the same on
every device.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from engine.recipes.film import Film

Matrix = NDArray[np.float64]

_ZOOM, _PAN, _TURN = 0.02, 0.02, math.radians(1.0)
"""Motion of one frame at the speed 1: the share by which things grow, the distance in half widths
of the picture, and the angle."""
_DRIFT = {"x": 0.12, "y": 0.12, "angle": 0.08, "zoom": 0.12}
"""Largest deviations of a drift at the speed 1, in half sides, radians, and powers of e."""
_DRIFT_PERIODS = (47.0, 83.0, 131.0)
"""Frames of the waves that a drift is the sum of: primes, so that it repeats late."""
_SWAY, _SWAY_PERIOD = 0.08, 48
"""Largest shift of the nearest parts at the speed 1, in half widths, and the frames of a sway."""
_NEAR_BLUR = 8
"""The longer side of a picture in units of the blur of its depth."""


def pose(film: Film, seed: int, aspect: float, frame: float) -> Matrix:
    """Return the camera's pose (3, 3) at a frame, from 0; the frames between two have fractions.

    Args:
        film: The film.
        seed: Seed of the recipe, which decides the path of a drift.
        aspect: Width / height of the picture.
        frame: Number of the frame.
    """
    speed = film.speed
    travelled = _there_and_back(film.frames, frame) if film.loop else frame
    match film.camera:
        case "zoom":
            return _scaled(math.exp(-_ZOOM * speed * travelled))
        case "pan":
            return _shifted(_PAN * speed * travelled, 0.0)
        case "turn":
            return _turned(_TURN * speed * travelled, aspect)
        case "drift":
            x, y, angle, zoom = (speed * each for each in _drift(film, seed, frame))
            return _shifted(x, y) @ _turned(angle, aspect) @ _scaled(math.exp(zoom))
        case "still" | "depth":
            return np.eye(3)


def sway(film: Film, frame: float) -> float:
    """Return how far to the right of its place a swaying camera is at a frame, in half widths."""
    if film.camera != "depth":
        return 0.0
    waves = frame / _SWAY_PERIOD
    if film.loop:
        waves = max(1, round(film.frames / _SWAY_PERIOD)) * frame / film.frames
    return _SWAY * film.speed * math.sin(2 * math.pi * waves)


def moved(picture: Tensor, film: Film, seed: int, before: float, after: float) -> Tensor:
    """Return what the camera sees at frame `after` of a `picture` (1, 3, H, W) of frame `before`.

    What comes into view from outside the picture is its mirror image.
    """
    height, width = picture.shape[-2:]
    aspect = width / height
    first, second = (pose(film, seed, aspect, each) for each in (before, after))
    motion = torch.from_numpy(np.linalg.inv(first) @ second)[:2].to(picture)
    grid = F.affine_grid(motion[None], list(picture.shape), align_corners=False)
    if shift := sway(film, after) - sway(film, before):
        grid[..., 0] += shift * nearness(picture)[:, 0]
    seen = F.grid_sample(
        picture, grid, mode="bicubic", padding_mode="reflection", align_corners=False
    )
    return seen.clamp(0, 1)


def nearness(picture: Tensor) -> Tensor:
    """Guess how near the parts of a picture (1, 3, H, W) are: (1, 1, H, W), from 0 to 1.

    What differs from the picture's border, which mostly shows the background, counts as near. The
    blur keeps outlines whole when their surroundings move less.
    """
    border = torch.cat([picture[..., :1].flatten(2), picture[..., -1:].flatten(2)], dim=2)
    background = border.median(dim=2).values[..., None, None]  # (1, 3, 1, 1)
    distance = (picture - background).square().sum(1, keepdim=True).sqrt()
    size = 2 * (max(picture.shape[-2:]) // (2 * _NEAR_BLUR)) + 1
    padded = F.pad(distance, [size // 2] * 4, mode="replicate")
    blurred = F.avg_pool2d(padded, size, stride=1)
    return blurred / blurred.amax().clamp(min=1e-3)


def _there_and_back(frames: int, frame: float) -> float:
    """Return how far a camera has come that begins and ends at rest in the same place.

    It is never faster than a frame per frame.
    """
    return frames / (2 * math.pi) * (1 - math.cos(2 * math.pi * frame / frames))


def _drift(film: Film, seed: int, frame: float) -> list[float]:
    """Return x, y, angle and zoom of a drift, which begins at 0."""
    random = np.random.default_rng([seed, 1])
    values: list[float] = []
    for largest in _DRIFT.values():
        value = 0.0
        for period in _DRIFT_PERIODS:
            phase, share = random.uniform(0, 2 * math.pi), random.uniform(0.5, 1)
            waves = frame / period
            if film.loop:
                waves = max(1, round(film.frames / period)) * frame / film.frames
            value += share * (math.sin(2 * math.pi * waves + phase) - math.sin(phase))
        values.append(largest * value / len(_DRIFT_PERIODS))
    return values


def _scaled(factor: float) -> Matrix:
    return np.diag([factor, factor, 1.0])


def _shifted(x: float, y: float) -> Matrix:
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]])


def _turned(angle: float, aspect: float) -> Matrix:
    """Return a turn that keeps shapes on a picture of this width / height."""
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.array([[cosine, -sine / aspect, 0.0], [sine * aspect, cosine, 0.0], [0.0, 0.0, 1.0]])
