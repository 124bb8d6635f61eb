"""Fit the templates of things: linear discriminants of edges, with the windows that misled them.

As in Dalal and Triggs (2005), a template is fitted to windows with a thing and windows without,
and again with those windows without it that it likes best. The fit is a ridge regression.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.demo.scenes.canvas import Pixels
from engine.demo.scenes.description import Description
from engine.demo.scenes.drawing import Frame
from engine.demo.scenes.judge_windows import (
    LENGTH,
    TURNED,
    Windows,
    distances,
    frame_of,
    kind_scores,
    windows_of,
)
from engine.demo.scenes.table import KINDS

Floats = NDArray[np.float32]

_ROUNDS = 2
"""Number of times that misleading windows are looked for."""
_RANDOM = 5
"""Number of windows of each picture that are taken at random at first."""
_MISLEADING = -0.35
"""Least score of a window that counts as misleading; windows without the thing should have -1."""
_POSITIVE = 0.35
"""Weight of the windows with the thing."""
_RIDGE = 0.02
_NAMES = tuple(KINDS)


@dataclass(frozen=True)
class Sample:
    """A true picture, spoiled or not, and what is true of it."""

    picture: Pixels
    scene: Description
    frames: tuple[Frame, ...]


@dataclass
class _Pool:
    """Windows to fit to."""

    edges: list[NDArray[np.float16]] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    """Number of the kind of thing that is near each window, -1 for none."""
    shown: list[bool] = field(default_factory=list)
    """If the window shows that thing as its template should."""

    def add(self, windows: Windows, picks: Sequence[tuple[int, int, bool]]) -> None:
        if picks:
            rows, kinds, shown = zip(*picks, strict=True)
            self.edges.append(windows.edges[list(rows)].astype(np.float16))
            self.kinds += kinds
            self.shown += shown


def fit_templates(samples: Sequence[Sample], numbers: np.random.Generator) -> Floats:
    """Return templates (LENGTH + 1, TEMPLATES); the last row is what is added."""
    pool = _Pool()
    for sample in samples:
        windows = windows_of(sample.picture)
        pool.add(windows, _first_picks(windows, sample, numbers))
    templates = _solved(pool)
    for _ in range(_ROUNDS):
        for sample in samples:
            windows = windows_of(sample.picture)
            pool.add(windows, _misleading(windows, sample, templates))
        templates = _solved(pool)
    return templates


def true_rows(windows: Windows, kind: str, frame: Frame) -> NDArray[np.intp]:
    """Return the windows that show a thing of this frame as a template should."""
    cells, steps = distances(windows, frame_of(kind, frame))
    return np.flatnonzero((cells < 1.6) & (steps < 1.3))


def near_rows(windows: Windows, kind: str, frame: Frame) -> NDArray[np.intp]:
    """Return the windows that show a good part of a thing of this frame."""
    cells, steps = distances(windows, frame_of(kind, frame))
    return np.flatnonzero((cells < 3.0) & (steps < 2.6))


def _near_kinds(windows: Windows, sample: Sample) -> NDArray[np.intp]:
    """Return the number of the kind that each window shows a part of, -1 for none."""
    kinds = np.full(len(windows.x), -1)
    for thing, frame in zip(sample.scene.things, sample.frames, strict=True):
        kinds[near_rows(windows, thing.kind, frame)] = _NAMES.index(thing.kind)
    return kinds


def _first_picks(
    windows: Windows, sample: Sample, numbers: np.random.Generator
) -> list[tuple[int, int, bool]]:
    picks: list[tuple[int, int, bool]] = []
    for thing, frame in zip(sample.scene.things, sample.frames, strict=True):
        cells, steps = distances(windows, frame_of(thing.kind, frame))
        for row in np.argsort(cells + 1.5 * steps)[:2].tolist():
            picks.append((row, _NAMES.index(thing.kind), True))
    near = _near_kinds(windows, sample)
    rows = numbers.integers(0, len(near), _RANDOM).tolist()
    return picks + [(row, int(near[row]), False) for row in rows]


def _misleading(windows: Windows, sample: Sample, templates: Floats) -> list[tuple[int, int, bool]]:
    """Return the best window of each thing, and the windows without a kind that look like it."""
    scores = kind_scores(windows, templates)
    picks: list[tuple[int, int, bool]] = []
    for thing, frame in zip(sample.scene.things, sample.frames, strict=True):
        index, rows = _NAMES.index(thing.kind), true_rows(windows, thing.kind, frame)
        if len(rows):
            picks.append((int(rows[scores[rows, index].argmax()]), index, True))
    near = _near_kinds(windows, sample)
    for index in range(len(_NAMES)):
        without = np.where(near != index, scores[:, index], -np.inf)
        row = int(without.argmax())
        if without[row] > _MISLEADING:
            picks.append((row, int(near[row]), False))
    return picks


def _solved(pool: _Pool) -> Floats:
    """Fit each template to its windows against all windows that do not show its kind."""
    edges = np.concatenate(pool.edges)
    kinds, shown = np.array(pool.kinds), np.array(pool.shown)
    rows = np.ones((len(edges), LENGTH + 1), dtype=np.float32)
    rows[:, :-1] = edges
    products, sums = rows.T @ rows, rows.sum(axis=0)
    columns: list[Floats] = []
    for kind, part in [*((name, None) for name in _NAMES), *((name, 1) for name in TURNED)]:
        index = _NAMES.index(kind)
        near = rows[kinds == index]
        true = rows[(kinds == index) & shown]
        if kind in TURNED:
            true = true[_halves(true) == (part or 0)]
        without = len(rows) - len(near)
        covariance = _POSITIVE * (true.T @ true) / len(true)
        covariance += (1 - _POSITIVE) * (products - near.T @ near) / without
        target = _POSITIVE * true.mean(axis=0)
        target -= (1 - _POSITIVE) * (sums - near.sum(axis=0)) / without
        ridge = _RIDGE * np.trace(covariance) / len(covariance)
        column = np.linalg.solve(covariance + ridge * np.eye(len(covariance)), target)
        columns.append(column.astype(np.float32))
    return np.stack(columns, axis=1)


def _halves(rows: Floats) -> NDArray[np.intp]:
    """Divide windows into two groups, 0 and 1, that look alike: 2-means from the main direction."""
    rest = rows - rows.mean(axis=0)
    direction = np.linalg.svd(rest[:600], full_matrices=False)[2][0]
    half = (rest @ direction > 0).astype(np.intp)
    for _ in range(8):
        means = np.stack([rest[half == each].mean(axis=0) for each in (0, 1)])
        half = (((rest[:, None] - means) ** 2).sum(axis=2)).argmin(axis=1)
    return half
