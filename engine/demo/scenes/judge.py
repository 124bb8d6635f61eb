"""Recognize pictures of scenes by statistics of colors and by templates of outlines.

The judge uses no neural network, so a picture that was optimized against one cannot exploit the
same flaw. The sky, the ground and the medium are classes of linear discriminants over colors and
edges in parts of the picture. Things are found by templates of their edges over all places and
sizes. `python -m engine.demo fit-judge` makes the file of all this from true pictures.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.demo.scenes.canvas import Pixels
from engine.demo.scenes.claims import Claim
from engine.demo.scenes.features import as_picture, texture
from engine.demo.scenes.judge_file import FILE, JudgeData, read_judge
from engine.demo.scenes.judge_layout import by_rows, layout
from engine.demo.scenes.judge_things import Candidate, Finder, kind_number
from engine.demo.scenes.table import KINDS, MEDIA, MEDIA_NAMES, SCALE_OF_SIZE, SIZES

Floats = NDArray[np.float32]

_LEFT, _RIGHT = 0.385, 0.615
"""Where the middles of things at the left end and those at the right begin."""
_APART = 0.33
"""Least distance of the middles of things that are beside each other, not in front."""
_HIGHER = 0.15
"""Least difference of the middles' heights for one thing to be above another."""


@dataclass(frozen=True)
class Seen:
    """A thing that was found."""

    kind: str
    """One of `KINDS`."""
    x: float
    """Middle, as fractions of the picture's side."""
    y: float
    extent: float
    """Larger side, as a fraction of the picture's side."""
    size: str
    """One of `SIZES`."""
    color: str | None
    """One of the colors of its kind, None if it has none of them, or the medium has no colors."""

    @property
    def place(self) -> str:
        """One of `PLACES`."""
        return "left" if self.x < _LEFT else "right" if self.x > _RIGHT else "middle"

    @property
    def base(self) -> float:
        """Lower end, as a fraction of the picture's side."""
        return self.y + self.extent / max(KINDS[self.kind].width, 1.0) / 2


@dataclass(frozen=True)
class Match:
    """Which parts of a claim are true of a picture; what is not claimed counts as true."""

    sky: bool
    ground: bool
    medium: bool
    present: bool
    """All things are there."""
    color: bool
    place: bool
    size: bool
    relation: bool

    @property
    def all_right(self) -> bool:
        """True if everything that is claimed is true."""
        return all(vars(self).values())


class Judge:
    """A judge of pictures of scenes, which holds the templates and no other state."""

    def __init__(self, file: Path = FILE) -> None:
        """Read the templates.

        Raises:
            ModelError: The file is missing or damaged.
        """
        self._data = read_judge(file)

    def look(self, image: NDArray[np.generic]) -> "Look":
        """Look at an RGB picture (H, W, 3) of any size: uint8, or floats in [0, 1].

        Raises:
            PictureError: The array has another shape or type.
        """
        return Look(as_picture(image), self._data)


class Look:
    """What a judge sees in one picture; each part is computed when it is asked for."""

    def __init__(self, pixels: Pixels, data: JudgeData) -> None:
        self._pixels, self._data = pixels, data
        self._seen: dict[str, Seen | None] = {}

    @cached_property
    def medium(self) -> str | None:
        """One of `MEDIA`, None if the picture is like none of the world's."""
        numbers = texture(self._pixels)
        is_usual = self._data.detail.has(numbers) and self._data.rows.has(by_rows(self._pixels))
        return MEDIA_NAMES[int(self._data.medium.scores(numbers).argmax())] if is_usual else None

    @cached_property
    def sky(self) -> str | None:
        """One of `SKY_NAMES`, None if the picture is like none of the world's."""
        if self.medium is None:
            return None
        scores = self._data.skies[self._medium_number].scores(self._layout[0])
        return MEDIA[self.medium].skies[int(scores.argmax())]

    @cached_property
    def ground(self) -> str | None:
        """One of `GROUND_NAMES`, None if the picture is like none of the world's."""
        if self.medium is None:
            return None
        scores = self._data.grounds[self._medium_number].scores(self._layout[1])
        return MEDIA[self.medium].grounds[int(scores.argmax())]

    def thing(self, kind: str) -> Seen | None:
        """Return the thing of a kind, None if there is none.

        There is none under a sky where the world has none, and no sun that is not yellow.
        """
        if kind not in self._seen:
            self._seen[kind] = self._find(kind)
        return self._seen[kind]

    def matches(self, claim: Claim) -> Match:
        """Compare the picture with a claim."""
        seen = [self.thing(each.kind) for each in claim.things]
        pairs = [(each, thing) for each, thing in zip(claim.things, seen, strict=True) if thing]
        is_whole = len(pairs) == len(claim.things)
        return Match(
            sky=claim.sky in (None, self.sky),
            ground=claim.ground in (None, self.ground),
            medium=claim.medium in (None, self.medium) and self.medium is not None,
            present=is_whole,
            color=is_whole and all(each.color in (None, thing.color) for each, thing in pairs),
            place=is_whole and all(each.place in (None, thing.place) for each, thing in pairs),
            size=is_whole and all(each.size in (None, thing.size) for each, thing in pairs),
            relation=is_whole and _related(claim.relation, [thing for _, thing in pairs]),
        )

    @cached_property
    def _medium_number(self) -> int:
        return MEDIA_NAMES.index(self.medium or MEDIA_NAMES[0])

    @cached_property
    def _layout(self) -> tuple[Floats, Floats]:
        return layout(self._pixels)

    @cached_property
    def _finder(self) -> Finder:
        levels = self._data.levels[self._medium_number]
        return Finder(self._pixels, self._data.templates, levels)

    def _find(self, kind: str) -> Seen | None:
        if self.medium is None or self.sky not in KINDS[kind].skies:
            return None
        index = kind_number(kind)
        found = self._finder.candidate(index)
        against, speaks_for = self._data.evidence[index].scores(found.evidence)
        if speaks_for - against < self._data.enough[index]:
            return None
        ratio = found.extent / float(self._data.extents[index]) / KINDS[kind].height
        size = min(SIZES, key=lambda name: abs(np.log(ratio / SCALE_OF_SIZE[name])))
        color = self._color(kind, found)
        if kind == "sun" and color is None:
            return None
        return Seen(kind, found.x, found.y, found.extent, size, color)

    def _color(self, kind: str, found: Candidate) -> str | None:
        if self.medium is None or self.sky is None or not MEDIA[self.medium].colored:
            return None
        colors = KINDS[kind].colors
        scale = self._data.colors[kind_number(kind)]
        distances = scale.distances(found.cells, colors, self.sky)
        nearest = int(distances.argmin())
        is_near = distances[nearest] <= float(self._data.color_limit[0])
        return colors[nearest] if is_near else None


def _related(relation: str | None, things: list[Seen]) -> bool:
    if relation is None:
        return True
    first, second = things
    sideways, down = abs(first.x - second.x), second.y - first.y
    if relation == "beside":
        return sideways >= _APART
    if relation == "above":
        return sideways < _APART and down >= _HIGHER
    return sideways < _APART and first.base > second.base and first.extent < second.extent
