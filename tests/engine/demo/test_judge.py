"""The judge: right on what the world draws, and not to be talked into anything else."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from engine.demo.judge import Judge
from engine.demo.world import (
    COLORS,
    PALETTE,
    SHAPES,
    Scenes,
    object_masks,
    render,
    sample_scenes,
)
from engine.errors import PictureError

Pixels = NDArray[np.uint8]
ROWS, COLUMNS = np.mgrid[:64, :64]


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge()


def singles(count: int, seed: int = 21) -> Scenes:
    scenes = sample_scenes(2 * count, torch.Generator().manual_seed(seed))
    one = scenes.present()[:, 0] & ~scenes.present()[:, 1]
    return scenes[one][:count]


def pictures(scenes: Scenes) -> Pixels:
    return (render(scenes).permute(0, 2, 3, 1) * 255).round().byte().numpy()


def names(scenes: Scenes) -> list[tuple[str, str, str]]:
    columns = (scenes.color[:, 0], scenes.shape[:, 0], scenes.background)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [(COLORS[color], SHAPES[shape], COLORS[ground]) for color, shape, ground in rows]


def share_right(judge: Judge, images: Any, asked: list[tuple[str, str, str]]) -> float:
    right = [judge.verdict(i).matches(*a).all_right for i, a in zip(images, asked, strict=True)]
    return sum(right) / len(right)


def painted(mask: Any, color: str = "red", ground: str = "white") -> Pixels:
    """Draw a picture of a mask with hard edges."""
    return np.where(mask[..., None], PALETTE[color], PALETTE[ground]).astype(np.uint8)


def red_square() -> Pixels:
    return painted((abs(ROWS - 32) < 12) & (abs(COLUMNS - 32) < 12))


def test_true_pictures_are_right(judge: Judge):
    scenes = singles(120)
    assert share_right(judge, pictures(scenes), names(scenes)) == 1


def test_blurred_pictures_are_still_right(judge: Judge):
    scenes = singles(120, seed=22)
    blurred = ndimage.gaussian_filter(render(scenes).permute(0, 2, 3, 1).numpy(), (0, 0.8, 0.8, 0))
    assert share_right(judge, blurred, names(scenes)) >= 0.97


def test_one_wrong_attribute_is_not_right(judge: Judge):
    scenes = singles(60, seed=23)
    for image, (color, shape, ground) in zip(pictures(scenes), names(scenes), strict=True):
        verdict = judge.verdict(image)
        other_shape = SHAPES[SHAPES.index(shape) - 1]
        other_color = next(name for name in COLORS if name not in (color, ground))
        assert not verdict.matches(other_color, shape, ground).all_right
        assert not verdict.matches(color, other_shape, ground).all_right
        assert not verdict.matches(color, shape, other_color).all_right
        assert verdict.matches(color, other_shape, ground).color


def test_every_pair_of_colors_is_told_apart(judge: Judge):
    pairs = [(a, b) for a in range(8) for b in range(8) if a != b]
    scenes = singles(len(pairs), seed=24)
    scenes = scenes.replace(
        color=torch.tensor([[a, -1] for a, _ in pairs]),
        background=torch.tensor([b for _, b in pairs]),
    )
    assert share_right(judge, pictures(scenes), names(scenes)) == 1


@pytest.mark.parametrize("shape", SHAPES)
def test_the_worlds_whole_range_of_turns_and_sizes_is_right(judge: Judge, shape: str):
    grid = [(a, r) for a in (-18, -13, -6, 0, 4, 11, 18) for r in (0.17, 0.24, 0.33)]
    scenes = singles(len(grid), seed=25)
    scenes = scenes.replace(
        shape=torch.tensor([[SHAPES.index(shape), -1]] * len(grid)),
        angle=torch.tensor([[math.radians(a), 0.0] for a, _ in grid]),
        radius=torch.tensor([[r, 0.0] for _, r in grid]),
        center=torch.full((len(grid), 2, 2), 0.49),
    )
    assert share_right(judge, pictures(scenes), names(scenes)) == 1


@pytest.mark.parametrize("hole", [0.4, 0.55, 0.7, 0.8])
def test_thick_and_thin_rings_are_rings(judge: Judge, hole: float):
    distance = np.hypot(ROWS - 31, COLUMNS - 33)
    verdict = judge.verdict(painted((distance < 20) & (distance > 20 * hole)))
    assert verdict.matches("red", "ring", "white").all_right


def test_a_filled_ring_is_a_circle(judge: Judge):
    verdict = judge.verdict(painted(np.hypot(ROWS - 31, COLUMNS - 33) < 20))
    assert verdict.matches("red", "circle", "white").all_right


@pytest.mark.parametrize("side", [48, 96, 128, 200, 256])
@pytest.mark.parametrize("method", [Image.Resampling.NEAREST, Image.Resampling.BICUBIC])
def test_resized_pictures_are_right(judge: Judge, side: int, method: Image.Resampling):
    scenes = singles(20, seed=26)
    resized = [
        np.asarray(Image.fromarray(image).resize((side, side), method))
        for image in pictures(scenes)
    ]
    assert share_right(judge, resized, names(scenes)) >= 0.95


def test_floats_and_bytes_are_judged_alike(judge: Judge):
    for image in pictures(singles(5)):
        assert judge.verdict(image) == judge.verdict(image.astype(np.float32) / 255)


def test_noise_is_never_right(judge: Judge):
    random = np.random.default_rng(1)
    asked = names(singles(60))
    assert share_right(judge, random.random((60, 64, 64, 3)), asked) == 0
    smooth = ndimage.gaussian_filter(random.standard_normal((60, 64, 64, 3)), (0, 5, 5, 0))
    assert share_right(judge, 0.5 + 0.3 * smooth / smooth.std(), asked) == 0


def test_blobs_in_the_right_colors_have_no_shape(judge: Judge):
    field = ndimage.gaussian_filter(
        np.random.default_rng(2).standard_normal((120, 64, 64)), (0, 5, 5)
    )
    field = 0.6 * field / field.std(axis=(1, 2), keepdims=True)
    blobs = field + 1 - np.hypot(ROWS - 31.5, COLUMNS - 31.5) / 18 > 0
    verdicts = [judge.verdict(painted(blob)) for blob in blobs]
    named = sum(verdict.shape is not None and verdict.clean for verdict in verdicts)
    assert named <= 0.08 * len(verdicts)


def test_a_second_object_is_not_clean(judge: Judge):
    scenes = sample_scenes(300, torch.Generator().manual_seed(27))
    scenes = scenes[scenes.present()[:, 1]]
    assert not any(judge.verdict(image).clean for image in pictures(scenes))


def test_junk_that_touches_the_object_spoils_cleanness_but_not_the_shape(judge: Judge):
    image = red_square()
    image[20:28, 43:50] = PALETTE["green"]
    verdict = judge.verdict(image)
    assert (verdict.color, verdict.shape, verdict.background) == ("red", "square", "white")
    assert not verdict.clean


@pytest.mark.parametrize(
    ("rows", "columns", "clean"),
    [
        (slice(5, 7), slice(5, 8), True),
        (slice(5, 9), slice(5, 9), False),
        (slice(5, 6), slice(5, 30), False),
    ],
    ids=["speck", "patch", "thin line"],
)
def test_specks_are_overlooked_and_patches_and_lines_are_not(
    judge: Judge, rows: slice, columns: slice, clean: bool
):
    image = red_square()
    image[rows, columns] = PALETTE["blue"]
    assert judge.verdict(image).clean is clean


def test_many_specks_are_not_overlooked(judge: Judge):
    image = red_square()
    for start in range(4, 60, 6):
        image[4:7, start : start + 3] = PALETTE["blue"]
    assert not judge.verdict(image).clean


def test_a_soft_edge_is_no_second_object(judge: Judge):
    image = red_square()
    edge = ndimage.binary_dilation((image == PALETTE["red"]).all(axis=-1))
    image[edge & (image == PALETTE["white"]).all(axis=-1)] = PALETTE["orange"]
    assert judge.verdict(image).matches("red", "square", "white").all_right


def test_a_speckled_object_has_no_color(judge: Judge):
    image = red_square()
    image[22:42:2, 21:44] = PALETTE["green"]
    image[20:43, 22:42:3] = PALETTE["green"]
    assert not judge.verdict(image).matches("red", "square", "white").all_right


def test_a_patchy_border_is_no_background(judge: Judge):
    image = red_square()
    image[:, :8] = PALETTE["blue"]
    verdict = judge.verdict(image)
    assert verdict.background is None
    assert not verdict.clean


def test_an_empty_picture_has_only_a_background(judge: Judge):
    verdict = judge.verdict(painted(np.zeros((64, 64), dtype=bool)))
    assert (verdict.color, verdict.shape, verdict.background) == (None, None, "white")
    assert not verdict.clean


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((64, 64), dtype=np.uint8),
        np.zeros((64, 64, 4), dtype=np.uint8),
        np.zeros((0, 64, 3), dtype=np.uint8),
        np.zeros((64, 64, 3), dtype=np.int64),
        np.full((64, 64, 3), np.nan),
    ],
    ids=["grey", "alpha", "empty", "integers", "not finite"],
)
def test_other_arrays_are_refused(judge: Judge, array: NDArray[Any]):
    with pytest.raises(PictureError):
        judge.verdict(array)


def test_where_the_object_is(judge: Judge):
    scenes = singles(20)
    truth = (object_masks(scenes)[:, 0] > 0.5).numpy()
    for picture, mask in zip(pictures(scenes), truth, strict=True):
        found = judge.object_mask(picture)
        assert (found & mask).sum() / (found | mask).sum() > 0.9


def test_where_nothing_is_there_is_no_object(judge: Judge):
    assert not judge.object_mask(np.full((64, 64, 3), 245, dtype=np.uint8)).any()
