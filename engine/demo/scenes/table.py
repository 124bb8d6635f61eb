"""The table of the scenes: which things, colors, grounds, skies and media go together.

This module has only data. `engine.demo.scenes.description` draws scenes from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

SKY_NAMES = ("day", "dawn", "sunset", "night", "storm", "snow", "rainbow")
GROUND_NAMES = (
    "sea", "beach", "meadow", "desert", "snow", "forest", "hills", "mountains", "city",
)  # fmt: skip
MEDIA_NAMES = ("flat", "watercolor", "charcoal", "pixel art", "stained glass", "woodcut", "oil")
SIZES = ("small", "medium", "large")
PLACES = ("left", "middle", "right")
RELATIONS = ("beside", "above", "in front of")

COLORS: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {
        "red": (214, 44, 48),
        "orange": (240, 130, 36),
        "yellow": (246, 208, 62),
        "green": (62, 152, 74),
        "blue": (48, 96, 204),
        "purple": (138, 72, 176),
        "pink": (240, 138, 178),
        "white": (246, 244, 238),
        "gray": (150, 150, 158),
        "brown": (136, 88, 56),
    }
)
"""Colors of things, as RGB bytes in white light."""


@dataclass(frozen=True)
class Kind:
    """What a kind of thing can be, and where."""

    where: str
    """`ground`, `water`, `sky`, or `front` for faces at the lower edge."""
    colors: tuple[str, ...]
    height: float
    """Height of a thing of medium size, as a fraction of the picture's side."""
    grounds: tuple[str, ...]
    skies: tuple[str, ...] = SKY_NAMES
    width: float = 1.0
    """Greatest width of the thing, in units of its height."""


_LAND = ("beach", "meadow", "desert", "snow", "forest", "hills", "mountains", "city")
_GREEN_LAND = ("meadow", "forest", "hills", "mountains")
_CLEAR = ("day", "dawn", "sunset", "rainbow", "night")

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "sun": Kind("sky", ("yellow",), 0.19, GROUND_NAMES, ("day", "dawn", "sunset")),
        "tree": Kind(
            "ground", ("green", "red", "orange", "yellow", "pink"), 0.48,
            ("meadow", "hills", "mountains", "city", "snow"), width=0.8,
        ),
        "pine": Kind(
            "ground", ("green", "blue", "white"), 0.5, ("snow", "mountains", "hills", "meadow"),
            width=0.62,
        ),
        "palm": Kind("ground", ("green", "yellow"), 0.54, ("beach", "desert"), width=0.95),
        "house": Kind(
            "ground", ("red", "yellow", "blue", "white", "pink", "green", "orange"), 0.37,
            ("meadow", "snow", "hills", "mountains", "forest", "beach"), width=1.2,
        ),
        "castle": Kind(
            "ground", ("gray", "white", "pink", "yellow", "red", "blue"), 0.38,
            ("hills", "meadow", "mountains", "snow", "desert", "forest"), width=1.35,
        ),
        "lighthouse": Kind(
            "ground", ("red", "blue", "green", "orange"), 0.56, ("sea", "beach", "hills"),
            width=0.72,
        ),
        "windmill": Kind(
            "ground", ("white", "red", "blue", "brown", "yellow"), 0.5,
            ("meadow", "hills", "beach", "snow"), width=0.8,
        ),
        "boat": Kind(
            "water", ("red", "green", "white", "orange", "purple", "yellow"), 0.43, ("sea",)
        ),
        "fish": Kind(
            "water", ("orange", "red", "yellow", "purple", "pink", "green"), 0.27, ("sea",),
            width=1.5,
        ),
        "balloon": Kind(
            "sky", ("red", "orange", "yellow", "green", "blue", "purple", "pink"), 0.44,
            GROUND_NAMES, ("day", "dawn", "sunset", "rainbow", "night", "snow"), width=0.72,
        ),
        "rocket": Kind(
            "sky", ("white", "red", "blue", "green", "yellow"), 0.46, GROUND_NAMES, width=0.62
        ),
        "bird": Kind(
            "sky", ("blue", "red", "yellow", "green", "white", "brown", "purple"), 0.29,
            ("sea", "beach", "meadow", "snow", "forest", "hills", "mountains", "city"), width=1.35,
        ),
        "flower": Kind(
            "ground", ("red", "yellow", "blue", "purple", "pink", "white", "orange"), 0.46,
            _GREEN_LAND, width=0.64,
        ),
        "mushroom": Kind("ground", ("red", "brown", "orange", "purple", "blue", "white"), 0.38,
                         ("forest", "meadow", "hills"), width=1.0),
        "cat": Kind("front", ("orange", "gray", "white", "brown"), 0.52,
                    ("meadow", "snow", "beach", "city", "hills", "forest")),
        "dog": Kind("front", ("brown", "white", "gray", "orange"), 0.52,
                    ("meadow", "snow", "beach", "city", "hills", "mountains"), width=1.1),
        "person": Kind(
            "ground", ("red", "blue", "green", "yellow", "purple", "white", "pink", "orange"), 0.46,
            _LAND, width=0.6,
        ),
    }
)  # fmt: skip
"""All kinds of things by name."""

CLASHES = frozenset(
    {
        ("white", "on snow"), ("white", "in snow"), ("gray", "in snow"), ("gray", "in storm"),
        ("gray", "on city"), ("gray", "on snow"), ("green", "on forest"), ("blue", "on sea"),
    }
)  # fmt: skip
"""Colors of things that do not stand out on a ground (`on`) or in the light of a sky (`in`)."""
SMALL_BEFORE = ("flower", "mushroom", "person", "cat", "dog")
"""Kinds that can be in front of others."""
LARGE_BEHIND = ("castle", "house", "windmill", "tree", "palm", "lighthouse", "pine")
"""Kinds that others can be in front of."""
STANDING_BELOW = ("house", "castle", "boat", "tree", "person", "windmill", "pine", "palm")
"""Kinds that things in the sky can be above."""


@dataclass(frozen=True)
class Medium:
    """What can be shown, and recognized, in a medium."""

    skies: tuple[str, ...] = SKY_NAMES
    grounds: tuple[str, ...] = GROUND_NAMES
    colored: bool = True
    """False if the things have no color in it."""
    sizes: tuple[str, ...] = SIZES
    """Sizes of things whose details it can show."""
    weight: float = 1.0
    """How often it is drawn, beside the others."""


MEDIA: Mapping[str, Medium] = MappingProxyType(
    {
        "flat": Medium(weight=6),
        "watercolor": Medium(weight=1.5),
        "charcoal": Medium(
            skies=("day", "night"),
            grounds=("sea", "forest", "hills", "mountains", "city"),
            colored=False,
            sizes=("medium", "large"),
        ),
        "pixel art": Medium(sizes=("medium", "large")),
        "stained glass": Medium(sizes=("medium", "large"), skies=("day", "sunset", "night")),
        "woodcut": Medium(skies=("day", "sunset", "night"), sizes=("medium", "large")),
        "oil": Medium(weight=1.5),
    }
)
"""All media by name."""

SCALE_OF_SIZE: Mapping[str, float] = MappingProxyType({"small": 0.74, "medium": 1.0, "large": 1.28})
"""Height of things of each size, in units of the medium one."""
MIDDLES: Mapping[str, float] = MappingProxyType({"left": 0.26, "middle": 0.5, "right": 0.74})
"""Middles of the places, as fractions of the side."""

SHARE_EMPTY, SHARE_PAIR = 0.06, 0.3
"""Shares of scenes without a thing and with two."""
SUN_SHARE = 0.3
"""Share of scenes with the sun beside one other thing, where the sky allows it."""

HELD_OUT_SEED = 2028
HELD_OUT_COLORS = 14
"""Number of pairs of a kind and a color that are never drawn for training."""
HELD_OUT_GROUNDS = 8
"""Number of pairs of a kind and a ground that are never drawn for training."""
