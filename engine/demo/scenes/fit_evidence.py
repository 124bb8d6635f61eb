"""Fit what must speak for a thing: scores and colors at candidates that are one, or are none."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.demo.scenes.discriminant import Discriminant
from engine.demo.scenes.fit_templates import Sample, true_rows
from engine.demo.scenes.judge_colors import ColorScale, lit_color, patch
from engine.demo.scenes.judge_things import Candidate, Finder, kind_number
from engine.demo.scenes.judge_windows import frame_of, kind_scores, windows_of
from engine.demo.scenes.table import KINDS, MEDIA, MEDIA_NAMES

Floats = NDArray[np.float32]

_SHRINK = 0.1
_FOLDS = 3
_MISSED, _TAKEN = 0.012, 0.985
"""Quantiles of the things and of other candidates, between which the limit is halfway."""
_AWAY = 0.5
"""Greatest distance of a candidate from its thing, in units of the thing's larger side."""
_USUAL, _WIDER = 0.999, 1.4
_NAMES = tuple(KINDS)


def fit_evidence(
    drawn: Sequence[Sample], templates: Floats
) -> tuple[Floats, tuple[Discriminant, ...], Floats, Floats]:
    """Return levels (M, K), evidence (K), what is enough (K,), and extents (K,)."""
    levels = _fit_levels(drawn[: len(drawn) // 2], templates)
    rows: list[list[Floats]] = [[] for _ in _NAMES]
    true: list[list[bool]] = [[] for _ in _NAMES]
    ratios: list[list[float]] = [[] for _ in _NAMES]
    for sample in drawn:
        medium = MEDIA_NAMES.index(sample.scene.medium)
        finder = Finder(sample.picture, templates, levels[medium])
        frames = {
            thing.kind: (thing, frame_of(thing.kind, frame))
            for thing, frame in zip(sample.scene.things, sample.frames, strict=True)
        }
        for index, kind in enumerate(_NAMES):
            if sample.scene.sky not in KINDS[kind].skies:
                continue
            found = finder.candidate(index)
            if kind in frames:
                thing, frame = frames[kind]
                if not _is_at(found, frame):
                    continue
                ratios[index].append(found.extent / thing.height)
            rows[index].append(found.evidence)
            true[index].append(kind in frames)
    fitted = [_fit_one(np.stack(each), np.array(own)) for each, own in zip(rows, true, strict=True)]
    enough = np.array([limit for _, limit in fitted], dtype=np.float32)
    extents = np.array([np.median(each) for each in ratios], dtype=np.float32)
    return levels, tuple(each for each, _ in fitted), enough, extents


def fit_colors(drawn: Sequence[Sample]) -> tuple[ColorScale, ...]:
    """Return how the colors of each kind are measured."""
    found = list(_patches(drawn))
    scales: list[ColorScale] = []
    for index in range(len(_NAMES)):
        own = [each for each in found if each[0] == index]
        cells = np.stack([each[1] for each in own])
        scales.append(ColorScale.fit(cells, np.stack([lit_color(c, s) for _, _, c, s in own])))
    return tuple(scales)


def fit_color_limit(drawn: Sequence[Sample], scales: tuple[ColorScale, ...]) -> Floats:
    """Return the greatest distance (1,) of a thing's color to what it should be."""
    away = [
        float(scales[kind].distances(cells, (color,), sky)[0])
        for kind, cells, color, sky in _patches(drawn)
    ]
    return np.array([_WIDER * np.quantile(away, _USUAL)], dtype=np.float32)


def _fit_one(rows: Floats, true: NDArray[np.bool_]) -> tuple[Discriminant, float]:
    """Fit one kind's evidence; the limit is from rows that were left out of the fit."""
    scores = np.zeros(len(rows))
    fold = np.arange(len(rows)) % _FOLDS
    for number in range(_FOLDS):
        part = Discriminant.fit(
            rows[fold != number], true[fold != number].astype(np.intp), 2, _SHRINK
        )
        both = part.scores(rows[fold == number])
        scores[fold == number] = both[:, 1] - both[:, 0]
    limit = (np.quantile(scores[true], _MISSED) + np.quantile(scores[~true], _TAKEN)) / 2
    return Discriminant.fit(rows, true.astype(np.intp), 2, _SHRINK), float(limit)


def _fit_levels(drawn: Sequence[Sample], templates: Floats) -> Floats:
    """Return the usual score (M, K) of each kind: its median, moved by the medium's."""
    found: list[tuple[int, int, float]] = []
    for sample in drawn:
        windows = windows_of(sample.picture)
        scores = kind_scores(windows, templates)
        for thing, frame in zip(sample.scene.things, sample.frames, strict=True):
            index, near = kind_number(thing.kind), true_rows(windows, thing.kind, frame)
            if len(near):
                medium = MEDIA_NAMES.index(sample.scene.medium)
                found.append((medium, index, float(scores[near, index].max())))
    media, kinds = (np.array([each[part] for each in found]) for part in (0, 1))
    best = np.array([each[2] for each in found])
    middles = np.array([np.median(best[kinds == each]) for each in range(len(_NAMES))])
    moved = np.array(
        [np.median((best - middles[kinds])[media == each]) for each in range(len(MEDIA_NAMES))]
    )
    return (moved[:, None] + middles[None]).astype(np.float32)


def _is_at(found: Candidate, frame: tuple[float, float, float, float]) -> bool:
    left, top, right, bottom = frame
    away = np.hypot(found.x - (left + right) / 2, found.y - (top + bottom) / 2)
    return bool(away < _AWAY * max(right - left, bottom - top))


def _patches(drawn: Sequence[Sample]) -> Iterator[tuple[int, Floats, str, str]]:
    """Yield kind, patch, color and sky of things in pictures with colors."""
    for sample in drawn:
        if not MEDIA[sample.scene.medium].colored:
            continue
        for thing, frame in zip(sample.scene.things, sample.frames, strict=True):
            left, top, right, bottom = frame_of(thing.kind, frame)
            size = max(right - left, bottom - top)
            cells = patch(sample.picture, (left + right) / 2, (top + bottom) / 2, size)
            yield kind_number(thing.kind), cells, thing.color, sample.scene.sky
