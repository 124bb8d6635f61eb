"""`python -m engine.demo fit-judge`: make the judge's file from true and spoiled pictures.

The fit solves linear equations and takes limits from other true pictures than it was fitted to.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.demo.scenes.description import Description, sample_description
from engine.demo.scenes.discriminant import Discriminant
from engine.demo.scenes.drawing import draw
from engine.demo.scenes.features import texture
from engine.demo.scenes.fit_evidence import fit_color_limit, fit_colors, fit_evidence
from engine.demo.scenes.fit_templates import Sample, fit_templates
from engine.demo.scenes.judge_file import FILE, JudgeData, Usual, write_judge
from engine.demo.scenes.judge_layout import by_rows, layout
from engine.demo.scenes.spoiling import spoiled
from engine.demo.scenes.table import MEDIA, MEDIA_NAMES
from engine.errors import UsageError

Floats = NDArray[np.float32]

_LEAST = 3000
"""Least number of pictures; with fewer, some medium may lack a ground."""
_SHRINK, _SHRINK_OF_PARTS = 0.02, 0.1
_HELD_BACK = 0.55
"""Share of the pictures with templates that limits are taken from."""
_USUAL = 0.999
"""Share of the pictures that count as usual, before the limit is widened by `_WIDER`."""
_WIDER = 1.2


def add_fitting(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--pictures", type=int, default=11_000, help="for sky, ground and medium")
    parser.add_argument("--windows", type=int, default=6300, help="pictures for the templates")
    parser.add_argument("--out", type=Path, default=FILE)
    parser.set_defaults(run=_fit)


def samples(count: int, seed: int) -> Iterator[Sample]:
    """Yield true pictures; each second one is spoiled, each eighth has a held-out pair."""
    random, numbers = Random(seed), np.random.default_rng(seed)
    for index in range(count):
        scene = sample_description(random, held_out=index % 8 == 0)
        drawing = draw(scene, random.getrandbits(32))
        picture = spoiled(drawing.picture, numbers) if index % 2 else drawing.picture
        yield Sample(picture, scene, drawing.frames)


def _fit(options: argparse.Namespace) -> None:
    """Fit and write the judge's file.

    Raises:
        UsageError: There are too few pictures.
    """
    if options.pictures < _LEAST or options.windows < _LEAST:
        raise UsageError("The judge is fitted to {least} pictures or more.", least=_LEAST)
    cv2.setNumThreads(1)
    drawn = list(samples(options.pictures, options.seed))
    write_judge(fit(drawn, drawn[: options.windows], options.seed), options.out)
    print(options.out)


def fit(drawn: Sequence[Sample], with_templates: Sequence[Sample], seed: int) -> JudgeData:
    """Fit discriminants to all pictures, and templates and evidence to some."""
    detail = np.stack([texture(each.picture) for each in drawn])
    rows = np.stack([by_rows(each.picture) for each in drawn])
    layouts = [layout(each.picture) for each in drawn]
    upper, lower = (np.stack([each[part] for each in layouts]) for part in (0, 1))
    medium, skies, grounds, usual = fit_classes(
        [each.scene for each in drawn], detail, rows, upper, lower
    )
    cut = round(len(with_templates) * (1 - _HELD_BACK))
    templates = fit_templates(with_templates[:cut], np.random.default_rng(seed))
    templates = templates.astype(np.float16).astype(np.float32)
    colors = fit_colors(drawn)
    levels, evidence, enough, extents = fit_evidence(with_templates[cut:], templates)
    return JudgeData(
        medium=medium,
        skies=skies,
        grounds=grounds,
        detail=usual[0],
        rows=usual[1],
        templates=templates,
        levels=levels,
        evidence=evidence,
        enough=enough,
        extents=extents,
        colors=colors,
        color_limit=fit_color_limit(drawn[:2000], colors),
    )


def fit_classes(
    scenes: Sequence[Description], detail: Floats, rows: Floats, upper: Floats, lower: Floats
) -> tuple[Discriminant, tuple[Discriminant, ...], tuple[Discriminant, ...], tuple[Usual, Usual]]:
    """Fit what recognizes the medium, the skies and grounds in each, and unusual pictures."""
    media = np.array([MEDIA_NAMES.index(each.medium) for each in scenes])
    skies: list[Discriminant] = []
    grounds: list[Discriminant] = []
    for number, look in enumerate(MEDIA.values()):
        own = np.flatnonzero(media == number)
        sky = np.array([look.skies.index(scenes[row].sky) for row in own.tolist()])
        ground = np.array([look.grounds.index(scenes[row].ground) for row in own.tolist()])
        skies.append(Discriminant.fit(upper[own], sky, len(look.skies), _SHRINK_OF_PARTS))
        grounds.append(Discriminant.fit(lower[own], ground, len(look.grounds), _SHRINK_OF_PARTS))
    pairs = sorted({(each.medium, each.sky) for each in scenes})
    by_sky = np.array([pairs.index((each.medium, each.sky)) for each in scenes])
    medium = Discriminant.fit(detail, media, len(MEDIA_NAMES), _SHRINK)
    usual = _fit_usual(detail, media), _fit_usual(rows, by_sky)
    return medium, tuple(skies), tuple(grounds), usual


def _fit_usual(features: Floats, classes: NDArray[np.intp]) -> Usual:
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    standard = (features - mean) / scale
    centers = np.stack([standard[classes == each].mean(axis=0) for each in np.unique(classes)])
    rest = standard - centers[classes]
    precision = np.linalg.inv(rest.T @ rest / len(rest) + 0.05 * np.eye(rest.shape[1]))
    parts = (np.asarray(each, dtype=np.float32) for each in (mean, scale, centers, precision))
    usual = Usual(*parts, limit=np.zeros(1, np.float32))
    limit = _WIDER * np.quantile([usual.distance(row) for row in features], _USUAL)
    return replace(usual, limit=np.array([limit], dtype=np.float32))
