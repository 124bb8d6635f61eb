"""What scenes show and what claims say of them, as indices in tensors."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

from engine.demo.scenes.claims import Claim, ThingClaim
from engine.demo.scenes.description import Description
from engine.demo.scenes.table import (
    COLORS,
    GROUND_NAMES,
    KINDS,
    MEDIA,
    MEDIA_NAMES,
    PLACES,
    RELATIONS,
    SIZES,
    SKY_NAMES,
)
from engine.demo.world import Rows

VALUES: dict[str, tuple[str, ...]] = {
    "sky": SKY_NAMES,
    "ground": GROUND_NAMES,
    "medium": MEDIA_NAMES,
    "relation": RELATIONS,
    "kind": tuple(KINDS),
    "color": tuple(COLORS),
    "place": PLACES,
    "size": SIZES,
}
"""The slots of a claim, and what each can say; the last four belong to a thing."""
FLAT, MIDDLE = MEDIA_NAMES.index("flat"), PLACES.index("middle")
_SAID, _PLACE_SAID, _SIZE_SAID, _FLAT_SAID = 0.8, 0.3, 0.25, 0.12
_ONLY_CONTENT, _ONLY_STYLE, _ONLY_THING = 0.12, 0.05, 0.05


@dataclass(frozen=True)
class Attributes(Rows):
    """What N scenes show, or what is said of them; -1 for what is not said."""

    sky: Tensor
    """Indices (N,) into `SKY_NAMES`."""
    ground: Tensor
    medium: Tensor
    relation: Tensor
    kind: Tensor
    """Indices (N, 2) into `KINDS`."""
    color: Tensor
    place: Tensor
    size: Tensor

    def __len__(self) -> int:
        return len(self.sky)

    def replace(self, **fields: Any) -> Self:
        """Return a copy with other tensors in the named fields."""
        return replace(self, **fields)

    def of_one_thing(self) -> Tensor:
        """Return for each row (N,) if there is one thing."""
        return (self.kind[:, 0] >= 0) & (self.kind[:, 1] < 0)

    def are_usual(self) -> Tensor:
        """Return for each row (N,) if there is one thing, in the middle and of medium size."""
        usual = (self.place[:, 0] == MIDDLE) & (self.size[:, 0] < 0)
        return self.of_one_thing() & usual

    def claim(self, row: int) -> Claim:
        """Return a row as a claim."""
        values = {slot: self._name(slot, getattr(self, slot)[row]) for slot in _WHOLE}
        things = tuple(
            ThingClaim(
                **{slot: self._name(slot, getattr(self, slot)[row, number]) for slot in _OF_THING}
            )
            for number in range(2)
            if self.kind[row, number] >= 0
        )
        return Claim(things=things, **values)

    def _name(self, slot: str, index: Tensor) -> Any:
        return VALUES[slot][int(index)] if index >= 0 else None


_WHOLE, _OF_THING = ("sky", "ground", "medium", "relation"), ("kind", "color", "place", "size")


def attributes_of(scenes: Sequence[Description]) -> Attributes:
    """Return everything that can be said of scenes.

    A medium size has no word, and things have no color where the medium has none.
    """
    whole = {
        slot: torch.tensor([_index(slot, getattr(scene, slot)) for scene in scenes])
        for slot in _WHOLE
    }
    things = {slot: torch.full((len(scenes), 2), -1) for slot in _OF_THING}
    for row, scene in enumerate(scenes):
        for number, thing in enumerate(scene.things):
            for slot in _OF_THING:
                things[slot][row, number] = _index(slot, getattr(thing, slot))
            if not MEDIA[scene.medium].colored or thing.kind == "sun":
                things["color"][row, number] = -1
            if thing.size == "medium":
                things["size"][row, number] = -1
    return Attributes(**whole, **things)


def said_of(scenes: Attributes, random: torch.Generator) -> Attributes:
    """Choose something true to say of each scene: rarely all.

    A medium is always said but the flat one, which a sentence means that says none. So are places
    and sizes of a single thing, but for the middle and the medium size.
    """
    count = len(scenes)

    def chance(share: float, *shape: int) -> Tensor:
        return torch.rand(count, *shape, generator=random) < share

    alone = (scenes.kind[:, 1] < 0)[:, None]
    empty = scenes.kind[:, 0] < 0
    content, style, thing = chance(_ONLY_CONTENT), chance(_ONLY_STYLE), chance(_ONLY_THING)
    thing, content = thing & ~empty, content & ~empty
    style = style & ~thing & ~content
    flat = scenes.medium == FLAT
    sky = (chance(_SAID) | style | empty) & ~content & ~thing
    ground = (chance(_SAID) | empty) & ~style & ~thing
    medium = (~flat | chance(_FLAT_SAID)) & ~content & ~thing
    things = (~style)[:, None].expand(-1, 2)
    return Attributes(
        sky=_kept(scenes.sky, sky),
        ground=_kept(scenes.ground, ground),
        medium=_kept(scenes.medium, medium),
        relation=_kept(scenes.relation, ~style),
        kind=_kept(scenes.kind, things),
        color=_kept(scenes.color, things & chance(_SAID, 2)),
        place=_kept(
            scenes.place, things & alone & ((scenes.place != MIDDLE) | chance(_PLACE_SAID, 2))
        ),
        size=_kept(scenes.size, things & alone),
    )


def apart(claims: Attributes) -> tuple[Attributes, Attributes]:
    """Return claims in two parts: content (things and ground), and style (sky and medium)."""
    nothing, none = torch.full_like(claims.sky, -1), torch.full_like(claims.kind, -1)
    content = claims.replace(sky=nothing, medium=nothing)
    style = Attributes(claims.sky, nothing, claims.medium, nothing, none, none, none, none)
    return content, style


def _kept(values: Tensor, kept: Tensor) -> Tensor:
    return torch.where(kept, values, -1)


def _index(slot: str, value: str | None) -> int:
    return -1 if value is None else VALUES[slot].index(value)
