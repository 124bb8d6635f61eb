"""Recognize a picture of the demo world by color distances and templates only.

The judge uses no neural network, so a picture optimized against one cannot exploit the same flaw.
Each pixel gets the palette's nearest color in CIELAB. The main object is the largest connected
piece that is not background, and its shape is that of the best overlapping template of the world's
outlines. `engine.demo.world` defines what the pictures contain.
"""

import math
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from engine.demo.picture_bytes import picture_bytes
from engine.demo.world import COLORS, PALETTE, SHAPES, SIDE, signed_distance

Mask = NDArray[np.bool_]

MIN_IOU = 0.72
"""Minimum overlap (intersection over union) with its template for an object to have a shape."""
MIN_LEAD = 0.04
"""Minimum lead of the best shape over each other one. A blob overlaps circle, square and triangle
fairly well and is none of them; true shapes lead by at least 0.06."""
MIN_PURITY = 0.75
"""Minimum share of the template that must have the object's color."""
MIN_BORDER_SHARE = 0.8
"""Minimum share of the border that must have one color for the picture to have a background."""
BORDER = 2
"""Width of the border in pixels; the world's objects keep a distance of 3 from the edge."""
SPECK = 12
"""Size in pixels of 64 x 64 below which a piece is dirt that a viewer overlooks, not a second
object: 3.5 x 3.5 pixels, a tenth of the smallest object."""
MAX_SPECKS = 40
"""Maximum number of pixels in all specks together (1 % of the picture) that are overlooked."""
FRINGE_REACH = 2
"""Maximum distance in pixels of a fringe from the object. The soft edge between two colors passes
through others (red to white through orange). A thin piece that an erosion by 3 x 3 removes is such
a fringe if it lies within this distance; a blur by 0.8 pixels still does."""

_GRID = 52
_ROOT_AREA = 24
_SHIFT = 2
_SCALES = (0.94, 1.0, 1.06)
_ANGLES = tuple(range(-40, 41, 5))
_RING_RATIOS = (0.35, 0.45, 0.55, 0.65, 0.75, 0.8)
_NEIGHBORS = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True)
class Match:
    """Which attributes of a picture match the request."""

    color: bool
    shape: bool
    background: bool
    clean: bool

    @property
    def all_right(self) -> bool:
        """True if color, shape and background are right, and there is nothing else."""
        return self.color and self.shape and self.background and self.clean


@dataclass(frozen=True)
class Verdict:
    """What a picture shows; None for an attribute that is not definite."""

    color: str | None
    """Color of the main object, one of COLORS."""
    shape: str | None
    """Shape of the main object, one of SHAPES."""
    background: str | None
    """Color of the border, one of COLORS."""
    iou: float
    """Overlap (intersection over union) of the object with the best template, in [0, 1]."""
    clean: bool
    """True if there is one object and nothing else."""

    def matches(self, color: str, shape: str, background: str) -> Match:
        """Compare the picture with the names in the request."""
        return Match(
            color=self.color == color,
            shape=self.shape == shape,
            background=self.background == background,
            clean=self.clean,
        )


@dataclass(frozen=True)
class _Pieces:
    """A picture segmented by color, as masks (64, 64)."""

    main: Mask
    color: int
    fringe: Mask
    clean: bool


@dataclass(frozen=True)
class _Fit:
    """The best template: its shape, its overlap, and what it covers."""

    shape: int
    iou: float
    lead: float
    """Difference to the overlap of the best template of another shape."""
    covered: float
    """Share of the template that the object covers."""
    purity: float
    """Share of the object in the part of the template that is not background."""


class Judge:
    """A judge of pictures, which holds the templates and no other state."""

    def __init__(self) -> None:
        self._palette = _lab(np.array(list(PALETTE.values()), dtype=np.uint8))
        self._templates, self._template_shapes = _build_templates()
        self._template_areas = self._templates.sum(axis=1)

    def verdict(self, image: NDArray[np.generic]) -> Verdict:
        """Judge an RGB picture (H, W, 3) of any size: uint8, or floats in [0, 1].

        Raises:
            PictureError: The array has another shape or type.
        """
        distances = self._distances(image)
        labels = distances.argmin(axis=-1)
        ground, share = _border_color(labels)
        background = COLORS[ground] if share > MIN_BORDER_SHARE else None
        pieces = _cut_up(labels, ground)
        if pieces is None:
            return Verdict(None, None, background, 0.0, clean=False)
        fit = self._fit(_whole(pieces, distances, ground), labels == ground)
        shaped = fit.iou > MIN_IOU and fit.lead > MIN_LEAD and fit.covered > MIN_PURITY
        return Verdict(
            color=COLORS[pieces.color] if fit.purity > MIN_PURITY else None,
            shape=SHAPES[fit.shape] if shaped else None,
            background=background,
            iou=fit.iou,
            clean=pieces.clean,
        )

    def object_count(self, image: NDArray[np.generic]) -> int:
        """Return how many objects a picture shows: connected pieces that are not background.

        A piece counts if it is thick and no speck, whatever colors its soft edges pass through.

        Args:
            image: Picture as for `verdict`.
        """
        labels = self._distances(image).argmin(axis=-1)
        found = ndimage.label(labels != _border_color(labels)[0], _NEIGHBORS)
        pieces, count = cast(tuple[NDArray[np.int32], int], found)
        areas = np.bincount(pieces.ravel(), minlength=count + 1)
        return int((_thick(pieces, count + 1) & (areas >= SPECK)).sum())

    def object_mask(self, image: NDArray[np.generic]) -> Mask:
        """Return a mask (64, 64) of the main object, all False if there is none.

        Args:
            image: Picture as for `verdict`.
        """
        distances = self._distances(image)
        labels = distances.argmin(axis=-1)
        ground, _ = _border_color(labels)
        pieces = _cut_up(labels, ground)
        if pieces is None:
            return np.zeros(labels.shape, dtype=bool)
        return _whole(pieces, distances, ground)

    def _distances(self, image: NDArray[np.generic]) -> NDArray[np.float32]:
        """Return the squared distances (64, 64, 8) in CIELAB to each color of the palette."""
        pixels = _lab(_resampled(image))
        return ((pixels[:, :, None] - self._palette) ** 2).sum(axis=-1)

    def _fit(self, mask: Mask, ground: Mask) -> _Fit:
        """Compare an object with all templates at its centroid and area."""
        y, x = (float(values.mean()) for values in np.nonzero(mask))
        step = math.sqrt(mask.sum()) / _ROOT_AREA
        windows = _windows(_sampled(mask, y, x, step))
        overlap = self._templates @ windows.T
        iou = overlap / (self._template_areas[:, None] + _ROOT_AREA**2 - overlap)
        best, shift = np.unravel_index(iou.argmax(), iou.shape)
        rivals = iou[self._template_shapes != self._template_shapes[best]]
        under = overlap[best, shift]
        other = self._templates[best] * (1 - windows[shift])
        other = other @ (1 - _windows(_sampled(ground, y, x, step))[shift])
        return _Fit(
            shape=int(self._template_shapes[best]),
            iou=min(float(iou[best, shift]), 1.0),
            lead=float(iou[best, shift] - rivals.max()),
            covered=float(under / self._template_areas[best]),
            purity=float(under / max(under + other, 1)),
        )


def _whole(pieces: _Pieces, distances: NDArray[np.float32], ground: int) -> Mask:
    """Return the main object with the part of its fringe that is closer to it in color."""
    nearer = distances[..., pieces.color] < distances[..., ground]
    return pieces.main | (pieces.fringe & nearer)


def _resampled(image: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Resize to (64, 64, 3): average over areas of a larger picture, interpolate a smaller one."""
    image = picture_bytes(image)
    if image.shape[:2] != (SIDE, SIDE):
        smaller = min(image.shape[:2]) < SIDE
        method = Image.Resampling.BICUBIC if smaller else Image.Resampling.BOX
        image = np.asarray(Image.fromarray(image).resize((SIDE, SIDE), method))
    return image.astype(np.uint8, copy=False)


def _lab(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Convert sRGB bytes to CIELAB (..., 3) with white point D65."""
    value = np.arange(256) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    xyz = linear[rgb] @ (to_xyz / to_xyz.sum(axis=1, keepdims=True)).T
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)


def _border_color(labels: NDArray[np.intp]) -> tuple[int, float]:
    """Return the most frequent color of the border, and its share of the border."""
    border = np.ones(labels.shape, dtype=bool)
    border[BORDER:-BORDER, BORDER:-BORDER] = False
    counts = np.bincount(labels[border])
    return int(counts.argmax()), float(counts.max() / counts.sum())


def _cut_up(labels: NDArray[np.intp], ground: int) -> _Pieces | None:
    """Find the main object and other pieces; return None if nothing is as thick as an object."""
    pieces, colors = _components(labels, ground)
    areas = np.bincount(pieces.ravel(), minlength=len(colors))
    thick = _thick(pieces, len(colors))
    if not thick.any():
        return None
    main = int(np.where(thick, areas, 0).argmax())
    near = ndimage.binary_dilation(pieces == main, _NEIGHBORS, iterations=FRINGE_REACH)
    fringe = np.logical_not(thick)
    fringe[pieces[np.logical_not(near)]] = False
    fringe[0] = False
    rest = np.where(fringe, 0, areas)
    rest[[0, main]] = 0
    clean = bool(rest.max() < SPECK and rest.sum() <= MAX_SPECKS)
    return _Pieces(pieces == main, colors[main], fringe[pieces], clean)


def _thick(pieces: NDArray[np.int32], count: int) -> Mask:
    """Return which pieces (count,) survive an erosion by 3 x 3, without the background."""
    lowest = ndimage.minimum_filter(pieces, 3, mode="constant")
    highest = ndimage.maximum_filter(pieces, 3, mode="constant")
    thick = np.zeros(count, dtype=bool)
    thick[pieces[lowest == highest]] = True
    thick[0] = False
    return thick


def _components(labels: NDArray[np.intp], ground: int) -> tuple[NDArray[np.int32], list[int]]:
    """Label the connected pieces of one color (64, 64), with 0 for the background.

    Returns:
        The labels, and the color of each.
    """
    pieces = np.zeros(labels.shape, dtype=np.int32)
    colors = [ground]
    for color in np.unique(labels[labels != ground]):
        found = ndimage.label(labels == color, _NEIGHBORS)
        numbered, count = cast(tuple[NDArray[np.int32], int], found)
        pieces += np.where(numbered > 0, numbered + len(colors) - 1, 0).astype(np.int32)
        colors += [int(color)] * count
    return pieces, colors


def _sampled(mask: Mask, y: float, x: float, step: float) -> NDArray[np.float32]:
    """Resample a mask around (y, x) with pixels of `step`, wide enough for all shifts."""
    size = _GRID + 2 * _SHIFT
    offsets = (np.arange(size) - (size - 1) / 2) * step
    rows, columns = np.meshgrid(y + offsets, x + offsets, indexing="ij")
    smooth = ndimage.map_coordinates(mask.astype(np.float32), [rows, columns], order=1)
    return (smooth > 0.5).astype(np.float32)


def _windows(sampled: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the grid at all shifts by up to two template pixels: (9, _GRID * _GRID)."""
    starts = range(0, 2 * _SHIFT + 1, _SHIFT)
    windows = [sampled[i : i + _GRID, j : j + _GRID].ravel() for i in starts for j in starts]
    return np.stack(windows)


def _build_templates() -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Return binary templates (T, _GRID * _GRID) of about the same area, and their shapes."""
    masks: list[NDArray[np.float32]] = []
    shapes: list[int] = []
    for shape in range(len(SHAPES)):
        for outline in _outlines(shape):
            masks.append(outline.astype(np.float32).ravel())
            shapes.append(shape)
    return np.stack(masks), np.array(shapes, dtype=np.intp)


def _outlines(shape: int) -> list[Mask]:
    """Return all sizes, rotations and ring thicknesses of one shape."""
    if SHAPES[shape] == "ring":
        return [_ring(ratio, scale) for ratio in _RING_RATIOS for scale in _SCALES]
    angles = (0,) if SHAPES[shape] == "circle" else _ANGLES
    area = _raster(shape, radius=20, angle=0).sum() / 20**2
    return [
        _raster(shape, scale * _ROOT_AREA / math.sqrt(area), math.radians(angle))
        for angle in angles
        for scale in _SCALES
    ]


def _ring(ratio: float, scale: float) -> Mask:
    """Return a ring whose hole has `ratio` of its outer radius; the world has only one ratio."""
    circle = SHAPES.index("circle")
    area = _raster(circle, radius=20, angle=0).sum() / 20**2 * (1 - ratio**2)
    radius = scale * _ROOT_AREA / math.sqrt(area)
    return _raster(circle, radius, 0) & ~_raster(circle, radius * ratio, 0)


def _raster(shape: int, radius: float, angle: float) -> Mask:
    """Return the pixels (_GRID, _GRID) whose centers lie inside a centered outline."""
    steps = (torch.arange(_GRID) - (_GRID - 1) / 2) / radius
    y, x = steps[:, None], steps[None, :]
    cos, sin = math.cos(angle), math.sin(angle)
    return (signed_distance(shape, cos * x + sin * y, cos * y - sin * x) < 0).numpy()
