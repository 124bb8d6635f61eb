"""Claims about a scene, each of which is exactly true or false.

A claim is the content of a caption, as indices. `describe` draws true claims, and `truth` evaluates
any claim on any scene. `engine.demo.wordings` puts claims into English.
"""

import dataclasses
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from engine.demo.world import Rows, Scenes

UNSAID = -1
LEFT_OF, RIGHT_OF, ABOVE, BELOW = range(4)
SMALL, BIG = range(2)
LEFT, RIGHT, TOP, BOTTOM = range(4)

SMALL_BELOW, BIG_ABOVE = 0.22, 0.28
LOW_SIDE, HIGH_SIDE = 0.42, 0.58

EXTRA_SHARE = 0.15
"""Share of single objects whose size, and whose place, is named if there is one to name."""
_RELATION_SHARE, _BOTH_SHARE = 0.6, 0.8
_PAIR_COLOR_SHARE, _PAIR_BACKGROUND_SHARE = 0.85, 0.5
_EMPTY_SAID_SHARE = 0.7

# Frequencies of combinations of (shape, color, background) that are named for a single object.
_COMPLETENESS = (
    (0.55, (True, True, True)),
    (0.12, (True, True, False)),
    (0.06, (False, True, False)),
    (0.07, (True, False, False)),
    (0.08, (True, False, True)),
    (0.08, (False, True, True)),
    (0.04, (False, False, True)),
)


@dataclass(frozen=True)
class Claims(Rows):
    """C claims as a structure of arrays; -1 = not said."""

    shape: Tensor
    """Indices (C, 2) into SHAPES for the first and the second object named, long."""
    color: Tensor
    """Indices (C, 2) into COLORS for the first and the second object named, long."""
    background: Tensor
    """Indices (C,) into COLORS, long."""
    relation: Tensor
    """Relation (C,) of the first object to the second: LEFT_OF, RIGHT_OF, ABOVE or BELOW, long."""
    size: Tensor
    """Size (C,) of the only object: SMALL (radius < 0.22) or BIG (> 0.28), long."""
    place: Tensor
    """Place (C,) of the only object: LEFT (x < 0.42), RIGHT (x > 0.58), or TOP or BOTTOM with the
    same limits for y, long."""
    empty: Tensor
    """True (C,) if the claim says that there is no object."""

    def __len__(self) -> int:
        return self.background.shape[0]

    @classmethod
    def of_one_object(cls, shape: Tensor, color: Tensor, background: Tensor) -> Self:
        """Return claims about one object and its background; arguments are (C,) long."""
        unsaid = torch.full_like(shape, UNSAID)
        return cls(
            shape=torch.stack((shape, unsaid), 1),
            color=torch.stack((color, unsaid), 1),
            background=background,
            relation=unsaid,
            size=unsaid,
            place=unsaid,
            empty=torch.zeros_like(shape, dtype=torch.bool),
        )

    def named(self) -> Tensor:
        """Return which of the two objects the claims are about, (C, 2) bool."""
        return (self.shape >= 0) | (self.color >= 0)

    def apart(self) -> tuple[Self, Self]:
        """Split the claims into those about objects and those about the background."""
        silent = torch.full_like(self.background, UNSAID)
        nothing = torch.full_like(self.shape, UNSAID)
        objects = dataclasses.replace(self, background=silent, empty=torch.zeros_like(self.empty))
        backgrounds = dataclasses.replace(
            self, shape=nothing, color=nothing, relation=silent, size=silent, place=silent
        )
        return objects, backgrounds


def describe(scenes: Scenes, generator: torch.Generator) -> Claims:
    """Draw a true claim for each scene, with varying completeness."""
    count = len(scenes)
    present = scenes.present()
    pair = present[:, 1]
    mode = torch.rand(count, generator=generator)
    both = pair & (mode < _BOTH_SHARE)
    order = _order(pair, generator)
    shape, color = scenes.shape.gather(1, order), scenes.color.gather(1, order)
    says_shape, says_color, says_background = _said(present, both, generator)
    relation = _relation(scenes)
    relation = (relation ^ 1).where(order[:, 0] == 1, relation)
    shape, color = shape.where(says_shape, UNSAID), color.where(says_color, UNSAID)
    one = present[:, 0] & ~pair & (says_shape | says_color)[:, 0]
    return Claims(
        shape=shape,
        color=color,
        background=scenes.background.where(says_background, UNSAID),
        relation=relation.where(both & (mode < _RELATION_SHARE), UNSAID),
        size=_size(scenes).where(one & _chance(count, EXTRA_SHARE, generator), UNSAID),
        place=_some_place(scenes, generator).where(
            one & _chance(count, EXTRA_SHARE, generator), UNSAID
        ),
        empty=~present[:, 0] & _chance(count, _EMPTY_SAID_SHARE, generator),
    )


def describe_fully(scenes: Scenes, generator: torch.Generator) -> Claims:
    """Return a claim for each scene that says everything; of several places, one at random."""
    one = scenes.present()[:, 0] & ~scenes.present()[:, 1]
    return Claims(
        shape=scenes.shape,
        color=scenes.color,
        background=scenes.background,
        relation=_relation(scenes).where(scenes.present()[:, 1], UNSAID),
        size=_size(scenes).where(one, UNSAID),
        place=_some_place(scenes, generator).where(one, UNSAID),
        empty=~scenes.present()[:, 0],
    )


def truth(claims: Claims, scenes: Scenes) -> Tensor:
    """Return if claim c is true of scene b, (C, B) bool.

    A claim is true of each scene in which everything that it says holds. Sizes and places are true
    only of a single object, and two named objects must be different objects.
    """
    fits = _unsaid_or_equal(claims.shape[:, None, :, None], scenes.shape[None, :, None, :])
    fits &= _unsaid_or_equal(claims.color[:, None, :, None], scenes.color[None, :, None, :])
    fits &= scenes.present()[None, :, None, :]
    named = claims.named()
    first = fits[:, :, 0].any(dim=-1) | ~named[:, :1]
    relation = _relation(scenes)
    as_is = _unsaid_or_equal(claims.relation[:, None], relation[None])
    swapped = _unsaid_or_equal(claims.relation[:, None], (relation ^ 1)[None])
    both = (fits[:, :, 0, 0] & fits[:, :, 1, 1] & as_is) | (
        fits[:, :, 0, 1] & fits[:, :, 1, 0] & swapped
    )
    holds = both.where(named[:, 1:], first)
    holds &= _unsaid_or_equal(claims.background[:, None], scenes.background[None])
    holds &= ~claims.empty[:, None] | ~scenes.present()[None, :, 0]
    return holds & _size_and_place_hold(claims, scenes)


def _size_and_place_hold(claims: Claims, scenes: Scenes) -> Tensor:
    single = scenes.present()[:, 0] & ~scenes.present()[:, 1]
    size = (claims.size[:, None] == _size(scenes)) & single
    place = _places(scenes)[:, claims.place.clamp(min=0)].T & single
    return (size | (claims.size < 0)[:, None]) & (place | (claims.place < 0)[:, None])


def _unsaid_or_equal(said: Tensor, seen: Tensor) -> Tensor:
    return (said == UNSAID) | (said == seen)


def _relation(scenes: Scenes) -> Tensor:
    """Return the relation (B,) of object 0 to object 1; opposites differ in the last bit."""
    x, y = (scenes.center[:, 1] - scenes.center[:, 0]).unbind(dim=-1)
    sideways = torch.where(x > 0, LEFT_OF, RIGHT_OF)
    return sideways.where(x.abs() > y.abs(), torch.where(y > 0, ABOVE, BELOW))


def _size(scenes: Scenes) -> Tensor:
    """Return the size (B,) of object 0: SMALL, BIG or, in between, UNSAID."""
    radius = scenes.radius[:, 0]
    big = torch.where(radius > BIG_ABOVE, BIG, UNSAID)
    return big.where(radius >= SMALL_BELOW, SMALL)


def _places(scenes: Scenes) -> Tensor:
    """Return if object 0 is LEFT, RIGHT, TOP, BOTTOM, (B, 4) bool."""
    x, y = scenes.center[:, 0].unbind(dim=-1)
    return torch.stack([x < LOW_SIDE, x > HIGH_SIDE, y < LOW_SIDE, y > HIGH_SIDE], dim=1)


def _some_place(scenes: Scenes, generator: torch.Generator) -> Tensor:
    """Draw a true place (B,) of object 0, or UNSAID if there is none."""
    places = _places(scenes)
    score = torch.rand(places.shape, generator=generator).masked_fill(~places, -1.0)
    return score.argmax(dim=1).where(places.any(dim=1), UNSAID)


def _order(pair: Tensor, generator: torch.Generator) -> Tensor:
    """Draw which slot is named first and which second, (B, 2) long."""
    first = (pair & _chance(len(pair), 0.5, generator)).long()
    return torch.stack([first, 1 - first], dim=1)


def _said(
    present: Tensor, both: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Draw which shapes (B, 2), colors (B, 2) and backgrounds (B,) are named."""
    count = len(both)
    weights = torch.tensor([weight for weight, _ in _COMPLETENESS])
    row = torch.multinomial(weights.expand(count, -1), 1, generator=generator)[:, 0]
    shape, color, background = torch.tensor([said for _, said in _COMPLETENESS])[row].unbind(1)
    shape = torch.stack([(shape | both) & present[:, 0], both], dim=1)
    color = color.where(~both, _chance(count, _PAIR_COLOR_SHARE, generator))
    color = torch.stack([color & present[:, 0], color & both], dim=1)
    background = background.where(~both, _chance(count, _PAIR_BACKGROUND_SHARE, generator))
    return shape, color, background | ~present[:, 0]


def _chance(count: int, share: float, generator: torch.Generator) -> Tensor:
    return torch.rand(count, generator=generator) < share
