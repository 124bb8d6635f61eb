"""Media: looks of a whole picture, as if it were painted, drawn, carved or set in glass."""

from collections.abc import Callable, Mapping
from random import Random
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.demo.scenes.canvas import FINE, SIDE, Pixels

Floats = NDArray[np.float32]

_CELLS = 32
"""Width of pixel art in its own pixels."""
_LEAD = (24, 22, 30)
_INK = (34, 28, 34)


def apply_medium(pixels: Pixels, medium: str, random: Random) -> Pixels:
    """Turn a canvas (256, 256, 3) into a picture (128, 128, 3) in a medium."""
    numbers = np.random.default_rng(random.getrandbits(32))
    return _small(_MEDIA[medium](pixels, numbers))


def _flat(pixels: Pixels, numbers: np.random.Generator) -> Pixels:
    del numbers
    return pixels


def _watercolor(pixels: Pixels, numbers: np.random.Generator) -> Pixels:
    """Let colors run at their edges, dry darker there, and leave the paper's margin free."""
    wet = _displaced(pixels, numbers, 2.6)
    wet = cv2.medianBlur(wet, 5).astype(np.float32)
    edges = _edge_strength(wet)
    pigment = 1 + 0.12 * _noise(numbers, 10) + 0.08 * _noise(numbers, 40) - 0.3 * edges
    paper = np.array((252, 249, 241), dtype=np.float32)
    color = paper - (paper - wet) * (0.86 * pigment + 0.02)[..., None]
    steps = np.linspace(-1, 1, FINE, dtype=np.float32)
    reach = np.maximum(np.abs(steps)[:, None], np.abs(steps)[None]) + 0.025 * _noise(numbers, 12)
    margin = np.clip((reach - 0.87) / 0.035, 0, 1)[..., None]
    rim = (np.exp(-(((reach - 0.86) / 0.02) ** 2)) * 0.12)[..., None]
    return _bytes(color * (1 - rim) * (1 - margin) + paper * margin)


def _charcoal(pixels: Pixels, numbers: np.random.Generator) -> Pixels:
    """Draw in gray on rough paper, with hatching from the upper right and dark outlines."""
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    low, high = np.percentile(gray, (1, 99))
    tone = np.clip((gray - low) / max(float(high - low), 0.2), 0, 1) * 0.84 + 0.16 * gray
    grain = numbers.random((FINE, FINE), dtype=np.float32) - 0.5
    strokes = cv2.filter2D(grain, -1, np.eye(15, dtype=np.float32)[::-1] / 15) * 4.2
    shaded = tone + strokes * (0.42 * (1 - tone) + 0.05) + grain * 0.12
    shaded = shaded - 0.75 * cv2.GaussianBlur(_edge_strength(pixels.astype(np.float32)), (0, 0), 1)
    smooth = np.clip(shaded, 0.04, 1) ** 0.9
    paper, coal = np.array((246, 242, 234)), np.array((38, 36, 38))
    return _bytes(coal + (paper - coal) * smooth[..., None])


def _pixel_art(pixels: Pixels, numbers: np.random.Generator) -> Pixels:
    """Draw in 32 x 32 square pixels of few, strong colors."""
    del numbers
    cells = cv2.resize(pixels, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA).astype(np.float32)
    gray = cells.mean(axis=2, keepdims=True)
    strong = np.clip(gray + (cells - gray) * 1.3, 0, 255)
    few = np.rint(strong / 36.4) * 36.4
    large = cv2.resize(_bytes(few), (FINE, FINE), interpolation=cv2.INTER_NEAREST)
    return np.asarray(large, dtype=np.uint8)


def _stained_glass(pixels: Pixels, numbers: np.random.Generator) -> Pixels:
    """Cut the picture into pieces of colored glass that are joined by lead."""
    step = 40
    rows, columns = np.mgrid[step // 2 : FINE : step, step // 2 : FINE : step]
    seeds = np.ones((FINE, FINE), dtype=np.uint8)
    moved = [
        np.clip(axis + numbers.integers(-13, 14, axis.shape), 0, FINE - 1)
        for axis in (rows, columns)
    ]
    seeds[moved[0], moved[1]] = 0
    cells = np.asarray(cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5)[1], dtype=np.int32)
    smooth = cv2.medianBlur(pixels, 7)
    outlines = cv2.Canny(cv2.GaussianBlur(smooth, (0, 0), 1.2), 50, 130) > 0
    seams = np.zeros((FINE, FINE), dtype=bool)
    seams[:, 1:] |= cells[:, 1:] != cells[:, :-1]
    seams[1:] |= cells[1:] != cells[:-1]
    lead = np.maximum(
        cv2.dilate(outlines.astype(np.uint8) * 255, np.ones((3, 3), np.uint8)),
        cv2.dilate(seams.astype(np.uint8) * 255, np.ones((3, 3), np.uint8)),
    )
    lead = cv2.GaussianBlur(lead, (0, 0), 0.8).astype(np.float32)[..., None] / 255
    tones = numbers.uniform(0.86, 1.16, int(cells.max()) + 1).astype(np.float32)
    glass = smooth.astype(np.float32)
    gray = glass.mean(axis=2, keepdims=True)
    glass = (gray + (glass - gray) * 1.4) * tones[cells][..., None]
    glass = np.clip(glass + 14 * _noise(numbers, 50)[..., None], 0, 255)
    return _bytes(glass * (1 - lead) + np.array(_LEAD, dtype=np.float32) * lead)


def _woodcut(pixels: Pixels, numbers: np.random.Generator) -> Pixels:
    """Print black carved lines, thicker where it is darker, over a few pale inks."""
    gray = cv2.cvtColor(cv2.medianBlur(pixels, 5), cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    low, high = np.percentile(gray, (2, 98))
    tone = np.clip((gray - low) / max(float(high - low), 0.25), 0, 1) * 0.8 + 0.2 * gray
    rows = np.arange(FINE, dtype=np.float32)[:, None] + 3.0 * _noise(numbers, 6)
    tone = 0.24 + 0.76 * tone
    groove = 0.5 + 0.5 * np.sin(rows * (2 * np.pi / 8))
    carved = np.clip((groove - (0.9 - 1.2 * tone)) * 5 + 0.5, 0, 1)
    edges = cv2.Canny(cv2.medianBlur(pixels, 7), 50, 130)
    lines = cv2.GaussianBlur(cv2.dilate(edges, np.ones((3, 3), np.uint8)), (0, 0), 0.7)
    light = (carved * (1 - lines.astype(np.float32) / 255))[..., None]
    inks = cv2.medianBlur(pixels, 9).astype(np.float32)
    paper = np.array((244, 232, 206), dtype=np.float32)
    inks = paper * 0.35 + 0.65 * np.rint(inks / 64) * 64
    bright = 0.75 * inks + 0.25 * inks * (230 / np.maximum(inks.max(axis=2, keepdims=True), 90))
    return _bytes(np.clip(bright, 0, 255) * light + np.array(_INK, dtype=np.float32) * (1 - light))


def _oil(pixels: Pixels, numbers: np.random.Generator) -> Pixels:
    """Paint with strokes along the outlines, large ones first, that stand out in relief."""
    soft = cv2.GaussianBlur(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), (0, 0), 4)
    dx, dy = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    strength = np.hypot(dx, dy)
    swirl = 0.9 * _noise(numbers, 4)
    angles = np.where(strength > 6, np.arctan2(dx, -dy), swirl)
    painted = cv2.medianBlur(pixels, 9)
    relief = np.full((FINE, FINE), 128, dtype=np.uint8)
    edges = cv2.GaussianBlur(_edge_strength(pixels.astype(np.float32)), (0, 0), 2)
    for count, length, width in ((420, 17, 9), (800, 10, 5), (1500, 6, 3)):
        spots = numbers.integers(2, FINE - 2, (count, 2))
        jitter = numbers.integers(-11, 12, (count, 3))
        if width < 9:
            keep = edges[spots[:, 0], spots[:, 1]] > (0.02 if width == 5 else 0.06)
            spots, jitter = spots[keep], jitter[keep]
        colors = np.clip(
            pixels[spots[:, 0], spots[:, 1]].astype(np.int64) + jitter, 0, 255
        ).tolist()
        turn = angles[spots[:, 0], spots[:, 1]]
        reach = np.stack([np.cos(turn), np.sin(turn)], axis=1) * length / 2
        ends = np.rint(np.concatenate([spots[:, ::-1] - reach, spots[:, ::-1] + reach], 1))
        tones = numbers.integers(70, 190, len(spots)).tolist()
        rows = zip(ends.astype(int).tolist(), colors, tones, strict=True)
        for (x0, y0, x1, y1), color, height in rows:
            cv2.line(painted, (x0, y0), (x1, y1), color, width, cv2.LINE_AA)
            cv2.line(relief, (x0, y0), (x1, y1), height, width, cv2.LINE_AA)
    bristles = numbers.random((FINE, FINE), dtype=np.float32) * 40
    height = cv2.GaussianBlur(relief.astype(np.float32) + bristles, (0, 0), 1)
    light = cv2.filter2D(height, -1, np.array([[1, 1, 0], [1, 0, -1], [0, -1, -1]], np.float32))
    return _bytes(painted.astype(np.float32) + np.clip(light * 0.16, -22, 22)[..., None])


def _small(pixels: Pixels) -> Pixels:
    small = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.uint8)


def _bytes(values: NDArray[np.floating]) -> Pixels:
    return np.clip(values, 0, 255).astype(np.uint8)


def _noise(numbers: np.random.Generator, cells: int) -> Floats:
    """Return smooth noise (256, 256), about in [-1, 1], with `cells` bumps across."""
    coarse = numbers.standard_normal((cells, cells), dtype=np.float32) * 0.6
    fine = cv2.resize(coarse, (FINE, FINE), interpolation=cv2.INTER_CUBIC)
    return np.asarray(fine, dtype=np.float32)


def _displaced(pixels: Pixels, numbers: np.random.Generator, reach: float) -> Pixels:
    """Move the pixels about by smooth noise of `reach` pixels."""
    rows, columns = np.mgrid[:FINE, :FINE].astype(np.float32)
    x, y = columns + reach * _noise(numbers, 24), rows + reach * _noise(numbers, 24)
    moved = cv2.remap(pixels, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(moved, dtype=np.uint8)


def _edge_strength(pixels: NDArray[np.floating]) -> Floats:
    """Return how strongly colors change (256, 256), in [0, 1]."""
    soft = cv2.GaussianBlur(pixels.astype(np.float32), (0, 0), 1.2)
    total = np.zeros(soft.shape[:2], dtype=np.float32)
    for channel in range(3):
        one = np.ascontiguousarray(soft[..., channel])
        total += np.abs(cv2.Sobel(one, cv2.CV_32F, 1, 0)) + np.abs(cv2.Sobel(one, cv2.CV_32F, 0, 1))
    return np.clip(total / 700, 0, 1).astype(np.float32)


_MEDIA: Mapping[str, Callable[[Pixels, np.random.Generator], Pixels]] = MappingProxyType(
    {
        "flat": _flat,
        "watercolor": _watercolor,
        "charcoal": _charcoal,
        "pixel art": _pixel_art,
        "stained glass": _stained_glass,
        "woodcut": _woodcut,
        "oil": _oil,
    }
)
