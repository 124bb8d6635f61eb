import numpy as np
import pytest
from PIL import Image

from engine.images.contact_sheet import contact_sheet, numbered

COLOURS = [(255, 0, 0), (0, 128, 0), (0, 0, 255)]


def pictures() -> list[Image.Image]:
    return [Image.new("RGB", (40, 30), colour) for colour in COLOURS]


def test_pictures_stand_row_by_row():
    sheet = contact_sheet(pictures(), columns=2, gap=8)
    assert sheet.size == (8 + 2 * 48, 8 + 2 * 38)
    centres = [(8 + 20, 8 + 15), (56 + 20, 8 + 15), (8 + 20, 46 + 15)]
    assert [sheet.getpixel(centre) for centre in centres] == COLOURS
    assert sheet.getpixel((56 + 20, 46 + 15)) == (255, 255, 255)


def test_smaller_pictures_stand_in_the_middle_of_their_cell():
    sheet = contact_sheet([*pictures(), Image.new("RGB", (4, 4), "black")], columns=4, gap=0)
    black = np.argwhere((np.asarray(sheet) == 0).all(axis=2))
    assert black.min(axis=0).tolist() == [13, 120 + 18]
    assert black.max(axis=0).tolist() == [16, 120 + 21]


@pytest.mark.parametrize("size", [(64, 40), (512, 512)])
def test_a_number_covers_only_a_corner_of_a_copy(size: tuple[int, int]):
    picture = Image.new("RGB", size, "red")
    one, two = (np.asarray(numbered(picture, number)) for number in (1, 2))
    assert picture.getcolors() == [(size[0] * size[1], (255, 0, 0))]
    assert (one != two).any()
    changed = np.argwhere((two != np.asarray(picture)).any(axis=2))
    assert (changed.max(axis=0) < np.array(size[::-1]) / 2).all()


@pytest.mark.parametrize(
    "caption", ["red", "a caption of many words that does not fit", "x" * 5000, "🎨\n日本", ""]
)
def test_captions_are_written_below_and_never_outside_their_cell(caption: str):
    sheet = contact_sheet(pictures(), columns=3, captions=["", caption, ""], gap=8)
    ink = np.asarray(sheet.convert("L"))[8 + 30 :] < 128
    assert ink.any() == bool(caption)
    columns = np.flatnonzero(ink.any(axis=0))
    assert all(56 <= column < 96 for column in columns)
    assert sheet.height <= 8 + 30 + 3 * 14 + 8


@pytest.mark.parametrize(
    ("count", "columns", "captions"), [(0, 1, None), (2, 0, None), (2, 1, ["one"])]
)
def test_impossible_sheets_are_refused(count: int, columns: int, captions: list[str] | None):
    with pytest.raises(ValueError, match="at least one|as many captions"):
        contact_sheet(pictures()[:count], columns=columns, captions=captions)
