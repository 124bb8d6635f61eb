"""Fill in what a claim leaves open, so that a sentence becomes a scene that can be drawn."""

from random import Random

from engine.demo.scenes.claims import Claim, ThingClaim
from engine.demo.scenes.description import Description, Thing, problem_of
from engine.demo.scenes.table import (
    GROUND_NAMES,
    KINDS,
    LARGE_BEHIND,
    MEDIA,
    PLACES,
    SIZES,
    SKY_NAMES,
    SMALL_BEFORE,
)
from engine.errors import UsageError

_TRIES = 300
_ASIDE = (("left", "right"), ("right", "left"))


def completed(claim: Claim, random: Random) -> Description:
    """Return a sensible scene of which the claim is true.

    Raises:
        UsageError: Something in the claim does not go together; the message says what does.
    """
    problem: str | None = None
    for _ in range(_TRIES):
        scene = _try_completion(claim, random)
        problem = problem_of(scene)
        if problem is None:
            return scene
    raise UsageError("This scene cannot be drawn: {problem}.", problem=problem)


def _try_completion(claim: Claim, random: Random) -> Description:
    medium = claim.medium or "flat"
    kinds = [KINDS[each.kind] for each in claim.things]
    grounds = [
        name
        for name in GROUND_NAMES
        if name in MEDIA[medium].grounds and all(name in kind.grounds for kind in kinds)
    ]
    skies = [
        name
        for name in SKY_NAMES
        if name in MEDIA[medium].skies and all(name in kind.skies for kind in kinds)
    ]
    return Description(
        sky=claim.sky or random.choice(skies or SKY_NAMES),
        ground=claim.ground or random.choice(grounds or GROUND_NAMES),
        things=_things(claim, MEDIA[medium].sizes, random),
        relation=claim.relation,
        medium=medium,
    )


def _things(claim: Claim, sizes: tuple[str, ...], random: Random) -> tuple[Thing, ...]:
    if len(claim.things) < 2:
        return tuple(
            _thing(each, random.choice(sizes), random.choice(PLACES), random)
            for each in claim.things
        )
    small = sizes[0]
    defaults = ((small, "left"), (small, "right"))
    if claim.relation == "above":
        place = random.choice(PLACES)
        defaults = ((small, place), (small, place))
    elif claim.relation == "in front of":
        first, second = (each.kind for each in claim.things)
        if first not in SMALL_BEFORE or second not in LARGE_BEHIND:
            allowed = f"{', '.join(SMALL_BEFORE)} in front of {', '.join(LARGE_BEHIND)}"
            raise UsageError("This scene cannot be drawn: only {allowed}.", allowed=allowed)
        defaults = ((small, random.choice(("left", "right"))), (SIZES[-1], "middle"))
    else:
        places = random.choice(_ASIDE)
        defaults = ((small, places[0]), (small, places[1]))
    pairs = zip(claim.things, defaults, strict=True)
    return tuple(_thing(each, size, place, random) for each, (size, place) in pairs)


def _thing(claim: ThingClaim, size: str, place: str, random: Random) -> Thing:
    return Thing(
        claim.kind,
        claim.color or random.choice(KINDS[claim.kind].colors),
        claim.size or size,
        claim.place or place,
    )
