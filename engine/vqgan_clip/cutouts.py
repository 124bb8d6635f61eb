"""Cutouts: the many augmented views of one picture that a perceptor judges (Section 2.3).

All geometry of a cutout (crop, flip, affine, perspective) is one matrix and one resampling; color
and noise follow. All parameters are drawn from the run's own random generator, never from torch's
global one, so that a seed reproduces a picture while other runs are in progress.

Coordinates are normalised: (-1, -1) is the outer corner of the top left pixel, (1, 1) that of the
bottom right one, for every size in pixels (`align_corners=False`).
"""

import math
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from engine.recipes.augmentations import Augmentations, supersampling

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in a pixel's luminance (ITU-R BT.601)."""

YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))
"""Matrix from RGB to YIQ (NTSC), where a change of hue is a rotation of the I-Q plane."""

CORNERS = ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0))
"""Corners of a cutout, clockwise from the top left one."""


def make_cutouts(
    image: Tensor, count: int, size: int, augmentations: Augmentations, rng: torch.Generator
) -> Tensor:
    """Cut `count` augmented views out of each picture.

    Args:
        image: (B, 3, H, W), floats in [0, 1].
        count: number of cutouts per picture.
        size: side of a cutout in pixels.
        augmentations: the possible changes of a cutout, and their strengths.
        rng: source of all parameters, on the picture's device.

    Returns:
        (B * count, 3, size, size), picture by picture; floats around [0, 1]. Noise is not clamped,
        since a clamp would stop the gradient of saturated pixels.
    """
    batch, _, height, width = image.shape
    total = batch * count
    matrices = geometry(total, width / height, augmentations, rng)
    factor = supersampling(min(height, width), size, augmentations)
    cutouts = resample(image, matrices.to(image), size, factor)
    if augmentations.jitter > 0:
        cutouts = recolor(cutouts, color_matrices(total, augmentations, rng).to(image))
    if augmentations.noise > 0:
        strength = augmentations.noise * _uniform((total, 1, 1, 1), rng)
        noise = torch.randn(cutouts.shape, generator=rng, device=rng.device)
        cutouts = cutouts + (strength * noise).to(image)
    return cutouts


def geometry(
    count: int, aspect: float, augmentations: Augmentations, rng: torch.Generator
) -> Tensor:
    """Draw matrices (count, 3, 3) from a cutout's normalised coordinates to the picture's.

    `aspect` is width / height; a crop is square in pixels. Read the product from right to left:
    flip, perspective and affine move points within the cutout, then the crop places them.
    """
    matrices = _crop(count, aspect, augmentations, rng)
    if augmentations.affine > 0:
        matrices = matrices @ _affine(count, augmentations, rng)
    if augmentations.perspective > 0:
        matrices = matrices @ _perspective(count, augmentations, rng)
    if augmentations.flip > 0:
        matrices = matrices @ _flip(count, augmentations, rng)
    return matrices


def resample(image: Tensor, matrices: Tensor, size: int, factor: int = 1) -> Tensor:
    """Sample `image` (B, 3, H, W) through `matrices` (B * N, 3, 3): (B * N, 3, size, size).

    Sampling is bilinear. Along each axis `factor` samples are averaged into one pixel, so that a
    large picture does not alias in a small cutout. Beyond the border the picture is mirrored,
    since a perceptor would see a black or stretched border as content.
    """
    count = len(matrices) // len(image)
    fine = size * factor
    grid = _grid(matrices, fine).view(len(image), count * fine, fine, 2)
    sampled = F.grid_sample(image, grid, padding_mode="reflection", align_corners=False)
    sampled = sampled.unflatten(2, (count, fine)).transpose(1, 2).flatten(0, 1)
    return F.avg_pool2d(sampled, factor) if factor > 1 else sampled


def _grid(matrices: Tensor, side: int) -> Tensor:
    """Apply `matrices` (N, 3, 3) to the pixels of a square: (N, side, side, 2) of x and y.

    Before the division a projection is linear in x and in y, so a row plus a column gives all
    pixels.
    """
    steps = torch.arange(side, device=matrices.device, dtype=matrices.dtype)
    steps = (steps * 2 + 1) / side - 1
    rows = matrices[:, :, 1, None] * steps + matrices[:, :, 2, None]
    columns = matrices[:, :, 0, None] * steps
    x, y, scale = (rows[:, :, :, None] + columns[:, :, None, :]).unbind(1)
    return torch.stack((x / scale, y / scale), -1)


def color_matrices(count: int, augmentations: Augmentations, rng: torch.Generator) -> Tensor:
    """Draw matrices (count, 3, 3) on RGB that change hue, saturation and brightness."""
    rotation, saturation, brightness = 2 * _uniform((3, count), rng) - 1
    angle = 2 * math.pi * augmentations.hue * rotation
    chroma = 1 + augmentations.saturation * saturation
    to_yiq, to_rgb = _yiq_matrices(rng.device)
    rotated = torch.zeros(count, 3, 3, device=rng.device)
    rotated[:, 0, 0] = 1
    rotated[:, 1, 1] = rotated[:, 2, 2] = angle.cos() * chroma
    rotated[:, 2, 1] = angle.sin() * chroma
    rotated[:, 1, 2] = -rotated[:, 2, 1]
    matrices = to_rgb @ rotated @ to_yiq
    matrices = matrices * (1 + augmentations.brightness * brightness)[:, None, None]
    return _with_probability(matrices, augmentations.jitter, rng)


def recolor(images: Tensor, matrices: Tensor) -> Tensor:
    """Apply `matrices` (N, 3, 3) to the colors of `images` (N, 3, H, W)."""
    return torch.einsum("nij,njhw->nihw", matrices, images)


def _crop(count: int, aspect: float, augmentations: Augmentations, rng: torch.Generator) -> Tensor:
    low, high = augmentations.crop_min, augmentations.crop_max
    side = low + (high - low) * _uniform((count,), rng)
    shift = 2 * _uniform((2, count), rng) - 1
    x_scale, y_scale = side / max(aspect, 1.0), side * min(aspect, 1.0)
    matrices = _identity(count, rng)
    matrices[:, 0, 0], matrices[:, 1, 1] = x_scale, y_scale
    matrices[:, 0, 2], matrices[:, 1, 2] = shift[0] * (1 - x_scale), shift[1] * (1 - y_scale)
    return matrices


def _affine(count: int, augmentations: Augmentations, rng: torch.Generator) -> Tensor:
    rotation, right, down = 2 * _uniform((3, count), rng) - 1
    angle = math.radians(augmentations.degrees) * rotation
    matrices = _identity(count, rng)
    matrices[:, 0, 0] = matrices[:, 1, 1] = angle.cos()
    matrices[:, 1, 0], matrices[:, 0, 1] = angle.sin(), -angle.sin()
    matrices[:, 0, 2] = 2 * augmentations.translate * right
    matrices[:, 1, 2] = 2 * augmentations.translate * down
    return _with_probability(matrices, augmentations.affine, rng)


def _perspective(count: int, augmentations: Augmentations, rng: torch.Generator) -> Tensor:
    corners = _corners(rng.device).expand(count, 4, 2)
    moved = corners * (1 - augmentations.distortion * _uniform((count, 4, 2), rng))
    return _with_probability(_from_corners(moved), augmentations.perspective, rng)


def _from_corners(quads: Tensor) -> Tensor:
    """Return the projections (N, 3, 3) that take four points (N, 4, 2) to `CORNERS`.

    In closed form (Heckbert, "Fundamentals of Texture Mapping and Image Warping", 1989, 2.2.2): a
    solver would wait for the device to know whether a solution exists.
    """
    first, second, third, fourth = quads.unbind(1)
    right, left = second - third, fourth - third
    rest = first - second + third - fourth
    scale = _cross(right, left)
    g, h = _cross(rest, left) / scale, _cross(right, rest) / scale
    across, down = second - first + g * second, fourth - first + h * fourth
    # Columns of the projection from the unit square to the points.
    columns = [torch.cat(pair, 1) for pair in ((across, g), (down, h), (first, torch.ones_like(g)))]
    x, y, z = columns
    back = torch.stack([torch.linalg.cross(*pair) for pair in ((y, z), (z, x), (x, y))], 1)
    # `back` is its inverse, up to a factor. Continue to the square from -1 to 1.
    whole = back[:, 2:]
    return torch.cat((2 * back[:, :2] - whole, whole), 1)


def _cross(a: Tensor, b: Tensor) -> Tensor:
    """Return cross products (N, 1) of vectors (N, 2) in the plane."""
    return (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])[:, None]


def _flip(count: int, augmentations: Augmentations, rng: torch.Generator) -> Tensor:
    mirrors = _mirror(rng.device).expand(count, 3, 3)
    return _with_probability(mirrors, augmentations.flip, rng)


def _with_probability(matrices: Tensor, probability: float, rng: torch.Generator) -> Tensor:
    """Keep each of `matrices` (N, 3, 3) with `probability`, else replace it by the identity."""
    chosen = _uniform((len(matrices), 1, 1), rng) < probability
    return torch.where(chosen, matrices, _identity(len(matrices), rng))


def _identity(count: int, rng: torch.Generator) -> Tensor:
    return torch.eye(3, device=rng.device).repeat(count, 1, 1)


def _uniform(shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=rng, device=rng.device)


# Constants are copied to a device once, because each copy makes the program wait for a GPU.


@cache
def _yiq_matrices(device: torch.device) -> tuple[Tensor, Tensor]:
    """Return `YIQ` and its inverse, (3, 3) each."""
    to_yiq = torch.tensor(YIQ, device=device)
    return to_yiq, torch.linalg.inv_ex(to_yiq).inverse


@cache
def _corners(device: torch.device) -> Tensor:
    """Return `CORNERS`, (4, 2)."""
    return torch.tensor(CORNERS, device=device)


@cache
def _mirror(device: torch.device) -> Tensor:
    """Return the matrix (3, 3) that swaps left and right."""
    return torch.diag(torch.tensor((-1.0, 1.0, 1.0), device=device))
