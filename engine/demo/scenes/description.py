"""What a scene holds, as data, and scenes drawn at random from the table.

Some pairs of attributes are held out: scenes for training never have them, so that a model can be
asked for what it has not seen together.
"""

from dataclasses import dataclass
from functools import cache
from random import Random

from engine.demo.scenes.table import (
    CLASHES,
    COLORS,
    GROUND_NAMES,
    HELD_OUT_COLORS,
    HELD_OUT_GROUNDS,
    HELD_OUT_SEED,
    KINDS,
    LARGE_BEHIND,
    MEDIA,
    PLACES,
    RELATIONS,
    SCALE_OF_SIZE,
    SHARE_EMPTY,
    SHARE_PAIR,
    SIZES,
    SKY_NAMES,
    SMALL_BEFORE,
    STANDING_BELOW,
    SUN_SHARE,
)
from engine.errors import UsageError

_WIDEST_BESIDE = 0.44
"""Greatest width of a thing that has another one beside it, as a fraction of the side."""
_WIDEST_ASIDE = 0.52
"""Greatest width of a thing that can be at the left or right."""
_TALLEST_BELOW = 0.42
"""Greatest height of a thing that has another one above it."""
_MOST_TRIES = 10_000


@dataclass(frozen=True)
class Thing:
    """One thing of a scene."""

    kind: str
    """One of `KINDS`."""
    color: str
    """One of the colors of its kind."""
    size: str
    """One of `SIZES`."""
    place: str
    """One of `PLACES`."""

    @property
    def height(self) -> float:
        """Height as a fraction of the picture's side."""
        return KINDS[self.kind].height * SCALE_OF_SIZE[self.size]

    @property
    def width(self) -> float:
        """Greatest width as a fraction of the picture's side."""
        return self.height * KINDS[self.kind].width


@dataclass(frozen=True)
class Description:
    """Everything that is true of a picture and that a sentence can say."""

    sky: str
    """One of `SKY_NAMES`."""
    ground: str
    """One of `GROUND_NAMES`."""
    things: tuple[Thing, ...] = ()
    """At most two things, of different kinds."""
    relation: str | None = None
    """Position of the first thing relative to the second, one of `RELATIONS`."""
    medium: str = "flat"
    """One of `MEDIA`."""

    def __post_init__(self) -> None:
        """Check the names.

        Raises:
            UsageError: The world has no such thing, or not this many.
        """
        _check(self.sky, SKY_NAMES, "sky")
        _check(self.ground, GROUND_NAMES, "ground")
        _check(self.medium, tuple(MEDIA), "medium")
        if len(self.things) > 2 or len({thing.kind for thing in self.things}) < len(self.things):
            raise UsageError("A scene has at most two things, of different kinds.")
        for thing in self.things:
            _check(thing.kind, tuple(KINDS), "kind of thing")
            _check(thing.color, tuple(COLORS), "color")
            _check(thing.size, SIZES, "size")
            _check(thing.place, PLACES, "place")
        if self.relation is not None:
            _check(self.relation, RELATIONS, "relation")
            if len(self.things) != 2:
                raise UsageError("“{relation}” needs two things.", relation=self.relation)

    def pairs(self) -> frozenset[tuple[str, str]]:
        """Return the pairs of a kind and a color and of a kind and a ground."""
        colors = {(thing.kind, thing.color) for thing in self.things}
        return frozenset(colors | {(thing.kind, f"on {self.ground}") for thing in self.things})


@cache
def held_out_pairs() -> frozenset[tuple[str, str]]:
    """Return the pairs that training never sees; each kind keeps most of its colors and grounds."""
    random = Random(HELD_OUT_SEED)
    kinds = [name for name, kind in KINDS.items() if len(kind.colors) > 2]
    lands = [name for name, kind in KINDS.items() if len(kind.grounds) > 3]
    colors = {
        (name, random.choice(KINDS[name].colors[1:]))
        for name in random.sample(kinds, HELD_OUT_COLORS)
    }
    grounds = {
        (name, f"on {random.choice(KINDS[name].grounds)}")
        for name in random.sample(lands, HELD_OUT_GROUNDS)
    }
    return frozenset(colors | grounds)


def sample_description(random: Random, *, held_out: bool = False) -> Description:
    """Draw a sensible scene at random.

    Args:
        random: Source of all choices.
        held_out: With True the scene has at least one of `held_out_pairs`, else none.
    """
    for _ in range(_MOST_TRIES):
        scene = _try_scene(random)
        if scene is not None and bool(scene.pairs() & held_out_pairs()) == held_out:
            return scene
    raise AssertionError("the table allows no scene")


def problem_of(scene: Description) -> str | None:
    """Return what does not go together in a scene by the table, as a sentence; None if all does."""
    look = MEDIA[scene.medium]
    if scene.sky not in look.skies:
        return f"{scene.medium} shows these skies: {', '.join(look.skies)}"
    if scene.ground not in look.grounds:
        return f"{scene.medium} shows these grounds: {', '.join(look.grounds)}"
    for thing in scene.things:
        kind = KINDS[thing.kind]
        for value, allowed, what in (
            (scene.ground, kind.grounds, "grounds"),
            (scene.sky, kind.skies, "skies"),
            (thing.color, kind.colors, "colors"),
            (thing.size, look.sizes, f"sizes in {scene.medium}"),
        ):
            if value not in allowed:
                return f"{thing.kind} goes with these {what}: {', '.join(allowed)}"
        if {(thing.color, f"on {scene.ground}"), (thing.color, f"in {scene.sky}")} & CLASHES:
            return f"{thing.color} does not show on the ground {scene.ground} or in {scene.sky}"
        if thing.kind == "sun" and not look.colored:
            return f"{scene.medium} shows no sun"
    return None


def _try_scene(random: Random) -> Description | None:
    """Draw a scene; None if its parts do not fit together."""
    medium = random.choices(tuple(MEDIA), [each.weight for each in MEDIA.values()])[0]
    look = MEDIA[medium]
    if random.random() < SHARE_EMPTY:
        ground = random.choice(look.grounds)
        return Description(random.choice(look.skies), ground, medium=medium)
    kind = random.choice(tuple(KINDS))
    grounds = [name for name in KINDS[kind].grounds if name in look.grounds]
    skies = [sky for sky in KINDS[kind].skies if sky in look.skies]
    if not skies or not grounds:
        return None
    ground, sky = random.choice(grounds), random.choice(skies)
    if random.random() < SHARE_PAIR:
        things, relation = _pair(kind, ground, sky, random)
    else:
        things, relation = (
            (_thing(kind, random.choice(SIZES), random.choice(PLACES), random),),
            None,
        )
    if not things:
        return None
    scene = Description(sky, ground, things, relation, medium)
    return None if problem_of(scene) else scene


def _thing(kind: str, size: str, place: str, random: Random) -> Thing:
    thing = Thing(kind, random.choice(KINDS[kind].colors), size, place)
    if thing.width > _WIDEST_ASIDE:
        return Thing(kind, thing.color, size, "middle")
    return thing


def _pair(kind: str, ground: str, sky: str, random: Random) -> tuple[tuple[Thing, ...], str | None]:
    """Draw two things and their relation; no things if none fits."""
    others = [
        name
        for name, other in KINDS.items()
        if name != kind and ground in other.grounds and sky in other.skies
    ]
    if not others:
        return (), None
    other = random.choice(others)
    if "sun" in (kind, other):
        return _with_sun(kind if other == "sun" else other, random), None
    first, second = KINDS[kind].where, KINDS[other].where
    relations = []
    if "sky" not in (first, second):
        relations.append("beside")
    if first == "sky" and other in STANDING_BELOW:
        relations.append("above")
    if kind in SMALL_BEFORE and other in LARGE_BEHIND:
        relations.append("in front of")
    if not relations:
        return (), None
    relation = random.choice(relations)
    if relation == "beside":
        places = random.choice((("left", "right"), ("right", "left")))
        sizes = [_fitting(name, _WIDEST_BESIDE, wide=True) for name in (kind, other)]
        things = [
            _thing(n, s, p, random) for n, s, p in zip((kind, other), sizes, places, strict=True)
        ]
    elif relation == "above":
        place = random.choice(PLACES)
        lower = _thing(other, _fitting(other, _TALLEST_BELOW, wide=False), place, random)
        things = [_thing(kind, "small", lower.place, random), lower]
    else:
        behind = _thing(other, "large", "middle", random)
        things = [_thing(kind, "small", random.choice(("left", "right")), random), behind]
    return tuple(things), relation


def _with_sun(kind: str, random: Random) -> tuple[Thing, ...]:
    """Put the sun on the other side of a thing."""
    if random.random() > SUN_SHARE:
        return ()
    places = random.choice((("left", "right"), ("right", "left")))
    thing = _thing(kind, _fitting(kind, _WIDEST_BESIDE, wide=True), places[0], random)
    return thing, _thing("sun", random.choice(SIZES[1:]), places[1], random)


def _fitting(kind: str, most: float, *, wide: bool) -> str:
    """Return medium if a thing of this size keeps within a width or height, else small."""
    medium = Thing(kind, KINDS[kind].colors[0], "medium", "middle")
    return "medium" if (medium.width if wide else medium.height) <= most else "small"


def _check(name: str, known: tuple[str, ...], what: str) -> None:
    if name not in known:
        raise UsageError(
            "There is no {what} “{name}”: choose one of {known}.",
            what=what,
            name=name,
            known=", ".join(known),
        )
