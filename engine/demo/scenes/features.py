"""Numbers that describe a picture for the judge: orientations of edges, colors, and fine detail.

Everything is computed by fixed formulas; nothing here is learned.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.demo.picture_bytes import picture_bytes
from engine.demo.scenes.canvas import SIDE, Pixels

Floats = NDArray[np.float32]

CELL = 4
"""Side of a cell of the edge maps, in pixels."""
BINS = 9
"""Number of orientations of edges, from 0 to 180 degrees."""
_GRID = 16
"""Number of cells along a side in which colors are averaged."""


def as_picture(image: NDArray[np.generic]) -> Pixels:
    """Return an RGB picture (H, W, 3), bytes or floats in [0, 1], as bytes (128, 128, 3).

    Raises:
        PictureError: The array has another shape or type, or numbers that are not finite.
    """
    pixels = np.ascontiguousarray(picture_bytes(image))
    if pixels.shape[:2] != (SIDE, SIDE):
        larger = min(pixels.shape[:2]) >= SIDE
        method = cv2.INTER_AREA if larger else cv2.INTER_CUBIC
        pixels = np.asarray(cv2.resize(pixels, (SIDE, SIDE), interpolation=method), dtype=np.uint8)
    return pixels


def lab(pixels: Pixels) -> Floats:
    """Return a picture in CIELAB (H, W, 3): lightness in [0, 100], a and b."""
    colors = cv2.cvtColor(pixels.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)
    return np.asarray(colors, dtype=np.float32)


def edge_map(pixels: Pixels, scale: float, blur: float = 0.8) -> Floats:
    """Return how strong edges of each orientation are, in cells (rows, columns, 9).

    The picture is scaled first, so that a thing has the size of its template. Each cell is divided
    by the energy around it, so that faint and strong outlines count alike.
    """
    size = max(round(SIDE * scale / CELL), 4) * CELL
    small = cv2.GaussianBlur(pixels, (0, 0), max(blur, 0.45 / scale))
    small = cv2.resize(small, (size, size), interpolation=cv2.INTER_LINEAR)
    colors = lab(np.asarray(small, dtype=np.uint8))
    dx = np.asarray(cv2.Scharr(colors, cv2.CV_32F, 1, 0))
    dy = np.asarray(cv2.Scharr(colors, cv2.CV_32F, 0, 1))
    strongest = (dx * dx + dy * dy).argmax(axis=2)[..., None]
    dx = np.take_along_axis(dx, strongest, 2)[..., 0]
    dy = np.take_along_axis(dy, strongest, 2)[..., 0]
    strength = np.sqrt(np.hypot(dx, dy))
    place = (np.arctan2(dy, dx) % np.pi) * (BINS / np.pi)
    low = np.floor(place).astype(np.int64)
    share = (place - low).astype(np.float32)
    planes = np.zeros((BINS, size, size), dtype=np.float32)
    rows, columns = np.mgrid[:size, :size]
    planes[low % BINS, rows, columns] = strength * (1 - share)
    planes[(low + 1) % BINS, rows, columns] += strength * share
    cells = planes.reshape(BINS, size // CELL, CELL, size // CELL, CELL).mean(axis=(2, 4))
    cells = np.ascontiguousarray(cells.transpose(1, 2, 0))
    energy = np.sqrt(cv2.blur((cells**2).sum(axis=2), (5, 5), borderType=cv2.BORDER_REFLECT))
    return np.minimum(cells / (energy + 1.2)[..., None], 0.5)


def color_grid(pixels: Pixels) -> Floats:
    """Return mean color, spread and edges of 16 x 16 parts of the picture (16, 16, 12)."""
    colors = lab(pixels)
    part = SIDE // _GRID
    parts = colors.reshape(_GRID, part, _GRID, part, 3)
    mean, spread = parts.mean(axis=(1, 3)), parts.std(axis=(1, 3))
    fine = colors[..., 0] - cv2.GaussianBlur(colors[..., 0], (0, 0), 2)
    fine = fine.reshape(_GRID, part, _GRID, part)
    specks = np.stack([fine.max(axis=(1, 3)), -fine.min(axis=(1, 3))], axis=2)
    dx, dy = (
        np.abs(np.diff(colors[..., 0], axis=axis, append=0)).reshape(_GRID, part, _GRID, part)
        for axis in (1, 0)
    )
    slopes = np.stack([dx.mean(axis=(1, 3)), dy.mean(axis=(1, 3))], axis=2)
    chroma = np.hypot(mean[..., 1], mean[..., 2])[..., None]
    dark = (colors[..., 0] < 25).reshape(_GRID, part, _GRID, part).mean(axis=(1, 3))[..., None]
    return np.concatenate([mean, spread, specks, slopes, chroma, dark], axis=2).astype(np.float32)


def texture(pixels: Pixels) -> Floats:
    """Return statistics of fine detail and of the palette of a whole picture (N,)."""
    colors = lab(pixels)
    light = colors[..., 0]
    numbers: list[float] = []
    below = light
    for sigma in (0.7, 1.4, 2.8, 5.6):
        above = cv2.GaussianBlur(light, (0, 0), sigma)
        band = below - above
        deviation = float(band.std()) + 1e-3
        numbers += [
            deviation,
            float(np.abs(band).mean()) / deviation,
            float((band**3).mean()) / deviation**3,
        ]
        below = above
    for axis in (0, 1):
        steps = np.abs(np.diff(light, axis=axis)).mean(axis=1 - axis)
        by_phase = np.array([steps[phase::CELL].mean() for phase in range(CELL)])
        numbers += [*(by_phase / (by_phase.mean() + 1e-3)).tolist(), float(by_phase.mean())]
    chroma = np.hypot(colors[..., 1], colors[..., 2])
    numbers += [float(chroma.mean()), float(chroma.std()), float(light.mean()), float(light.std())]
    numbers += (
        np.percentile(chroma, (5, 50, 95)).tolist() + np.percentile(light, (2, 25, 75, 98)).tolist()
    )
    for width in (3, 6):
        edge = np.ones((SIDE, SIDE), dtype=bool)
        edge[width:-width, width:-width] = False
        numbers += [float(light[edge].mean()), float(light[edge].std()), float(chroma[edge].mean())]
    fine = edge_map(pixels, 1.0, 0.5)
    numbers += fine.mean(axis=(0, 1)).tolist() + fine.std(axis=(0, 1)).tolist()
    dark = cv2.morphologyEx(light, cv2.MORPH_BLACKHAT, np.ones((5, 5), np.uint8))
    bright = cv2.morphologyEx(light, cv2.MORPH_TOPHAT, np.ones((5, 5), np.uint8))
    numbers += [float((dark > 20).mean()), float((bright > 12).mean()), float((light < 18).mean())]
    return np.array(numbers, dtype=np.float32)
