"""The random part of cutouts: where each is taken, how its colors change, and its noise (2.3).

All random numbers of a step's cutouts are drawn first, uniform ones in one call and normal ones in
another, and everything else follows from them without further chance. So the rest is one graph for
a compiler, and cutouts can be taken a few at a time, and again.

Coordinates are normalised: (-1, -1) is the outer corner of the top left pixel, (1, 1) that of the
bottom right one, for every size in pixels (`align_corners=False`).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

from engine.images.tiling import Tile, wraps_of
from engine.recipes.augmentations import Augmentations

YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))
"""Matrix from RGB to YIQ (NTSC), where a change of hue is a rotation of the I-Q plane."""

CORNERS = ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0))
"""Corners of a cutout, clockwise from the top left one."""

ACROSS = 0.25
"""Share of a view of a tile that can lie beyond an edge that wraps. With views that lie anywhere,
single objects were seen cut in two, and half as many of them became what was asked for."""

_CROP, _AFFINE, _PERSPECTIVE, _FLIP, _COLOR, _NOISE = 3, 4, 9, 1, 4, 1
"""Uniform numbers that each augmentation of a cutout takes, its choice by probability included."""


class Constants(NamedTuple):
    """Matrices that never change, on a device."""

    to_yiq: Tensor
    """`YIQ`, (3, 3)."""
    to_rgb: Tensor
    """Its inverse, (3, 3)."""
    corners: Tensor
    """`CORNERS`, (4, 2)."""
    mirror: Tensor
    """Matrix (3, 3) that swaps left and right."""


@cache
def constants_on(device: torch.device) -> Constants:
    """Return the constants on a device, where they are copied once.

    Each copy makes the program wait for a GPU. A compiler takes them as inputs of its graph.
    """
    to_yiq = torch.tensor(YIQ, device=device)
    to_rgb = torch.linalg.inv_ex(to_yiq).inverse
    mirror = torch.diag(torch.tensor((-1.0, 1.0, 1.0), device=device))
    return Constants(to_yiq, to_rgb, torch.tensor(CORNERS, device=device), mirror)


@dataclass(frozen=True)
class Draws:
    """The random numbers of N cutouts, with the constants that go with them."""

    count: int
    """The number N of cutouts."""
    uniform: Tensor
    """Numbers in [0, 1), (K * N,), in the order in which the augmentations take them."""
    normal: Tensor | None
    """Standard normal numbers (N, 3, S, S); None for cutouts without noise."""
    constants: Constants
    """Constants on the same device."""


@dataclass(frozen=True)
class Views:
    """How N cutouts are taken."""

    matrices: Tensor
    """Maps (N, 3, 3) from a cutout's normalised coordinates to the picture's."""
    colors: Tensor | None
    """Matrices (N, 3, 3) on RGB; None if colors stay."""
    noise: Tensor | None
    """Noise (N, 3, S, S) that is added; None for cutouts without noise."""

    def split(self, count: int) -> Iterator["Views"]:
        """Yield `count` views at a time; of the last ones maybe fewer."""
        for start in range(0, len(self.matrices), count):
            part = slice(start, start + count)
            yield Views(
                self.matrices[part],
                None if self.colors is None else self.colors[part],
                None if self.noise is None else self.noise[part],
            )


def draw(count: int, size: int, augmentations: Augmentations, rng: torch.Generator) -> Draws:
    """Draw all random numbers of `count` cutouts of `size` pixels a side, on the device of `rng`.

    For the CPU's generator, one call gives the same numbers as several with as many in sum, so that
    recipes of versions that drew them one by one keep their pictures.
    """
    share = _geometry_share(augmentations)
    share += _COLOR if augmentations.jitter > 0 else 0
    share += _NOISE if augmentations.noise > 0 else 0
    uniform = torch.rand(share * count, generator=rng, device=rng.device)
    normal = None
    if augmentations.noise > 0:
        normal = torch.randn((count, 3, size, size), generator=rng, device=rng.device)
    return Draws(count, uniform, normal, constants_on(rng.device))


def make_views(
    draws: Draws, aspect: float, augmentations: Augmentations, tile: Tile = "none"
) -> Views:
    """Return the views that follow from random numbers; `aspect` is the picture's width / height.

    Those of a `tile` can lie across its edges. Noise is not clamped, since a clamp would stop the
    gradient of saturated pixels.
    """
    uniform = _Uniform(draws.uniform, draws.constants)
    matrices = _geometry(draws.count, aspect, augmentations, uniform, tile)
    colors = noise = None
    if augmentations.jitter > 0:
        colors = _color_matrices(draws.count, augmentations, uniform)
    if draws.normal is not None:
        noise = augmentations.noise * uniform.take(draws.count, 1, 1, 1) * draws.normal
    return Views(matrices, colors, noise)


def geometry(
    count: int,
    aspect: float,
    augmentations: Augmentations,
    rng: torch.Generator,
    tile: Tile = "none",
) -> Tensor:
    """Draw matrices (count, 3, 3) from a cutout's normalised coordinates to the picture's.

    `aspect` is width / height; a crop is square in pixels.
    """
    share = _geometry_share(augmentations)
    uniform = torch.rand(share * count, generator=rng, device=rng.device)
    numbers = _Uniform(uniform, constants_on(rng.device))
    return _geometry(count, aspect, augmentations, numbers, tile)


def color_matrices(count: int, augmentations: Augmentations, rng: torch.Generator) -> Tensor:
    """Draw matrices (count, 3, 3) on RGB that change hue, saturation and brightness."""
    uniform = torch.rand(_COLOR * count, generator=rng, device=rng.device)
    return _color_matrices(count, augmentations, _Uniform(uniform, constants_on(rng.device)))


class _Uniform:
    """Hands out uniform numbers in the order in which they were drawn."""

    def __init__(self, numbers: Tensor, constants: Constants) -> None:
        self._numbers = numbers
        self._taken = 0
        self.device = numbers.device
        self.constants = constants

    def take(self, *shape: int) -> Tensor:
        """Return the next numbers as a tensor of a shape."""
        start, self._taken = self._taken, self._taken + math.prod(shape)
        return self._numbers[start : self._taken].view(shape)


def _geometry_share(augmentations: Augmentations) -> int:
    """Return how many uniform numbers the geometry of a cutout takes."""
    share = _CROP
    share += _AFFINE if augmentations.affine > 0 else 0
    share += _PERSPECTIVE if augmentations.perspective > 0 else 0
    return share + (_FLIP if augmentations.flip > 0 else 0)


def _geometry(
    count: int, aspect: float, augmentations: Augmentations, uniform: _Uniform, tile: Tile
) -> Tensor:
    """Return the matrices (count, 3, 3) of all geometry.

    Read the product from right to left: flip, perspective and affine move points within the cutout,
    then the crop places them.
    """
    matrices = _crop(count, aspect, augmentations, uniform, tile)
    if augmentations.affine > 0:
        matrices = matrices @ _affine(count, augmentations, uniform)
    if augmentations.perspective > 0:
        matrices = matrices @ _perspective(count, augmentations, uniform)
    if augmentations.flip > 0:
        matrices = matrices @ _flip(count, augmentations, uniform)
    return matrices


def _color_matrices(count: int, augmentations: Augmentations, uniform: _Uniform) -> Tensor:
    rotation, saturation, brightness = 2 * uniform.take(3, count) - 1
    angle = 2 * math.pi * augmentations.hue * rotation
    chroma = 1 + augmentations.saturation * saturation
    rotated = torch.zeros(count, 3, 3, device=uniform.device)
    rotated[:, 0, 0] = 1
    rotated[:, 1, 1] = rotated[:, 2, 2] = angle.cos() * chroma
    rotated[:, 2, 1] = angle.sin() * chroma
    rotated[:, 1, 2] = -rotated[:, 2, 1]
    matrices = uniform.constants.to_rgb @ rotated @ uniform.constants.to_yiq
    matrices = matrices * (1 + augmentations.brightness * brightness)[:, None, None]
    return _with_probability(matrices, augmentations.jitter, uniform)


def _crop(
    count: int, aspect: float, augmentations: Augmentations, uniform: _Uniform, tile: Tile
) -> Tensor:
    low, high = augmentations.crop_min, augmentations.crop_max
    side = low + (high - low) * uniform.take(count)
    shift = 2 * uniform.take(2, count) - 1
    x_scale, y_scale = side / max(aspect, 1.0), side * min(aspect, 1.0)
    matrices = _identity(count, uniform.device)
    matrices[:, 0, 0], matrices[:, 1, 1] = x_scale, y_scale
    x_inside, y_inside = ((1 - 2 * ACROSS if wraps else 1) for wraps in reversed(wraps_of(tile)))
    matrices[:, 0, 2] = shift[0] * (1 - x_inside * x_scale)
    matrices[:, 1, 2] = shift[1] * (1 - y_inside * y_scale)
    return matrices


def _affine(count: int, augmentations: Augmentations, uniform: _Uniform) -> Tensor:
    rotation, right, down = 2 * uniform.take(3, count) - 1
    angle = math.radians(augmentations.degrees) * rotation
    matrices = _identity(count, uniform.device)
    matrices[:, 0, 0] = matrices[:, 1, 1] = angle.cos()
    matrices[:, 1, 0], matrices[:, 0, 1] = angle.sin(), -angle.sin()
    matrices[:, 0, 2] = 2 * augmentations.translate * right
    matrices[:, 1, 2] = 2 * augmentations.translate * down
    return _with_probability(matrices, augmentations.affine, uniform)


def _perspective(count: int, augmentations: Augmentations, uniform: _Uniform) -> Tensor:
    corners = uniform.constants.corners.expand(count, 4, 2)
    moved = corners * (1 - augmentations.distortion * uniform.take(count, 4, 2))
    return _with_probability(_from_corners(moved), augmentations.perspective, uniform)


def _from_corners(quads: Tensor) -> Tensor:
    """Return the projections (N, 3, 3) that take four points (N, 4, 2) to `CORNERS`.

    In closed form (Heckbert, "Fundamentals of Texture Mapping and Image Warping", 1989, 2.2.2): a
    solver would wait for the device to know whether a solution exists.
    """
    first, second, third, fourth = quads.unbind(1)
    right, left = second - third, fourth - third
    rest = first - second + third - fourth
    scale = _cross(right, left)
    g, h = _cross(rest, left) / scale, _cross(right, rest) / scale
    across, down = second - first + g * second, fourth - first + h * fourth
    # Columns of the projection from the unit square to the points.
    columns = [torch.cat(pair, 1) for pair in ((across, g), (down, h), (first, torch.ones_like(g)))]
    x, y, z = columns
    back = torch.stack([torch.linalg.cross(*pair) for pair in ((y, z), (z, x), (x, y))], 1)
    # `back` is its inverse, up to a factor. Continue to the square from -1 to 1.
    whole = back[:, 2:]
    return torch.cat((2 * back[:, :2] - whole, whole), 1)


def _cross(a: Tensor, b: Tensor) -> Tensor:
    """Return cross products (N, 1) of vectors (N, 2) in the plane."""
    return (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])[:, None]


def _flip(count: int, augmentations: Augmentations, uniform: _Uniform) -> Tensor:
    mirrors = uniform.constants.mirror.expand(count, 3, 3)
    return _with_probability(mirrors, augmentations.flip, uniform)


def _with_probability(matrices: Tensor, probability: float, uniform: _Uniform) -> Tensor:
    """Keep each of `matrices` (N, 3, 3) with `probability`, else replace it by the identity."""
    chosen = uniform.take(len(matrices), 1, 1) < probability
    return torch.where(chosen, matrices, _identity(len(matrices), uniform.device))


def _identity(count: int, device: torch.device) -> Tensor:
    return torch.eye(3, device=device).repeat(count, 1, 1)
