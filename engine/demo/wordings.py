"""Put claims of `engine.demo.claims` into English, with hundreds of patterns drawn at random.

`phrase` words any claim, for training. `plain_prompt` words a single object on a background by a
numbered template, for measuring. Some templates are held out: `phrase` never uses them.
"""

import re
from collections.abc import Mapping, Sequence
from random import Random
from types import MappingProxyType
from typing import NamedTuple

import torch

from engine.demo.claims import UNSAID, Claims
from engine.demo.world import COLORS, SHAPES

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
"""Words between an object and its background; the first `_COMMON_LINKS` are used most."""
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
"""Shares of sentences with the object first and with the background first; others use a frame."""
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
_OTHER_COLOR_WORDS: Mapping[str, str] = MappingProxyType({"purple": "violet"})
_COLORED = (
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
    "a {background} background and in the middle a {color} {shape}",
    "draw me a {color} {shape} against {background}",
    "I would like to see a {color} {shape} with {background} all around",
    "{color} {shape}, everything else {background}",
)
"""Wordings that `phrase` never uses, to measure a model on new ones."""

TEMPLATES = (
    *(f"a {{color}} {{shape}} {link} {ground}"
      for link in ("on", "over", "against", "in front of")
      for ground in _GROUNDS[:4]),
    *(f"{{color}} {{shape}} {link} {{background}}" for link in ("on", "in front of")),
    "{color} {shape}, {background} background",
    "{background} background with a {color} {shape}",
    "a {background} background with a {color} {shape} on it",
    "there is a {color} {shape} in front of a {background} background",
    "a {color} {shape}, the background is {background}",
    *(f"a {medium} of a {{color}} {{shape}} on a {{background}} background"
      for medium in _MEDIA[:4]),
    *HELD_OUT_TEMPLATES,
)  # fmt: skip
"""Wordings of a single object on a background; the last four are HELD_OUT_TEMPLATES."""


def plain_prompt(shape: str, color: str, background: str, template_index: int) -> str:
    """Fill TEMPLATES[template_index] with names from SHAPES and COLORS.

    Raises:
        ValueError: A name is unknown.
        IndexError: There is no such template.
    """
    if shape not in SHAPES or color not in COLORS or background not in COLORS:
        raise ValueError(f"No shape or color of the demo world: {shape}, {color}, {background}.")
    template = TEMPLATES[template_index]
    return _fix_articles(template.format(shape=shape, color=color, background=background))


def phrase(claims: Claims, generator: torch.Generator) -> list[str]:
    """Return an English sentence for each of C claims, in wordings drawn at random."""
    random = Random(int(torch.randint(2**62, (1,), generator=generator)))
    columns = (getattr(claims, field).tolist() for field in _Claim._fields)
    rows = [_Claim._make(row) for row in zip(*columns, strict=True)]
    return [_finish(_sentence(row, random), random) for row in rows]


class _Claim(NamedTuple):
    """One claim of `Claims`."""

    shape: Sequence[int]
    color: Sequence[int]
    background: int
    relation: int
    size: int
    place: int
    empty: bool

    def names(self, which: int) -> bool:
        return self.shape[which] != UNSAID or self.color[which] != UNSAID


def _sentence(claim: _Claim, random: Random) -> str:
    background = _color_word(claim.background, random)
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
    """Word what a claim says of its objects, with their relation or place."""
    thing = _thing(claim.shape[0], claim.color[0], claim.size, random)
    if claim.names(1):
        said = claim.relation != UNSAID
        link = random.choice(_RELATIONS[claim.relation]) if said else "and"
        thing = f"{thing} {link} {_thing(claim.shape[1], claim.color[1], UNSAID, random)}"
    if claim.place != UNSAID:
        thing = f"{thing} {random.choice(_PLACES[claim.place])}"
    return thing


def _thing(shape: int, color: int, size: int, random: Random) -> str:
    """Word an object with the article "a", which `_fix_articles` corrects later."""
    prefix = f"{random.choice(_SIZES[size])} " if size != UNSAID else ""
    hue = _color_word(color, random)
    if shape == UNSAID:
        if random.random() < 0.5:
            return f"something {prefix}{'and ' if prefix else ''}{hue}"
        return f"a {prefix}{hue} {random.choice(('thing', 'shape', 'object'))}"
    noun = SHAPES[shape]
    if random.random() > _CANONICAL_SHARE:
        noun = random.choice(_NOUNS[noun])
    if color == UNSAID:
        return f"a {prefix}{noun}"
    pattern = "a {size}{hue} {noun}"
    if random.random() > _CANONICAL_SHARE:
        pattern = random.choice(_COLORED)
    return pattern.format(size=prefix, hue=hue, noun=noun)


def _color_word(color: int, random: Random) -> str:
    if color == UNSAID:
        return ""
    name = COLORS[color]
    return _OTHER_COLOR_WORDS.get(name, name) if random.random() < 0.3 else name


def _finish(sentence: str, random: Random) -> str:
    if random.random() < _ENDING_SHARE:
        sentence = f"{sentence}, {random.choice(_ENDINGS)}"
    sentence = _fix_articles(re.sub(r" +", " ", sentence).replace(" ,", ",").replace(" :", ":"))
    style = random.random()
    if style < 0.10:
        sentence = sentence[0].upper() + sentence[1:]
    elif style < 0.13:
        sentence = sentence.upper()
    return sentence + "." if random.random() < 0.07 else sentence


def _fix_articles(sentence: str) -> str:
    return re.sub(r"\ba (?=[aeiou])", "an ", sentence)
