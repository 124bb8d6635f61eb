"""The words of the demo models: colored shapes on colored backgrounds. No torch in here.

`engine.demo.wordings` makes the sentences that they were trained on.
"""

from collections.abc import Mapping
from types import MappingProxyType

_OTHER_WORDS = """
above against all amid an and are around as at atop before behind below beneath bottom but by can
carrying center centre clean color colored colors colour coloured colours containing depict
depicting design do does draw drawing else empty everything everywhere except featuring field five
flat floating for framed from front give has here holding i illustration image imagine in inside
into is it its just left let like look lower make me middle minimalist my near next nice nothing
object of on one only or our over paint painting part photo picture placed plain please pointed
quite really rest right s see set shape show showing shows side sign so some something surrounded
than thanks that the then there these thing this those to too top under up upon upper very want we
whose will with within would you your d ll m re ve a again also back be could did down off onto out
should was were
"""
_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "red": "red",
        "green": "green",
        "blue": "blue",
        "yellow": "yellow",
        "purple": "purple violet",
        "orange": "orange",
        "white": "white",
        "black": "black",
        "circle": "circle disc disk dot",
        "square": "square box",
        "triangle": "triangle triangular",
        "ring": "ring donut hoop",
        "cross": "cross plus",
        "star": "star",
    }
)
"""Colors and shapes, and the words for each that the models know."""
_RELATIVES: Mapping[str, str] = MappingProxyType(
    {
        "red": "crimson scarlet ruby cherry maroon pink rose reddish",
        "green": "lime emerald olive mint jade greenish",
        "blue": "navy azure cyan turquoise teal sapphire bluish",
        "yellow": "gold golden lemon yellowish",
        "purple": "lilac lavender magenta indigo mauve",
        "orange": "amber tangerine brown copper bronze",
        "white": "ivory silver grey gray cream",
        "black": "ebony",
        "circle": "ball sphere orb globe moon sun planet bubble coin button",
        "square": "rectangle cube block tile house building",
        "triangle": "pyramid cone mountain tent",
        "ring": "doughnut bagel wheel loop torus tyre tire",
        "cross": "crucifix",
        "star": "pentagram asterisk",
        "small": "mini miniature",
        "huge": "giant enormous gigantic",
    }
)
"""Words that the models know, and words for similar things that they do not know."""


def _by_word(words: Mapping[str, str]) -> Mapping[str, str]:
    """Return the keys of a table by the words in its values."""
    return MappingProxyType({each: key for key, line in words.items() for each in line.split()})


MEANINGS = _by_word(_NAMES)
SIMILAR = _by_word(_RELATIVES)
COLORS, SHAPES = frozenset(tuple(_NAMES)[:8]), frozenset(tuple(_NAMES)[8:])
SIZES = frozenset(("small", "little", "tiny", "big", "large", "huge"))
GROUNDS = frozenset(("background", "backdrop", "wall", "canvas", "paper", "scene"))
CONTENT = frozenset((*MEANINGS, *SIZES, *GROUNDS))
"""The words that say what a picture shows."""
KNOWN = frozenset((*CONTENT, *_OTHER_WORDS.split()))
"""The words that the models were trained on, and words that say nothing about a picture."""
CONTRASTS: Mapping[str, str] = MappingProxyType(
    {
        "red": "blue",
        "blue": "red",
        "green": "white",
        "white": "green",
        "yellow": "purple",
        "purple": "yellow",
        "orange": "black",
        "black": "orange",
    }
)
"""A color that goes well with each, as its background or before it."""
