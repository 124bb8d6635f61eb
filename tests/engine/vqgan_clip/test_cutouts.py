import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from engine.images.tiling import TILES, Tile, wraps_of
from engine.recipes.augmentations import PAPER, Augmentations
from engine.vqgan_clip.cutouts import (
    LUMA,
    make_cutouts,
    recolor,
    resample,
)
from engine.vqgan_clip.views import color_matrices, geometry

NONE = Augmentations()
ROUNDING = 1e-4
"""How far colours may be off, from 0 to 1: places are rounded, and neighbours differ by up to 1."""


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def picture(batch: int = 1, height: int = 16, width: int = 16, seed: int = 9) -> Tensor:
    return torch.rand((batch, 3, height, width), generator=seeded(seed))


def place_picture(height: int, width: int) -> Tensor:
    """Return a picture whose first two channels are the x and y of each pixel's centre."""
    x = (torch.arange(width) + 0.5).expand(height, width)
    y = (torch.arange(height) + 0.5)[:, None].expand(height, width)
    return torch.stack((x, y, torch.zeros(height, width)))[None]


def crop_places(cutouts: Tensor) -> tuple[Tensor, Tensor]:
    """Return the top left corner (N, 2) and sides (N, 2) in pixels of crops of a `place_picture`.

    Read off the slope between two inner pixels: the outermost half pixel is mirrored.
    """
    size = cutouts.shape[-1]
    x, y = cutouts[:, 0, size // 2], cutouts[:, 1, :, size // 2]
    first, last = size // 4, size - 1 - size // 4
    lines = torch.stack((x, y), 1)
    slopes = (lines[..., last] - lines[..., first]) / (last - first)
    return lines[..., first] - (first + 0.5) * slopes, slopes * size


def checkerboard(side: int) -> Tensor:
    steps = torch.arange(side)
    return ((steps[:, None] + steps) % 2).float().expand(1, 3, side, side)


@pytest.mark.parametrize(("batch", "count", "size"), [(1, 1, 8), (1, 5, 16), (3, 2, 24)])
@pytest.mark.parametrize("augmentations", [NONE, PAPER])
def test_make_cutouts_returns_count_per_picture(
    batch: int, count: int, size: int, augmentations: Augmentations
):
    cutouts = make_cutouts(picture(batch, 16, 20), count, size, augmentations, seeded())
    assert cutouts.shape == (batch * count, 3, size, size)


def test_cutout_without_augmentations_is_the_picture():
    image = picture()
    for cutout in make_cutouts(image, 3, 16, NONE, seeded()):
        torch.testing.assert_close(cutout, image[0], rtol=0, atol=ROUNDING)


def test_cutouts_are_grouped_by_picture():
    images = torch.stack([torch.full((3, 16, 16), value) for value in (0.1, 0.5, 0.9)])
    means = make_cutouts(images, 2, 8, PAPER.only("crop"), seeded()).mean((1, 2, 3))
    expected = torch.tensor([0.1, 0.1, 0.5, 0.5, 0.9, 0.9])
    torch.testing.assert_close(means, expected, rtol=0, atol=ROUNDING)


def test_cutouts_do_not_depend_on_memory_layout():
    image = picture(2)
    other = image.contiguous(memory_format=torch.channels_last)
    augmentations = replace(PAPER, crop_max=0.7)
    torch.testing.assert_close(
        make_cutouts(other, 3, 5, augmentations, seeded()),
        make_cutouts(image, 3, 5, augmentations, seeded()),
        rtol=0,
        atol=ROUNDING,
    )


def test_cutouts_depend_only_on_rng_state():
    image = picture(1, 16, 20)
    before = torch.get_rng_state()
    once, again, other = (make_cutouts(image, 4, 8, PAPER, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_flip_with_probability_1_mirrors():
    image = picture()
    cutouts = make_cutouts(image, 2, 16, Augmentations(flip=1.0), seeded())
    torch.testing.assert_close(cutouts, image.flip(-1).expand(2, -1, -1, -1), rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("probability", [0.3, 0.5])
def test_flip_has_its_probability(probability: float):
    image = place_picture(8, 8)
    cutouts = make_cutouts(image, 1000, 8, Augmentations(flip=probability), seeded())
    flipped = cutouts[:, 0, 0, 0] > cutouts[:, 0, 0, -1]
    assert abs(flipped.float().mean() - probability) < 0.05


@pytest.mark.parametrize(("height", "width"), [(40, 40), (40, 80), (80, 40), (36, 100)])
def test_crops_are_square_and_inside_and_cover_the_picture(height: int, width: int):
    augmentations = Augmentations(crop_min=0.4, crop_max=0.9)
    cutouts = make_cutouts(place_picture(height, width), 500, 16, augmentations, seeded())
    corners, sides = crop_places(cutouts)
    shorter = min(height, width)
    torch.testing.assert_close(sides[:, 0], sides[:, 1], rtol=0, atol=1e-2)
    assert (sides > 0.4 * shorter - 0.01).all()
    assert (sides < 0.9 * shorter + 0.01).all()
    assert sides.min() < 0.42 * shorter
    assert sides.max() > 0.88 * shorter
    far_corners = corners + sides
    bounds = torch.tensor([width, height])
    assert (corners > -0.01).all()
    assert (far_corners < bounds + 0.01).all()
    assert (corners.amin(0) < 0.03 * bounds).all()
    assert (far_corners.amax(0) > 0.97 * bounds).all()


def test_full_crops_of_a_wide_picture_are_its_largest_squares():
    corners, sides = crop_places(make_cutouts(place_picture(20, 60), 200, 20, NONE, seeded()))
    torch.testing.assert_close(sides, torch.full((200, 2), 20.0), rtol=0, atol=1e-2)
    assert corners[:, 0].min() < 2
    assert corners[:, 0].max() > 38
    assert corners[:, 1].abs().max() < 1e-2


def test_resample_rotates_by_a_quarter():
    image = picture()
    quarter = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])[None]
    turned = resample(image, quarter, 16)
    torch.testing.assert_close(turned, torch.rot90(image, 1, (2, 3)), rtol=0, atol=ROUNDING)


def test_resample_uses_own_matrices_per_picture():
    images = picture(2)
    mirror = torch.diag(torch.tensor([-1.0, 1.0, 1.0]))
    matrices = torch.stack((torch.eye(3), mirror, mirror, torch.eye(3)))
    expected = torch.stack((images[0], images[0].flip(-1), images[1].flip(-1), images[1]))
    torch.testing.assert_close(resample(images, matrices, 16), expected, rtol=0, atol=ROUNDING)


def test_resample_mirrors_beyond_the_border():
    image = picture()
    half_right = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])[None]
    right = image[..., 8:]
    expected = torch.cat((right, right.flip(-1)), -1)
    torch.testing.assert_close(resample(image, half_right, 16), expected, rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("aspect", [0.5, 1.0, 2.0])
def test_affine_is_rigid_for_every_aspect(aspect: float):
    augmentations = Augmentations(affine=1.0, degrees=30.0, translate=0.1)
    matrices = geometry(500, aspect, augmentations, seeded())
    to_pixels = torch.diag(torch.tensor([aspect, 1.0]) / min(aspect, 1.0))
    turns = to_pixels @ matrices[:, :2, :2]
    torch.testing.assert_close(
        turns @ turns.mT, torch.eye(2).expand(500, 2, 2), rtol=0, atol=ROUNDING
    )
    angles = torch.atan2(turns[:, 1, 0], turns[:, 0, 0]).rad2deg()
    assert angles.abs().max() <= 30
    assert angles.min() < -28
    assert angles.max() > 28


def test_affine_shift_stays_within_its_limit():
    augmentations = Augmentations(affine=1.0, translate=0.1)
    cutouts = make_cutouts(place_picture(40, 40), 200, 20, augmentations, seeded())
    centres = cutouts[:, :2, 9:11, 9:11].mean((2, 3)) - 20
    assert centres.abs().max() < 4.01
    assert (centres.abs().amax(0) > 3.8).all()


@pytest.mark.parametrize("distortion", [0.2, 0.4])
def test_perspective_moves_corners_inwards_within_distortion(distortion: float):
    augmentations = Augmentations(perspective=1.0, distortion=distortion)
    matrices = geometry(2000, 1.0, augmentations, seeded()).double()
    corners = torch.tensor([[-1.0, -1, 1], [1, -1, 1], [1, 1, 1], [-1, 1, 1]]).double()
    moved = torch.linalg.inv(matrices)[:, None] @ corners[..., None]
    moved = (moved[..., :2, 0] / moved[..., 2:, 0]) * corners[:, :2]
    assert moved.min() > 1 - distortion - 1e-4
    assert moved.min() < 1 - 0.95 * distortion
    assert moved.max() < 1 + 1e-4
    seen = matrices[:, None] @ corners[..., None]
    assert (seen[..., 2, 0] > 0).all(), "part of a cutout lies behind the horizon"


@pytest.mark.parametrize("shrinking", [2, 3, 4])
def test_pixel_of_a_smaller_cutout_is_a_mean(shrinking: int):
    image = picture(1, 16 * shrinking, 16 * shrinking)
    expected = F.avg_pool2d(image, shrinking)
    torch.testing.assert_close(
        make_cutouts(image, 1, 16, NONE, seeded()), expected, rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("size", [16, 32])
def test_checkerboard_becomes_grey_in_a_smaller_cutout(size: int):
    cutouts = make_cutouts(checkerboard(64), 2, size, NONE, seeded())
    torch.testing.assert_close(cutouts, torch.full_like(cutouts, 0.5), rtol=0, atol=ROUNDING)


@pytest.mark.parametrize("seed", range(3))
def test_checkerboard_stays_nearly_grey_in_random_crops(seed: int):
    augmentations = Augmentations(crop_min=0.7)
    cutouts = make_cutouts(checkerboard(64), 20, 16, augmentations, seeded(seed))
    assert (cutouts - 0.5).abs().max() < 0.2
    assert abs(cutouts.mean() - 0.5) < 0.01


def test_hue_rotation_keeps_luma_and_greys():
    augmentations = Augmentations(jitter=1.0, hue=0.5, saturation=0.5)
    matrices = color_matrices(50, augmentations, seeded())
    images = picture(50)
    recoloured = recolor(images, matrices)
    luma = torch.tensor(LUMA).view(1, 3, 1, 1)
    torch.testing.assert_close(
        (recoloured * luma).sum(1), (images * luma).sum(1), rtol=0, atol=ROUNDING
    )
    greys = images[:, :1].expand(-1, 3, -1, -1)
    torch.testing.assert_close(recolor(greys, matrices), greys, rtol=0, atol=ROUNDING)
    assert ((recoloured - images).abs().amax((1, 2, 3)) > 0.01).all()


def test_saturation_moves_colours_along_the_line_to_grey():
    augmentations = Augmentations(jitter=1.0, saturation=0.5)
    images = picture(50)
    recoloured = make_cutouts(images, 1, 16, augmentations, seeded())
    grey = (images * torch.tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
    scales = (recoloured - grey).flatten(1).norm(dim=1) / (images - grey).flatten(1).norm(dim=1)
    assert 0.5 <= scales.min() < 0.6
    assert 1.4 < scales.max() <= 1.5


def test_brightness_scales_all_channels():
    augmentations = Augmentations(jitter=1.0, brightness=0.3)
    scales = make_cutouts(torch.full((1, 3, 8, 8), 0.5), 100, 8, augmentations, seeded()) / 0.5
    torch.testing.assert_close(
        scales, scales[:, :1, :1, :1].expand_as(scales), rtol=0, atol=ROUNDING
    )
    assert 0.7 <= scales.min() < 0.75
    assert 1.25 < scales.max() <= 1.3


def test_noise_strength_differs_between_cutouts():
    grey = torch.full((1, 3, 32, 32), 0.5)
    cutouts = make_cutouts(grey, 100, 32, Augmentations(noise=0.1), seeded())
    deviations = cutouts.flatten(1).std(1)
    assert deviations.min() < 0.01
    assert 0.09 < deviations.max() < 0.105
    assert abs(cutouts.mean() - 0.5) < 1e-3
    assert not torch.equal(cutouts[0], cutouts[1])


def test_cutouts_pass_gradcheck():
    image = picture(1, 6, 8).double().requires_grad_()
    augmentations = replace(PAPER, hue=0.1, saturation=0.3, brightness=0.2)
    assert torch.autograd.gradcheck(
        lambda image: make_cutouts(image, 2, 4, augmentations, seeded()), (image,)
    )


def test_gradient_reaches_all_covered_pixels():
    image = picture(2, 24, 24).requires_grad_()
    make_cutouts(image, 20, 12, replace(PAPER, crop_min=1.0), seeded()).square().sum().backward()
    assert image.grad is not None
    assert math.isfinite(image.grad.sum().item())
    assert (image.grad != 0).all()


SHIFT = torch.tensor([[[1.0, 0.0, 0.5], [0.0, 1.0, -1.0], [0.0, 0.0, 1.0]]])
"""A view of the whole picture, a quarter to the right and a half up."""


@pytest.mark.parametrize(("height", "width"), [(16, 16), (12, 32)])
def test_a_view_of_a_tile_goes_on_across_its_edges(height: int, width: int):
    image = picture(1, height, width)
    seen = resample(image, SHIFT, 4 * width, tile="both")
    still = torch.eye(3)[None]
    moved = image.roll((height // 2, -width // 4), (2, 3))
    expected = resample(moved, still, 4 * width, tile="both")
    torch.testing.assert_close(seen, expected, rtol=0, atol=ROUNDING)


def test_a_tile_along_one_axis_is_mirrored_along_the_other():
    image = picture(1, 16, 16)
    seen = resample(image, SHIFT, 16, tile="x")
    expected = resample(torch.cat((image[..., 4:], image[..., :4]), 3), _up(), 16, tile="x")
    torch.testing.assert_close(seen, expected, rtol=0, atol=ROUNDING)
    mirrored = torch.cat((image[:, :, :8].flip(2), image[:, :, :8]), 2).roll(-4, 3)
    torch.testing.assert_close(seen, mirrored, rtol=0, atol=ROUNDING)


def _up() -> Tensor:
    only_up = SHIFT.clone()
    only_up[:, 0, 2] = 0
    return only_up


@pytest.mark.parametrize("tile", TILES)
@pytest.mark.parametrize("aspect", [0.5, 1.0, 1.5])
def test_views_lie_across_the_edges_that_wrap_and_no_others(tile: Tile, aspect: float):
    augmentations = Augmentations(crop_min=0.4, crop_max=0.8)
    matrices = geometry(2000, aspect, augmentations, seeded(), tile)
    scales, places = matrices.diagonal(dim1=1, dim2=2)[:, :2], matrices[:, :2, 2]
    beyond = ((places.abs() + scales - 1) / (2 * scales)).amax(0)  # in views, of x and y
    for found, wrapped in zip(beyond.tolist(), reversed(wraps_of(tile)), strict=True):
        assert found == pytest.approx(0.25 if wrapped else 0.0, abs=0.02)


def test_the_gradient_of_a_view_reaches_both_sides_of_a_seam():
    image = picture(1, 16, 16).requires_grad_()
    resample(image, SHIFT, 32, tile="both")[..., 23:25].sum().backward()  # where the seam is
    assert image.grad is not None
    assert image.grad[..., 0].abs().sum() > 0
    assert image.grad[..., -1].abs().sum() > 0
