"""Reads a picture of the demo world back, with colour distances and templates only.

No neural network takes part, so that a picture optimised against one cannot please the judge by
the same fault. Every pixel gets the palette's nearest colour in CIELAB; the main object is the
largest connected piece that is not background; its shape is the template of the world's own
outlines that overlaps it best. What the pictures contain is defined in `engine.demo.world`.
"""

import math
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from engine.demo.world import COLOURS, PALETTE, SHAPES, SIDE, signed_distance
from engine.errors import PictureError

Mask = NDArray[np.bool_]

MIN_IOU = 0.72
"""Overlap with its template above which an object has a shape."""
MIN_LEAD = 0.04
"""By how much the best shape must beat every other one. A blob overlaps the circle, the square
and the triangle all fairly well and is none of them; true shapes lead by 0.06 at least."""
MIN_PURITY = 0.75
"""Share of the template that must have the object's colour."""
MIN_BORDER_SHARE = 0.8
"""Share of the border that must have one colour for the picture to have a background."""
BORDER = 2
"""Width of the border in pixels; the world's objects keep 3 away from the edge."""
SPECK = 12
"""Pieces below this many pixels of 64 x 64 (a patch of 3.5 x 3.5, a tenth of the smallest
object) are dirt that a viewer overlooks, not a second object."""
MAX_SPECKS = 40
"""Specks above this many pixels together (1 % of the picture) are no longer overlooked."""
FRINGE_REACH = 2
"""The soft edge between two colours passes through third ones (red to white through orange). A
thin piece, gone after an erosion by 3 x 3, is such a fringe when no pixel of it is further than
this many pixels from the object; blurring by 0.8 pixels still stays inside."""

_GRID = 52
_ROOT_AREA = 24
_SHIFT = 2
_SCALES = (0.94, 1.0, 1.06)
_ANGLES = tuple(range(-40, 41, 5))
_RING_RATIOS = (0.35, 0.45, 0.55, 0.65, 0.75, 0.8)
_NEIGHBOURS = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True)
class Match:
    """How a picture fits what was asked for."""

    colour: bool
    shape: bool
    background: bool
    clean: bool

    @property
    def all_right(self) -> bool:
        """Colour, shape and background are right, and nothing else is in the picture."""
        return self.colour and self.shape and self.background and self.clean


@dataclass(frozen=True)
class Verdict:
    """What a picture shows; None where it shows nothing definite."""

    colour: str | None
    """The main object's colour, of COLOURS."""
    shape: str | None
    """The main object's shape, of SHAPES."""
    background: str | None
    """The border's colour, of COLOURS."""
    iou: float
    """Overlap of the object with the best template, in [0, 1]."""
    clean: bool
    """One object and nothing else."""

    def matches(self, colour: str, shape: str, background: str) -> Match:
        """Compare with the names that were asked for."""
        return Match(
            colour=self.colour == colour,
            shape=self.shape == shape,
            background=self.background == background,
            clean=self.clean,
        )


@dataclass(frozen=True)
class _Pieces:
    """The picture cut up by colour, as (64, 64) masks."""

    main: Mask
    colour: int
    fringe: Mask
    clean: bool


@dataclass(frozen=True)
class _Fit:
    """The best template: its shape, overlap, and what is under it."""

    shape: int
    iou: float
    lead: float
    """How far the best template of any other shape is behind."""
    covered: float
    """Share of the template that is object."""
    purity: float
    """Share of the object in what is under the template and not background."""


class Judge:
    """Holds the templates; one judge serves any number of pictures and keeps no other state."""

    def __init__(self) -> None:
        self._palette = _lab(np.array(list(PALETTE.values()), dtype=np.uint8))
        self._templates, self._template_shapes = _build_templates()
        self._template_areas = self._templates.sum(axis=1)

    def verdict(self, image: NDArray[np.generic]) -> Verdict:
        """Judge an RGB picture (H, W, 3) of any size: uint8, or floats that mean [0, 1].

        Raises PictureError for any other array.
        """
        distances = self._distances(image)
        labels = distances.argmin(axis=-1)
        ground, share = _border_colour(labels)
        background = COLOURS[ground] if share > MIN_BORDER_SHARE else None
        pieces = _cut_up(labels, ground)
        if pieces is None:
            return Verdict(None, None, background, 0.0, clean=False)
        fit = self._fit(_whole(pieces, distances, ground), labels == ground)
        shaped = fit.iou > MIN_IOU and fit.lead > MIN_LEAD and fit.covered > MIN_PURITY
        return Verdict(
            colour=COLOURS[pieces.colour] if fit.purity > MIN_PURITY else None,
            shape=SHAPES[fit.shape] if shaped else None,
            background=background,
            iou=fit.iou,
            clean=pieces.clean,
        )

    def object_mask(self, image: NDArray[np.generic]) -> Mask:
        """Where the main object is: (64, 64), nowhere true if there is none.

        Takes what `verdict` takes.
        """
        distances = self._distances(image)
        labels = distances.argmin(axis=-1)
        ground, _ = _border_colour(labels)
        pieces = _cut_up(labels, ground)
        if pieces is None:
            return np.zeros(labels.shape, dtype=bool)
        return _whole(pieces, distances, ground)

    def _distances(self, image: NDArray[np.generic]) -> NDArray[np.float32]:
        """Squared distances (64, 64, 8) in CIELAB to each colour of the palette."""
        pixels = _lab(_resampled(image))
        return ((pixels[:, :, None] - self._palette) ** 2).sum(axis=-1)

    def _fit(self, mask: Mask, ground: Mask) -> _Fit:
        """Compare an object with every template at its own centroid and area."""
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
    """The main object with its fringe, which belongs to whichever side it resembles more."""
    nearer = distances[..., pieces.colour] < distances[..., ground]
    return pieces.main | (pieces.fringe & nearer)


def _resampled(image: NDArray[np.generic]) -> NDArray[np.uint8]:
    """(64, 64, 3): averaged over areas if larger, interpolated if smaller."""
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise PictureError(f"A picture to judge must be (height, width, 3), not {image.shape}.")
    if np.issubdtype(image.dtype, np.floating):
        if not np.isfinite(image).all():
            raise PictureError("A picture to judge must hold finite numbers between 0 and 1.")
        image = np.rint(np.clip(image.astype(np.float32), 0, 1) * 255).astype(np.uint8)
    if image.dtype != np.uint8:
        raise PictureError(f"A picture to judge must hold bytes or floats, not {image.dtype}.")
    if image.shape[:2] != (SIDE, SIDE):
        smaller = min(image.shape[:2]) < SIDE
        method = Image.Resampling.BICUBIC if smaller else Image.Resampling.BOX
        image = np.asarray(Image.fromarray(image).resize((SIDE, SIDE), method))
    return image.astype(np.uint8, copy=False)


def _lab(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """CIELAB (..., 3) of sRGB bytes, white point D65."""
    value = np.arange(256) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    xyz = linear[rgb] @ (to_xyz / to_xyz.sum(axis=1, keepdims=True)).T
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)


def _border_colour(labels: NDArray[np.intp]) -> tuple[int, float]:
    """The border's most frequent colour and the share of the border that has it."""
    border = np.ones(labels.shape, dtype=bool)
    border[BORDER:-BORDER, BORDER:-BORDER] = False
    counts = np.bincount(labels[border])
    return int(counts.argmax()), float(counts.max() / counts.sum())


def _cut_up(labels: NDArray[np.intp], ground: int) -> _Pieces | None:
    """Find the main object and what else there is; None if nothing is as thick as an object."""
    pieces, colours = _components(labels, ground)
    areas = np.bincount(pieces.ravel(), minlength=len(colours))
    thick = _thick(pieces, len(colours))
    if not thick.any():
        return None
    main = int(np.where(thick, areas, 0).argmax())
    near = ndimage.binary_dilation(pieces == main, _NEIGHBOURS, iterations=FRINGE_REACH)
    fringe = np.logical_not(thick)
    fringe[pieces[np.logical_not(near)]] = False
    fringe[0] = False
    rest = np.where(fringe, 0, areas)
    rest[[0, main]] = 0
    clean = bool(rest.max() < SPECK and rest.sum() <= MAX_SPECKS)
    return _Pieces(pieces == main, colours[main], fringe[pieces], clean)


def _thick(pieces: NDArray[np.int32], count: int) -> Mask:
    """(count,): which pieces survive an erosion by 3 x 3; the background does not count."""
    lowest = ndimage.minimum_filter(pieces, 3, mode="constant")
    highest = ndimage.maximum_filter(pieces, 3, mode="constant")
    thick = np.zeros(count, dtype=bool)
    thick[pieces[lowest == highest]] = True
    thick[0] = False
    return thick


def _components(labels: NDArray[np.intp], ground: int) -> tuple[NDArray[np.int32], list[int]]:
    """Number the connected pieces of one colour (64, 64), 0 being the background.

    Returns the numbers and the colour of each.
    """
    pieces = np.zeros(labels.shape, dtype=np.int32)
    colours = [ground]
    for colour in np.unique(labels[labels != ground]):
        found = ndimage.label(labels == colour, _NEIGHBOURS)
        numbered, count = cast(tuple[NDArray[np.int32], int], found)
        pieces += np.where(numbered > 0, numbered + len(colours) - 1, 0).astype(np.int32)
        colours += [int(colour)] * count
    return pieces, colours


def _sampled(mask: Mask, y: float, x: float, step: float) -> NDArray[np.float32]:
    """A mask resampled around (y, x) with pixels of `step`, wide enough for every shift."""
    size = _GRID + 2 * _SHIFT
    offsets = (np.arange(size) - (size - 1) / 2) * step
    rows, columns = np.meshgrid(y + offsets, x + offsets, indexing="ij")
    smooth = ndimage.map_coordinates(mask.astype(np.float32), [rows, columns], order=1)
    return (smooth > 0.5).astype(np.float32)


def _windows(sampled: NDArray[np.float32]) -> NDArray[np.float32]:
    """The grid at every shift by a template pixel or two: (9, _GRID * _GRID)."""
    starts = range(0, 2 * _SHIFT + 1, _SHIFT)
    windows = [sampled[i : i + _GRID, j : j + _GRID].ravel() for i in starts for j in starts]
    return np.stack(windows)


def _build_templates() -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Templates (T, _GRID * _GRID) of 0 and 1 that all have about one area, and their shapes."""
    masks: list[NDArray[np.float32]] = []
    shapes: list[int] = []
    for shape in range(len(SHAPES)):
        for outline in _outlines(shape):
            masks.append(outline.astype(np.float32).ravel())
            shapes.append(shape)
    return np.stack(masks), np.array(shapes, dtype=np.intp)


def _outlines(shape: int) -> list[Mask]:
    """Every size, rotation and ring thickness of one shape."""
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
    """A ring whose hole has `ratio` of its outer radius; the world itself has only one."""
    circle = SHAPES.index("circle")
    area = _raster(circle, radius=20, angle=0).sum() / 20**2 * (1 - ratio**2)
    radius = scale * _ROOT_AREA / math.sqrt(area)
    return _raster(circle, radius, 0) & ~_raster(circle, radius * ratio, 0)


def _raster(shape: int, radius: float, angle: float) -> Mask:
    """(_GRID, _GRID): the pixels whose centre is inside an outline in the middle."""
    steps = (torch.arange(_GRID) - (_GRID - 1) / 2) / radius
    y, x = steps[:, None], steps[None, :]
    cos, sin = math.cos(angle), math.sin(angle)
    return (signed_distance(shape, cos * x + sin * y, cos * y - sin * x) < 0).numpy()
