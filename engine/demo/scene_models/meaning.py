"""Meanings of claims about scenes as vectors: the common space of the scene CLIP's towers.

As with the shapes (`engine.demo.meaning`), the content of a drawn picture is known, so the space is
defined in advance. Each value that a claim can name has its own dimension. What two values mean
together (a boat at night) has a feature of its own, too, because a picture is not the sum of its
attributes:

- A kind of thing has a dimension for each place, and a sky for each ground. A thing that stands
  alone and of which no place is said is in the middle.
- Colors of a kind are points in three dimensions of this kind, as they are in RGB, so that a color
  in which it was never drawn lies among those that were.
- All other features of two values share the remaining dimensions by a fixed random projection.
- A kind and a ground have none, so that unseen pairs mean nothing that was not learned.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.demo.scene_models.attributes import MIDDLE, VALUES, Attributes
from engine.demo.scenes.table import COLORS

SIZE = 320
"""Number of dimensions."""
_PROJECTION_SEED = 17
_WEIGHTS = {
    "sky": 1.0,
    "ground": 1.0,
    "medium": 1.2,
    "kind": 0.8,
    "color": 0.8,
    "place": 0.3,
    "size": 0.3,
    "relation": 0.5,
}
_PRODUCT, _KIND_IN_PLACE = 0.55, 1.0
"""Weights of what two values mean together."""
_WHOLE_PAIRS = (("sky", "ground"), ("sky", "medium"), ("ground", "medium"))
_MIXED_PAIRS = (("sky", "kind"), ("medium", "kind"))
_THING_PAIRS = (("kind", "color"), ("kind", "place"), ("kind", "size"))
_BESIDE = VALUES["relation"].index("beside")


class Meanings:
    """The vectors of all features, as tables of which the last row is zero."""

    def __init__(self) -> None:
        random = torch.Generator().manual_seed(_PROJECTION_SEED)
        counts = {slot: len(values) for slot, values in VALUES.items()}
        counts["relation"] *= 2  # for the two things in it
        self._tables: dict[tuple[str, ...], Tensor] = {}
        self._used = 0
        for slot, count in counts.items():
            self._add_own((slot,), _WEIGHTS[slot] * torch.eye(count))
        self._add_own(("sky", "ground"), _PRODUCT * torch.eye(counts["sky"] * counts["ground"]))
        self._add_own(
            ("kind", "place"), _KIND_IN_PLACE * torch.eye(counts["kind"] * counts["place"])
        )
        colors = torch.kron(torch.eye(counts["kind"]), _even_colors())
        self._add_own(("kind", "color"), _PRODUCT * colors)
        for first, second in (*_WHOLE_PAIRS, *_MIXED_PAIRS, *_THING_PAIRS, ("kind", "relation")):
            if (first, second) not in self._tables:
                shape = counts[first] * counts[second], SIZE - self._used
                drawn = F.normalize(torch.randn(shape, generator=random), dim=1)
                self._add((first, second), F.pad(_PRODUCT * drawn, (self._used, 0)))

    def __call__(self, claims: Attributes) -> Tensor:
        """Return the meanings (N, SIZE) of claims as unit vectors; what is not said is zero."""
        total = torch.zeros(len(claims), SIZE)
        values = {slot: getattr(claims, slot) for slot in VALUES}
        place = torch.where((claims.place < 0) & (claims.kind >= 0), MIDDLE, claims.place)
        values["place"] = torch.where(claims.of_one_thing()[:, None], place, -1)
        for slot in ("sky", "ground", "medium"):
            total = total + self._of((slot,), values[slot])
        for slot in ("kind", "color", "place", "size"):
            total = total + self._of((slot,), values[slot]).sum(1)
        for first, second in _WHOLE_PAIRS:
            total = total + self._product(first, second, values[first], values[second])
        for first, second in _MIXED_PAIRS:
            whole = values[first][:, None].expand(-1, 2)
            total = total + self._product(first, second, whole, values[second]).sum(1)
        for first, second in _THING_PAIRS:
            total = total + self._product(first, second, values[first], values[second]).sum(1)
        roles = _roles(claims.relation, claims.kind)
        total = total + self._of(("relation",), roles).sum(1)
        total = total + self._product("kind", "relation", values["kind"], roles).sum(1)
        return F.normalize(total, dim=1)

    def _add_own(self, key: tuple[str, ...], rows: Tensor) -> None:
        """Add features (N, K) that have the next K dimensions for themselves."""
        width = rows.shape[1]
        self._add(key, F.pad(rows, (self._used, SIZE - self._used - width)))
        self._used += width

    def _add(self, key: tuple[str, ...], rows: Tensor) -> None:
        self._tables[key] = F.pad(rows, (0, 0, 0, 1))

    def _of(self, key: tuple[str, ...], index: Tensor) -> Tensor:
        return self._tables[key][index]

    def _product(self, first: str, second: str, one: Tensor, two: Tensor) -> Tensor:
        count = len(VALUES[second]) * (2 if second == "relation" else 1)
        index = torch.where((one >= 0) & (two >= 0), one * count + two, -1)
        return self._of((first, second), index)


def _even_colors() -> Tensor:
    """Return the colors of things (10, 3) in RGB, moved and scaled to lie evenly around zero."""
    colors = torch.tensor([COLORS[name] for name in VALUES["color"]], dtype=torch.float64)
    left, _, right = torch.linalg.svd(colors - colors.mean(0), full_matrices=False)
    even = left @ right
    return (even / even.norm(dim=1).mean()).float()


def _roles(relation: Tensor, kind: Tensor) -> Tensor:
    """Return what each thing (N, 2) is in a relation; both are the same in "beside"."""
    role = 2 * relation[:, None] + torch.tensor([0, 1])
    role = torch.where((relation == _BESIDE)[:, None], 2 * relation[:, None], role)
    return torch.where((relation[:, None] >= 0) & (kind >= 0), role, -1)
