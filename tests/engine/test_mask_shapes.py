"""Masks made wider, narrower and softer."""

import time

import numpy as np
from PIL import Image, ImageDraw

from engine.editing import feathered, grown


def square(size: int, low: int, high: int) -> Image.Image:
    mask = Image.new("L", (size, size))
    ImageDraw.Draw(mask).rectangle((low, low, high - 1, high - 1), fill=255)
    return mask


def test_a_mask_grows_and_shrinks_by_a_share_of_the_picture():
    mask = square(100, 40, 60)
    assert grown(mask, 0.05) == square(100, 35, 65)
    assert grown(mask, -0.05) == square(100, 45, 55)
    assert grown(mask, 0.001) == mask


def test_a_large_mask_grows_in_no_time():
    began = time.monotonic()
    grown(square(1264, 300, 900), 0.03)
    assert time.monotonic() - began < 2


def test_a_feathered_edge_lies_inside():
    mask = square(200, 50, 150)
    soft, hard = np.asarray(feathered(mask)), np.asarray(mask)
    assert (soft <= hard).all()
    assert soft[100, 100] == 255
    assert len(np.unique(soft[100])) > 4


def test_a_thin_line_is_not_feathered_away():
    mask = square(200, 50, 52)
    assert feathered(mask) == mask
