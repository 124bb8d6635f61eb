"""Meanings of claims about scenes as vectors: the common space of the scene CLIP's towers.

As with the shapes (`engine.demo.meaning`), the content of a drawn picture is known, so the space is
defined in advance. Each value that a claim can name has its own dimension. What two values mean
together (a red boat, a boat at night) has a feature of its own, too, because a picture is not the
sum of its attributes; these many features share the other dimensions by a fixed random projection.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.demo.scene_models.attributes import VALUES, Attributes

SIZE = 192
"""Number of dimensions."""
_PROJECTION_SEED = 17
_WEIGHTS = {
    "sky": 1.0,
    "ground": 1.0,
    "medium": 1.2,
    "kind": 1.3,
    "color": 0.8,
    "place": 0.4,
    "size": 0.3,
    "relation": 0.5,
}
_PRODUCT = 0.55
"""Weight of what two values mean together."""
_WHOLE_PAIRS = (("sky", "ground"), ("sky", "medium"), ("ground", "medium"))
_MIXED_PAIRS = (("sky", "kind"), ("ground", "kind"), ("medium", "kind"))
_THING_PAIRS = (("kind", "color"), ("kind", "place"), ("kind", "size"))
_BESIDE = VALUES["relation"].index("beside")


class Meanings:
    """The vectors of all features, as tables of which the last row is zero."""

    def __init__(self) -> None:
        random = torch.Generator().manual_seed(_PROJECTION_SEED)
        self._tables: dict[tuple[str, ...], Tensor] = {}
        start = 0
        for slot, values in VALUES.items():
            count = len(values) * (2 if slot == "relation" else 1)
            self._add((slot,), _WEIGHTS[slot] * torch.eye(SIZE)[start : start + count])
            start += count
        counts = {slot: len(values) for slot, values in VALUES.items()}
        pairs = [*_WHOLE_PAIRS, *_MIXED_PAIRS, *_THING_PAIRS, ("kind", "relation")]
        for first, second in pairs:
            count = counts[first] * counts[second] * (2 if second == "relation" else 1)
            drawn = torch.randn(count, SIZE - start, generator=random)
            self._add((first, second), _PRODUCT * F.pad(F.normalize(drawn, dim=1), (start, 0)))

    def __call__(self, claims: Attributes) -> Tensor:
        """Return the meanings (N, SIZE) of claims as unit vectors; what is not said is zero."""
        total = torch.zeros(len(claims), SIZE)
        values = {slot: getattr(claims, slot) for slot in VALUES}
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

    def _add(self, key: tuple[str, ...], rows: Tensor) -> None:
        self._tables[key] = F.pad(rows, (0, 0, 0, 1))

    def _of(self, key: tuple[str, ...], index: Tensor) -> Tensor:
        return self._tables[key][index]

    def _product(self, first: str, second: str, one: Tensor, two: Tensor) -> Tensor:
        count = len(VALUES[second]) * (2 if second == "relation" else 1)
        index = torch.where((one >= 0) & (two >= 0), one * count + two, -1)
        return self._of((first, second), index)


def _roles(relation: Tensor, kind: Tensor) -> Tensor:
    """Return what each thing (N, 2) is in a relation; both are the same in "beside"."""
    role = 2 * relation[:, None] + torch.tensor([0, 1])
    role = torch.where((relation == _BESIDE)[:, None], 2 * relation[:, None], role)
    return torch.where((relation[:, None] >= 0) & (kind >= 0), role, -1)
