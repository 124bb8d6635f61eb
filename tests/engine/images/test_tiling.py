"""Pictures that are tiles stay tiles when they are resized."""

import numpy as np
import pytest
from PIL import Image

from engine.images.image_io import enlarge, fit
from engine.images.tiling import TILES, Tile, repeated, resize, tile_of, wraps_of

LANCZOS, BICUBIC = Image.Resampling.LANCZOS, Image.Resampling.BICUBIC


def noise(width: int, height: int) -> Image.Image:
    levels = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(levels)


def difference(one: Image.Image, other: Image.Image) -> int:
    assert one.size == other.size
    return int(np.abs(np.asarray(one, int) - np.asarray(other, int)).max())


def copies(picture: Image.Image) -> Image.Image:
    return Image.fromarray(np.tile(np.asarray(picture), (3, 3, 1)))


@pytest.mark.parametrize(("size", "method"), [((60, 32), BICUBIC), ((5, 4), LANCZOS)])
def test_a_resized_tile_is_the_middle_of_resized_copies(
    size: tuple[int, int], method: Image.Resampling
):
    picture, (width, height) = noise(20, 12), size
    endless = copies(picture).resize((3 * width, 3 * height), method)
    middle = endless.crop((width, height, 2 * width, 2 * height))
    assert difference(resize(picture, size, method, "both"), middle) <= 1
    assert difference(picture.resize(size, method), middle) > 1


@pytest.mark.parametrize("tile", TILES)
def test_only_the_edges_that_continue_change(tile: Tile):
    picture, wraps = noise(20, 12), wraps_of(tile)
    usual, found = enlarge(picture, 4), enlarge(picture, 4, tile)
    rows, columns = (np.asarray(usual) != np.asarray(found)).any(-1).nonzero()
    at_edges = (rows < 8) | (rows >= 40) | (columns < 8) | (columns >= 72)
    assert at_edges.all()
    assert bool(((rows >= 8) & (rows < 40)).any()) == wraps.columns
    assert bool(((columns >= 8) & (columns < 72)).any()) == wraps.rows
    assert tile_of(rows=wraps.rows, columns=wraps.columns) == tile
    assert (usual == found) == (tile == "none")


def test_a_tile_of_another_shape_is_cropped_as_usual():
    picture = noise(20, 12)
    assert fit(picture, 8, 8, "both") == fit(picture, 8, 8)
    assert fit(picture, 10, 6, "both") == resize(picture, (10, 6), LANCZOS, "both")


@pytest.mark.parametrize(
    ("tile", "size"), [("none", (3, 2)), ("x", (6, 2)), ("y", (3, 4)), ("both", (6, 4))]
)
def test_copies_of_a_tile_are_laid_side_by_side(tile: Tile, size: tuple[int, int]):
    picture = noise(3, 2)
    preview = repeated(picture, tile)
    assert preview.size == size
    for x in range(0, size[0], 3):
        for y in range(0, size[1], 2):
            assert preview.crop((x, y, x + 3, y + 2)) == picture
