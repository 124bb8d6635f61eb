"""What can be said about a scene: claims with an exact truth, and English for them.

A claim is what a caption asserts, as indices; `describe` draws true ones, `truth` decides any
claim against any scene, and `phrase` and `plain_prompt` put claims into words. The scenes
themselves, their colours and shapes are in `engine.demo.world`.
"""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from types import MappingProxyType
from typing import NamedTuple, Self

import torch
from torch import Tensor

from engine.demo.world import COLOURS, SHAPES, Scenes

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


# Wordings. `{thing}` comes with its article, `{ground}` is one of the grounds.
_GROUNDS = (
    "{background}",
    "a {background} background",
    "a {background} backdrop",
    "a background of {background}",
    "a plain {background} background",
    "a {background} wall",
    "a {background} canvas",
    "{background} paper",
    "a {background} scene",
    "a field of {background}",
)
_FORWARD_LINKS = (
    "on",
    "against",
    "over",
    "in front of",
    "with",
    ",",
    "upon",
    "in",
    "before",
    "atop",
    "within",
    "amid",
    "inside",
    "set against",
    "placed on",
    "floating on",
    "surrounded by",
    "framed by",
    "and",
    "",
)
"""From an object to its background; the first six are the commonest."""
_BACKWARD_LINKS = (
    "with",
    "behind",
    "and",
    "showing",
    "containing",
    "holding",
    "carrying",
    "featuring",
    ":",
    ", on it",
    ", and on it",
    "and on top of it",
    ", in front of it",
    "that has",
    "under",
    "",
)
_COMMON_LINKS = 6
_FRAMES = (
    "{thing}, the background is {background}",
    "{thing} and the background is {background}",
    "{thing} with {background} behind it",
    "{thing}, {background} behind",
    "{thing} and the rest is {background}",
    "{thing} whose background is {background}",
    "the background is {background}, the object is {thing}",
    "all {background} but for {thing}",
    "{background} everywhere except for {thing}",
    "on {ground} there is {thing}",
    "on {ground}, {thing}",
    "in front of {ground} {thing}",
    "there is {thing} in front of {ground}",
)
_FORWARD_SHARE, _BACKWARD_SHARE = 0.55, 0.25
"""How often an object and its background are linked in either order; the rest use a frame."""
_BACKGROUND_FRAMES = (
    "a {background} background",
    "{background} background",
    "a {background} backdrop",
    "a background of {background}",
    "the background is {background}",
)
_EMPTY_FRAMES = (
    "a plain {background} background",
    "nothing on {background}",
    "nothing on a {background} background",
    "an empty {background} background",
    "just a {background} background",
    "only {background}",
    "plain {background}",
)
_REQUESTS = (
    "there is",
    "here is",
    "show me",
    "paint",
    "please paint",
    "make",
    "give me",
    "i want",
    "can you paint",
    "imagine",
    "we see",
    "look at",
    "let there be",
)
_REQUEST_SHARE = 0.15
_ENDINGS = ("please", "thanks", "in flat colours", "flat design", "nice and clean", "minimalist")
_ENDING_SHARE = 0.07
_WITHOUT_ARTICLE_SHARE = 0.3
_MEDIA = ("picture", "image", "drawing", "painting", "photo", "illustration")
_NOUNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "circle": ("disc", "disk", "dot"),
        "square": ("box",),
        "triangle": ("triangular shape",),
        "ring": ("donut", "hoop"),
        "cross": ("plus sign", "plus"),
        "star": ("five-pointed star",),
    }
)
_OTHER_COLOUR_WORDS: Mapping[str, str] = MappingProxyType({"purple": "violet"})
_COLOURED = (
    "a {size}{noun} in {hue}",
    "a {size}{hue} coloured {noun}",
    "a {size}{hue} colored {noun}",
    "a {size}{hue}-coloured {noun}",
    "a {size}{noun} that is {hue}",
)
_SIZES = (("small", "little", "tiny"), ("big", "large", "huge"))
_PLACES = (
    ("on the left", "on the left side", "to the left"),
    ("on the right", "on the right side", "to the right"),
    ("at the top", "in the upper part"),
    ("at the bottom", "in the lower part"),
)
_RELATIONS = (
    ("left of", "to the left of"),
    ("right of", "to the right of"),
    ("above", "over", "on top of"),
    ("below", "under", "beneath"),
)
_CANONICAL_SHARE = 0.7
_MEDIUM_SHARE = 0.25

HELD_OUT_TEMPLATES = (
    "a {background} background and in the middle a {colour} {shape}",
    "draw me a {colour} {shape} against {background}",
    "I would like to see a {colour} {shape} with {background} all around",
    "{colour} {shape}, everything else {background}",
)
"""Wordings that `phrase` never uses, to measure what a model makes of new ones."""

TEMPLATES = (
    *(f"a {{colour}} {{shape}} {link} {ground}"
      for link in ("on", "over", "against", "in front of")
      for ground in _GROUNDS[:4]),
    *(f"{{colour}} {{shape}} {link} {{background}}" for link in ("on", "in front of")),
    "{colour} {shape}, {background} background",
    "{background} background with a {colour} {shape}",
    "a {background} background with a {colour} {shape} on it",
    "there is a {colour} {shape} in front of a {background} background",
    "a {colour} {shape}, the background is {background}",
    *(f"a {medium} of a {{colour}} {{shape}} on a {{background}} background"
      for medium in _MEDIA[:4]),
    *HELD_OUT_TEMPLATES,
)  # fmt: skip
"""Wordings of a single object on a background; the last four are HELD_OUT_TEMPLATES."""


def plain_prompt(shape: str, colour: str, background: str, template_index: int) -> str:
    """The words of TEMPLATES[template_index] for names from SHAPES and COLOURS.

    Raises ValueError for a name that is in neither and IndexError for a template out of range.
    """
    if shape not in SHAPES or colour not in COLOURS or background not in COLOURS:
        raise ValueError(f"No shape or colour of the demo world: {shape}, {colour}, {background}.")
    template = TEMPLATES[template_index]
    return _fix_articles(template.format(shape=shape, colour=colour, background=background))


def phrase(claims: Claims, generator: torch.Generator) -> list[str]:
    """C English sentences, one per claim, in wordings drawn at random."""
    random = Random(int(torch.randint(2**62, (1,), generator=generator)))
    columns = (getattr(claims, field).tolist() for field in _Claim._fields)
    rows = [_Claim._make(row) for row in zip(*columns, strict=True)]
    return [_finish(_sentence(row, random), random) for row in rows]


class _Claim(NamedTuple):
    """One row of Claims."""

    shape: Sequence[int]
    colour: Sequence[int]
    background: int
    relation: int
    size: int
    place: int
    empty: bool

    def names(self, which: int) -> bool:
        return self.shape[which] != UNSAID or self.colour[which] != UNSAID


def _sentence(claim: _Claim, random: Random) -> str:
    background = _colour_word(claim.background, random)
    if not claim.names(0):
        frame = random.choice(_EMPTY_FRAMES if claim.empty else _BACKGROUND_FRAMES)
        return frame.format(background=background)
    sentence = _things(claim, random)
    if random.random() < _WITHOUT_ARTICLE_SHARE:
        sentence = sentence.removeprefix("a ")
    if random.random() < _MEDIUM_SHARE:
        sentence = f"a {random.choice(_MEDIA)} of {sentence}"
    if claim.background != UNSAID:
        sentence = _with_background(sentence, background, random)
    if random.random() < _REQUEST_SHARE:
        sentence = f"{random.choice(_REQUESTS)} {sentence}"
    return sentence


def _with_background(thing: str, background: str, random: Random) -> str:
    ground = random.choice(_GROUNDS).format(background=background)
    order = random.random()
    if order < _FORWARD_SHARE:
        links = _FORWARD_LINKS[: random.choice((_COMMON_LINKS, None))]
        return f"{thing} {random.choice(links)} {ground}"
    if order < _FORWARD_SHARE + _BACKWARD_SHARE:
        return f"{ground} {random.choice(_BACKWARD_LINKS)} {thing}"
    frame = random.choice(_FRAMES)
    return frame.format(thing=thing, background=background, ground=ground)


def _things(claim: _Claim, random: Random) -> str:
    """What a claim says of its objects, with their relation or their place."""
    thing = _thing(claim.shape[0], claim.colour[0], claim.size, random)
    if claim.names(1):
        said = claim.relation != UNSAID
        link = random.choice(_RELATIONS[claim.relation]) if said else "and"
        thing = f"{thing} {link} {_thing(claim.shape[1], claim.colour[1], UNSAID, random)}"
    if claim.place != UNSAID:
        thing = f"{thing} {random.choice(_PLACES[claim.place])}"
    return thing


def _thing(shape: int, colour: int, size: int, random: Random) -> str:
    """An object with its article, which is always "a" here: the end of the sentence fixes it."""
    prefix = f"{random.choice(_SIZES[size])} " if size != UNSAID else ""
    hue = _colour_word(colour, random)
    if shape == UNSAID:
        if random.random() < 0.5:
            return f"something {prefix}{'and ' if prefix else ''}{hue}"
        return f"a {prefix}{hue} {random.choice(('thing', 'shape', 'object'))}"
    noun = SHAPES[shape]
    if random.random() > _CANONICAL_SHARE:
        noun = random.choice(_NOUNS[noun])
    if colour == UNSAID:
        return f"a {prefix}{noun}"
    pattern = "a {size}{hue} {noun}"
    if random.random() > _CANONICAL_SHARE:
        pattern = random.choice(_COLOURED)
    return pattern.format(size=prefix, hue=hue, noun=noun)


def _colour_word(colour: int, random: Random) -> str:
    if colour == UNSAID:
        return ""
    name = COLOURS[colour]
    return _OTHER_COLOUR_WORDS.get(name, name) if random.random() < 0.3 else name


def _finish(sentence: str, random: Random) -> str:
    if random.random() < _ENDING_SHARE:
        sentence = f"{sentence}, {random.choice(_ENDINGS)}"
    sentence = _fix_articles(re.sub(r" +", " ", sentence).replace(" ,", ",").replace(" :", ":"))
    look = random.random()
    if look < 0.10:
        sentence = sentence[0].upper() + sentence[1:]
    elif look < 0.13:
        sentence = sentence.upper()
    return sentence + "." if random.random() < 0.07 else sentence


def _fix_articles(sentence: str) -> str:
    return re.sub(r"\ba (?=[aeiou])", "an ", sentence)
