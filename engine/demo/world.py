"""Pictures of known content: scenes of colored shapes, drawn from signed distance functions.

This module has the palette, the six shapes and their proportions, and samples, renders and alters
scenes. `engine.demo.claims` describes scenes, and `engine.demo.judge` recognizes pictures.

Coordinates are fractions of the picture's side, with x to the right, y downwards and the center at
(0.5, 0.5). Angles are in radians, positive clockwise on the screen.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Self

import torch
from torch import Tensor

PALETTE: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {
        "red": (215, 35, 40),
        "green": (40, 160, 60),
        "blue": (40, 80, 215),
        "yellow": (242, 222, 50),
        "purple": (140, 50, 170),
        "orange": (245, 135, 25),
        "white": (245, 245, 245),
        "black": (18, 18, 18),
    }
)
COLORS = tuple(PALETTE)
SHAPES = ("circle", "square", "triangle", "ring", "cross", "star")
SIDE = 64
"""Width and height of a rendered picture, in pixels."""

# Proportions of the shapes, in units of an object's radius, chosen so that areas are comparable.
CIRCLE_RADIUS = 0.9
SQUARE_HALF_SIDE = 0.8
TRIANGLE_INRADIUS = 0.5
RING_OUTER = 0.95
RING_INNER_RATIO = 0.55
CROSS_LENGTH = 0.95
CROSS_HALF_WIDTH = 0.32
STAR_INNER_RATIO = 0.45

MAX_ANGLE = math.radians(18)
MAX_TINT = 10 / 255
MAX_GRADIENT = 0.08
SINGLE_RADIUS = (0.17, 0.33)
TYPICAL_RADIUS = 0.3
PAIR_RADIUS = (0.13, 0.20)

PAIR_SHARE = 0.20
EMPTY_SHARE = 0.03
MARGIN = 4 / SIDE
"""Minimum distance of an object from the border and from another object: 3 pixels and a reserve for
the soft edge and for a rotated square, which reaches 1 % beyond its radius."""
CENTER_SPREAD = 0.09
# Two neighbors differ by at least 0.31 along their axis, so that this keeps the axis unambiguous.
PAIR_DRIFT = 0.12

NONE = -1
"""Index that marks a missing object."""


class Rows:
    """A structure of arrays: a dataclass of tensors, or of other `Rows`, with equal lengths."""

    def __getitem__(self, index: Tensor | slice) -> Self:
        """Return the rows selected by a slice, an index tensor (N,) or a mask (B,)."""
        return type(self)(**{name: values[index] for name, values in vars(self).items()})

    def followed_by(self, other: Self) -> Self:
        """Return the rows of both, concatenated."""
        pairs = {name: (values, getattr(other, name)) for name, values in vars(self).items()}
        return type(self)(
            **{
                name: torch.cat(pair)
                if isinstance(pair[0], Tensor)
                else pair[0].followed_by(pair[1])
                for name, pair in pairs.items()
            }
        )


@dataclass(frozen=True)
class Scenes(Rows):
    """B scenes as a structure of arrays; slot 0 is the main object, slot 1 a second one."""

    shape: Tensor
    """Indices (B, 2) into SHAPES, -1 for no object, long."""
    color: Tensor
    """Indices (B, 2) into COLORS, -1 for no object, long."""
    background: Tensor
    """Indices (B,) into COLORS, always different from the objects' colors, long."""
    center: Tensor
    """Positions (B, 2, 2): x, y of each slot in [0, 1]."""
    radius: Tensor
    """Circumradii (B, 2) as fractions of the side."""
    angle: Tensor
    """Rotations (B, 2) in radians."""
    tint: Tensor
    """RGB values (B, 3, 3) that are added to the colors of object 0, object 1 and background."""
    gradient: Tensor
    """Changes (B, 2) of the background's value across the whole side along x and y."""

    def __len__(self) -> int:
        return self.background.shape[0]

    def replace(self, **fields: Any) -> Self:
        """Return a copy with other tensors in the named fields."""
        return dataclasses.replace(self, **fields)

    def replaced_where(self, mask: Tensor, others: Self) -> Self:
        """Return the scenes, with those of `others` where `mask` (B,) is true."""
        chosen = mask.nonzero()[:, 0]
        fields = {name: values.clone() for name, values in vars(self).items()}
        for name, values in fields.items():
            values[chosen] = getattr(others, name)[chosen]
        return type(self)(**fields)

    def present(self) -> Tensor:
        """Return which slots have an object, (B, 2) bool."""
        return self.shape >= 0


def palette(device: torch.device | str = "cpu") -> Tensor:
    """Return the palette (8, 3) as RGB floats in [0, 1], in the order of COLORS."""
    return torch.tensor(list(PALETTE.values()), dtype=torch.float32, device=device) / 255


def sample_scenes(count: int, generator: torch.Generator) -> Scenes:
    """Draw `count` scenes: most with one object, a fifth with two, a few with none."""
    kind = torch.rand(count, generator=generator)
    pair = kind < PAIR_SHARE
    present = torch.stack([kind < 1 - EMPTY_SHARE, pair], dim=1)
    shape = torch.randint(len(SHAPES), (count, 2), generator=generator)
    colors = torch.rand(count, len(COLORS), generator=generator).argsort(dim=1)
    center, radius = _layout(pair, generator)
    return Scenes(
        shape=shape.where(present, NONE),
        color=colors[:, :2].where(present, NONE),
        background=colors[:, 2],
        center=center.where(present[..., None], 0.5),
        radius=radius.where(present, 0.0),
        angle=_uniform((count, 2), -MAX_ANGLE, MAX_ANGLE, generator).where(present, 0.0),
        tint=_uniform((count, 3, 3), -MAX_TINT, MAX_TINT, generator),
        gradient=_gradient(count, generator),
    )


def sample_single_scenes(count: int, generator: torch.Generator) -> Scenes:
    """Draw `count` scenes with exactly one object."""
    scenes = sample_scenes(2 * count + 16, generator)
    present = scenes.present()
    return scenes[present[:, 0] & ~present[:, 1]][:count]


def gathered(scenes: Scenes, spread: Tensor) -> Scenes:
    """Move single objects towards the typical one, which is upright, centered and large.

    `spread` (B,) in [0, 1] is the remaining distance from it. Scenes of two objects stay unchanged.
    """
    left = spread.where(~scenes.present()[:, 1], 1.0)[:, None]
    return scenes.replace(
        center=0.5 + left[..., None] * (scenes.center - 0.5),
        radius=torch.lerp(
            torch.full_like(scenes.radius, TYPICAL_RADIUS), scenes.radius, left
        ).where(scenes.present(), 0.0),
        angle=left * scenes.angle,
    )


def alter(scenes: Scenes, generator: torch.Generator) -> Scenes:
    """Return near misses: copies with one attribute changed, drawn at random for each scene.

    The attribute is the main object's shape, its color, the background or the placement (center,
    radius and angle; a new layout for two objects). Empty scenes get another background.
    """
    has_object = scenes.present()[:, 0]
    choice = torch.randint(4, (len(scenes),), generator=generator).where(has_object, 2)
    step = torch.randint(1, len(SHAPES), (len(scenes),), generator=generator)
    moved = _moved(scenes, generator)
    place = choice == 3
    return scenes.replace(
        shape=_with_first(scenes.shape, (scenes.shape[:, 0] + step) % len(SHAPES), choice == 0),
        color=_with_first(scenes.color, unused_color(scenes, generator), choice == 1),
        background=unused_color(scenes, generator).where(choice == 2, scenes.background),
        center=moved.center.where(place[:, None, None], scenes.center),
        radius=moved.radius.where(place[:, None], scenes.radius),
        angle=moved.angle.where(place[:, None], scenes.angle),
    )


def render(scenes: Scenes, masks: Tensor | None = None) -> Tensor:
    """Draw the scenes as RGB floats (B, 3, 64, 64) in [0, 1], with soft edges one pixel wide.

    `masks` (B, 2, 64, 64) are the coverages of the objects, by default `object_masks(scenes)`.
    """
    device = scenes.background.device
    rgb = palette(device)
    x, y = _pixel_grid(device)
    slope = scenes.gradient[:, 0, None, None] * (x - 0.5)
    slope = slope + scenes.gradient[:, 1, None, None] * (y - 0.5)
    ground = rgb[scenes.background] + scenes.tint[:, 2]
    pictures = (ground[:, :, None, None] + slope[:, None]).clamp_(0, 1)
    masks = object_masks(scenes) if masks is None else masks
    for slot in range(2):
        members = scenes.present()[:, slot].nonzero()[:, 0]
        paint = (rgb[scenes.color[members, slot]] + scenes.tint[members, slot]).clamp(0, 1)
        mask = masks[members, slot, None]
        pictures[members] = torch.lerp(pictures[members], paint[:, :, None, None], mask)
    return pictures


def object_masks(scenes: Scenes) -> Tensor:
    """Return how much of each pixel each slot's object covers: (B, 2, 64, 64) in [0, 1]."""
    return coverage(outline_distances(scenes))


def coverage(distances: Tensor) -> Tensor:
    """Return how much of each pixel lies inside an outline at these distances, in [0, 1]."""
    return (0.5 - distances).clamp(0, 1)


def outline_distances(scenes: Scenes) -> Tensor:
    """Return the distances (B, 2, 64, 64) to each slot's outline in pixels, negative inside.

    Without an object, the distance is `SIDE`.
    """
    return torch.stack([_slot_distances(scenes, slot) for slot in range(2)], dim=1)


def signed_distance(shape: int, x: Tensor, y: Tensor) -> Tensor:
    """Return the distance to the outline of SHAPES[shape] at radius 1, negative inside.

    `x` and `y` are positions relative to the object's center in units of its radius. The result has
    the same unit and their broadcast shape. It is exact near straight edges, as an edge one pixel
    wide needs, and a bound elsewhere. A ring's hole is outside.
    """
    return _OUTLINES[shape](x, y)


def _slot_distances(scenes: Scenes, slot: int) -> Tensor:
    x, y = _pixel_grid(scenes.background.device)
    distances = torch.full((len(scenes), SIDE, SIDE), float(SIDE), device=x.device)
    for shape in range(len(SHAPES)):
        members = (scenes.shape[:, slot] == shape).nonzero()[:, 0]
        if len(members):
            radius = scenes.radius[members, slot, None, None]
            angle = scenes.angle[members, slot, None, None]
            cos, sin = angle.cos() / radius, angle.sin() / radius
            dx = x - scenes.center[members, slot, 0, None, None]
            dy = y - scenes.center[members, slot, 1, None, None]
            distance = signed_distance(shape, cos * dx + sin * dy, cos * dy - sin * dx)
            distances[members] = distance * (radius * SIDE)
    return distances


def _pixel_grid(device: torch.device) -> tuple[Tensor, Tensor]:
    """Return x (1, 64) and y (64, 1) of the pixels' centers in [0, 1]."""
    steps = (torch.arange(SIDE, device=device) + 0.5) / SIDE
    return steps[None, :], steps[:, None]


def _circle(x: Tensor, y: Tensor) -> Tensor:
    return torch.hypot(x, y) - CIRCLE_RADIUS


def _square(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(x.abs(), y.abs()) - SQUARE_HALF_SIDE


def _triangle(x: Tensor, y: Tensor) -> Tensor:
    slanted = x.abs() * (math.sqrt(3) / 2) - y * 0.5
    return torch.maximum(slanted, y) - TRIANGLE_INRADIUS


def _ring(x: Tensor, y: Tensor) -> Tensor:
    inner = RING_OUTER * RING_INNER_RATIO
    return (torch.hypot(x, y) - (RING_OUTER + inner) / 2).abs_() - (RING_OUTER - inner) / 2


def _cross(x: Tensor, y: Tensor) -> Tensor:
    x, y = x.abs(), y.abs()
    return torch.maximum(torch.minimum(x, y) - CROSS_HALF_WIDTH, torch.maximum(x, y) - CROSS_LENGTH)


def _star(x: Tensor, y: Tensor) -> Tensor:
    # Reflections fold the five points onto half a point: the upward one, to the right of its axis.
    x, y = x.abs(), -y
    nx, ny = math.cos(math.radians(36)), -math.sin(math.radians(36))
    for side in (nx, -nx):
        beyond = (x * side + y * ny).clamp_(min=0) * 2
        x, y = x - beyond * side, y - beyond * ny
    x = x.abs()
    valley_x = STAR_INNER_RATIO * math.sin(math.radians(36))
    rise = 1 - STAR_INNER_RATIO * math.cos(math.radians(36))
    length = math.hypot(valley_x, rise)
    return (x * rise + (y - 1) * valley_x) / length


_OUTLINES = (_circle, _square, _triangle, _ring, _cross, _star)


def _layout(pair: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw centers (B, 2, 2) and radii (B, 2) for scenes of one object, or two where `pair`."""
    count = len(pair)
    single = _uniform((count, 2), *SINGLE_RADIUS, generator)
    radius = _uniform((count, 2), *PAIR_RADIUS, generator).where(pair[:, None], single)
    drift = torch.randn(count, 2, 2, generator=generator) * CENTER_SPREAD
    edge = radius[..., None] + MARGIN
    center = _clamp(0.5 + drift, edge, 1 - edge)
    across = 0.5 + drift[..., 0].clamp(-PAIR_DRIFT, PAIR_DRIFT)
    apart = torch.stack([_apart(radius, generator), across], dim=-1)
    upright = torch.rand(count, generator=generator) < 0.5
    apart = apart.flip(-1).where(upright[:, None, None], apart)
    return apart.where(pair[:, None, None], center), radius


def _apart(radius: Tensor, generator: torch.Generator) -> Tensor:
    """Draw positions (B, 2) along one axis that keep two objects inside and apart."""
    count = radius.shape[0]
    slack = (1 - 3 * MARGIN - 2 * radius.sum(dim=1, keepdim=True)).clamp(min=0)
    offset = torch.rand(count, 2, generator=generator).sort(dim=1).values * slack
    first = MARGIN + radius[:, 0] + offset[:, 0]
    second = 2 * MARGIN + 2 * radius[:, 0] + radius[:, 1] + offset[:, 1]
    position = torch.stack([first, second], dim=1)
    mirrored = torch.rand(count, 1, generator=generator) < 0.5
    return (1 - position).where(mirrored, position)


def _moved(scenes: Scenes, generator: torch.Generator) -> Scenes:
    present = scenes.present()
    center, radius = _layout(present[:, 1], generator)
    angle = _uniform((len(scenes), 2), -MAX_ANGLE, MAX_ANGLE, generator)
    return scenes.replace(
        center=center.where(present[..., None], 0.5),
        radius=radius.where(present, 0.0),
        angle=angle.where(present, 0.0),
    )


def unused_color(scenes: Scenes, generator: torch.Generator) -> Tensor:
    """Draw a color (B,) for each scene that nothing in it has."""
    used = torch.cat([scenes.color, scenes.background[:, None]], dim=1)
    score = torch.rand(len(scenes), len(COLORS), generator=generator)
    taken = (used[:, :, None] == torch.arange(len(COLORS))).any(dim=1)
    return score.masked_fill(taken, -1.0).argmax(dim=1)


def _with_first(values: Tensor, first: Tensor, where: Tensor) -> Tensor:
    return torch.stack([first.where(where, values[:, 0]), values[:, 1]], dim=1)


def _gradient(count: int, generator: torch.Generator) -> Tensor:
    direction = _uniform((count,), 0, 2 * math.pi, generator)
    strength = _uniform((count,), 0, MAX_GRADIENT, generator)
    return torch.stack([direction.cos() * strength, direction.sin() * strength], dim=1)


def _uniform(size: tuple[int, ...], low: float, high: float, generator: torch.Generator) -> Tensor:
    return torch.rand(size, generator=generator) * (high - low) + low


def _clamp(values: Tensor, low: Tensor, high: Tensor) -> Tensor:
    return torch.minimum(torch.maximum(values, low), high)
