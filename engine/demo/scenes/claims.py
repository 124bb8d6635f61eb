"""What a sentence says of a scene: a part of its description, which can be true or not."""

from dataclasses import dataclass
from random import Random

from engine.demo.scenes.description import Description, Thing
from engine.demo.scenes.table import MEDIA

_SAID = 0.8
"""How often sky, ground and color are said."""
_MEDIUM_SAID = 0.85
_FLAT_SAID = 0.1
_SIZE_SAID, _PLACE_SAID = 0.4, 0.35


@dataclass(frozen=True)
class ThingClaim:
    """What is said of one thing; None for what is not said."""

    kind: str
    color: str | None = None
    size: str | None = None
    place: str | None = None

    def holds(self, thing: Thing) -> bool:
        """Return if all of it is true of a thing."""
        return self.kind == thing.kind and all(
            said in (None, true)
            for said, true in (
                (self.color, thing.color),
                (self.size, thing.size),
                (self.place, thing.place),
            )
        )


@dataclass(frozen=True)
class Claim:
    """What is said of a scene; None for what is not said."""

    sky: str | None = None
    ground: str | None = None
    things: tuple[ThingClaim, ...] = ()
    relation: str | None = None
    """Position of the first thing relative to the second."""
    medium: str | None = None

    def holds(self, scene: Description) -> bool:
        """Return if everything that is said is true of a scene."""
        if self.sky not in (None, scene.sky) or self.ground not in (None, scene.ground):
            return False
        if self.medium not in (None, scene.medium):
            return False
        if not all(any(said.holds(thing) for thing in scene.things) for said in self.things):
            return False
        return self.relation is None or self._relation_holds(scene)

    def _relation_holds(self, scene: Description) -> bool:
        kinds = [said.kind for said in self.things]
        true = [thing.kind for thing in scene.things]
        turned = self.relation == "beside" and kinds == true[::-1]
        return self.relation == scene.relation and (kinds == true or turned)


def describe(scene: Description, random: Random) -> Claim:
    """Choose a true claim at random that says something, but not always everything."""
    alone = len(scene.things) == 1
    colored = MEDIA[scene.medium].colored
    things = tuple(_some(thing, random, colored=colored, alone=alone) for thing in scene.things)
    chance = _FLAT_SAID if scene.medium == "flat" else _MEDIUM_SAID
    return Claim(
        sky=scene.sky if random.random() < _SAID or not things else None,
        ground=scene.ground if random.random() < _SAID or not things else None,
        things=things,
        relation=scene.relation,
        medium=scene.medium if random.random() < chance else None,
    )


def describe_fully(scene: Description) -> Claim:
    """Return the claim that says everything that can be said of a scene.

    A medium size has no word, and things have no color where the medium has none.
    """
    colored = MEDIA[scene.medium].colored
    things = tuple(
        ThingClaim(
            thing.kind,
            thing.color if colored and thing.kind != "sun" else None,
            thing.size if thing.size != "medium" else None,
            thing.place,
        )
        for thing in scene.things
    )
    return Claim(scene.sky, scene.ground, things, scene.relation, scene.medium)


def _some(thing: Thing, random: Random, *, colored: bool, alone: bool) -> ThingClaim:
    colored = colored and thing.kind != "sun"
    sized = alone and thing.size != "medium"
    return ThingClaim(
        thing.kind,
        thing.color if colored and random.random() < _SAID else None,
        thing.size if sized and random.random() < _SIZE_SAID else None,
        thing.place if alone and random.random() < _PLACE_SAID else None,
    )
