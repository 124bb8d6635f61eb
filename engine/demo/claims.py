"""What can be said about a scene, as claims with an exact truth.

A claim is what a caption asserts, as indices; `describe` draws true ones and `truth` decides any
claim against any scene. `engine.demo.wordings` puts claims into English.
"""

import dataclasses
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from engine.demo.world import Scenes

UNSAID = -1
LEFT_OF, RIGHT_OF, ABOVE, BELOW = range(4)
SMALL, BIG = range(2)
LEFT, RIGHT, TOP, BOTTOM = range(4)

SMALL_BELOW, BIG_ABOVE = 0.22, 0.28
LOW_SIDE, HIGH_SIDE = 0.42, 0.58

EXTRA_SHARE = 0.15
"""How often a size, and how often a place, is said of a single object of which it is true."""
_RELATION_SHARE, _BOTH_SHARE = 0.6, 0.8
_PAIR_COLOUR_SHARE, _PAIR_BACKGROUND_SHARE = 0.85, 0.5
_EMPTY_SAID_SHARE = 0.7

# How often which of (shape, colour, background) is said of a single object.
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
class Claims:
    """C captions as a structure of arrays; -1 = not said."""

    shape: Tensor
    """(C, 2) long, index into SHAPES, of the first and the second object named."""
    colour: Tensor
    """(C, 2) long, index into COLOURS, likewise."""
    background: Tensor
    """(C,) long, index into COLOURS."""
    relation: Tensor
    """(C,) long: the first object is LEFT_OF, RIGHT_OF, ABOVE or BELOW the second."""
    size: Tensor
    """(C,) long: SMALL (radius < 0.22) or BIG (> 0.28), of the only object."""
    place: Tensor
    """(C,) long: LEFT (x < 0.42), RIGHT (x > 0.58), TOP or BOTTOM (y likewise), likewise."""
    empty: Tensor
    """(C,) bool: says that there is no object at all."""

    def __len__(self) -> int:
        return self.background.shape[0]

    def __getitem__(self, index: Tensor | slice) -> Self:
        """The claims that a slice, a (N,) index tensor or a (C,) mask selects."""
        fields = {f.name: getattr(self, f.name)[index] for f in dataclasses.fields(self)}
        return type(self)(**fields)

    @classmethod
    def of_one_object(cls, shape: Tensor, colour: Tensor, background: Tensor) -> Self:
        """Claims that say these, (C,) long, of one object and its background, and nothing else."""
        unsaid = torch.full_like(shape, UNSAID)
        return cls(
            shape=torch.stack((shape, unsaid), 1),
            colour=torch.stack((colour, unsaid), 1),
            background=background,
            relation=unsaid,
            size=unsaid,
            place=unsaid,
            empty=torch.zeros_like(shape, dtype=torch.bool),
        )

    def named(self) -> Tensor:
        """(C, 2) bool: which of the two objects the claim says anything about."""
        return (self.shape >= 0) | (self.colour >= 0)

    def apart(self) -> tuple[Self, Self]:
        """What is said of objects, and what is said of the background."""
        silent = torch.full_like(self.background, UNSAID)
        nothing = torch.full_like(self.shape, UNSAID)
        objects = dataclasses.replace(self, background=silent, empty=torch.zeros_like(self.empty))
        backgrounds = dataclasses.replace(
            self,
            shape=nothing,
            colour=nothing,
            relation=silent,
            size=silent,
            place=silent,
        )
        return objects, backgrounds


def describe(scenes: Scenes, generator: torch.Generator) -> Claims:
    """One true claim per scene, of varied completeness."""
    count = len(scenes)
    present = scenes.present()
    pair = present[:, 1]
    mode = torch.rand(count, generator=generator)
    both = pair & (mode < _BOTH_SHARE)
    order = _order(pair, generator)
    shape, colour = scenes.shape.gather(1, order), scenes.colour.gather(1, order)
    says_shape, says_colour, says_background = _said(present, both, generator)
    relation = _relation(scenes)
    relation = (relation ^ 1).where(order[:, 0] == 1, relation)
    shape, colour = shape.where(says_shape, UNSAID), colour.where(says_colour, UNSAID)
    one = present[:, 0] & ~pair & (says_shape | says_colour)[:, 0]
    return Claims(
        shape=shape,
        colour=colour,
        background=scenes.background.where(says_background, UNSAID),
        relation=relation.where(both & (mode < _RELATION_SHARE), UNSAID),
        size=_size(scenes).where(one & _chance(count, EXTRA_SHARE, generator), UNSAID),
        place=_some_place(scenes, generator).where(
            one & _chance(count, EXTRA_SHARE, generator), UNSAID
        ),
        empty=~present[:, 0] & _chance(count, _EMPTY_SAID_SHARE, generator),
    )


def describe_fully(scenes: Scenes, generator: torch.Generator) -> Claims:
    """One claim per scene that says all there is to say; of several places, one at random."""
    one = scenes.present()[:, 0] & ~scenes.present()[:, 1]
    return Claims(
        shape=scenes.shape,
        colour=scenes.colour,
        background=scenes.background,
        relation=_relation(scenes).where(scenes.present()[:, 1], UNSAID),
        size=_size(scenes).where(one, UNSAID),
        place=_some_place(scenes, generator).where(one, UNSAID),
        empty=~scenes.present()[:, 0],
    )


def truth(claims: Claims, scenes: Scenes) -> Tensor:
    """(C, B) bool: whether claim c is true of scene b.

    A claim is true of every scene in which all that it says holds, whatever else is there; sizes
    and places are only true of a single object, and two named objects must be two.
    """
    fits = _unsaid_or_equal(claims.shape[:, None, :, None], scenes.shape[None, :, None, :])
    fits &= _unsaid_or_equal(claims.colour[:, None, :, None], scenes.colour[None, :, None, :])
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
    """(B,) long: how object 0 lies to object 1; the opposite relation differs in the last bit."""
    x, y = (scenes.centre[:, 1] - scenes.centre[:, 0]).unbind(dim=-1)
    sideways = torch.where(x > 0, LEFT_OF, RIGHT_OF)
    return sideways.where(x.abs() > y.abs(), torch.where(y > 0, ABOVE, BELOW))


def _size(scenes: Scenes) -> Tensor:
    """(B,) long: SMALL, BIG or, in between, UNSAID, of object 0."""
    radius = scenes.radius[:, 0]
    big = torch.where(radius > BIG_ABOVE, BIG, UNSAID)
    return big.where(radius >= SMALL_BELOW, SMALL)


def _places(scenes: Scenes) -> Tensor:
    """(B, 4) bool: whether object 0 is LEFT, RIGHT, TOP, BOTTOM."""
    x, y = scenes.centre[:, 0].unbind(dim=-1)
    return torch.stack([x < LOW_SIDE, x > HIGH_SIDE, y < LOW_SIDE, y > HIGH_SIDE], dim=1)


def _some_place(scenes: Scenes, generator: torch.Generator) -> Tensor:
    """(B,) long: one place of object 0, drawn from those that are true, or UNSAID."""
    places = _places(scenes)
    score = torch.rand(places.shape, generator=generator).masked_fill(~places, -1.0)
    return score.argmax(dim=1).where(places.any(dim=1), UNSAID)


def _order(pair: Tensor, generator: torch.Generator) -> Tensor:
    """(B, 2) long: which slot is named first and which second."""
    first = (pair & _chance(len(pair), 0.5, generator)).long()
    return torch.stack([first, 1 - first], dim=1)


def _said(
    present: Tensor, both: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Which shapes (B, 2), colours (B, 2) and backgrounds (B,) are said."""
    count = len(both)
    weights = torch.tensor([weight for weight, _ in _COMPLETENESS])
    row = torch.multinomial(weights.expand(count, -1), 1, generator=generator)[:, 0]
    shape, colour, background = torch.tensor([said for _, said in _COMPLETENESS])[row].unbind(1)
    shape = torch.stack([(shape | both) & present[:, 0], both], dim=1)
    colour = colour.where(~both, _chance(count, _PAIR_COLOUR_SHARE, generator))
    colour = torch.stack([colour & present[:, 0], colour & both], dim=1)
    background = background.where(~both, _chance(count, _PAIR_BACKGROUND_SHARE, generator))
    return shape, colour, background | ~present[:, 0]


def _chance(count: int, share: float, generator: torch.Generator) -> Tensor:
    return torch.rand(count, generator=generator) < share
