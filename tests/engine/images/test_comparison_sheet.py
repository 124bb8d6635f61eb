import numpy as np
import pytest
from PIL import Image

from engine.images.comparison_sheet import GAP, SIDE, SheetRow, comparison_sheet

RED, BLUE = (255, 0, 0), (0, 0, 255)
FRAME = (11, 87, 208)


def row(count: int = 1, name: str = "GLIDE", chosen: int | None = None) -> SheetRow:
    picture = Image.new("RGB", (64, 64), RED)
    return SheetRow(name, "4.2 s · 127 steps · best of 5", (picture,) * count, chosen)


def pixels(sheet: Image.Image) -> np.ndarray:
    return np.asarray(sheet)


def is_colour(sheet: Image.Image, colour: tuple[int, int, int]) -> np.ndarray:
    return (pixels(sheet) == colour).all(axis=2)


def ink(sheet: Image.Image) -> np.ndarray:
    """Return where there are letters: what is dark and gray."""
    values = pixels(sheet).astype(int)
    return (values.max(axis=2) < 128) & (np.ptp(values, axis=2) < 8)


@pytest.mark.parametrize(("rows", "count"), [(1, 1), (5, 8)])
def test_each_system_has_a_row_with_all_its_pictures(rows: int, count: int):
    sheet = comparison_sheet("a red circle", [row(count)] * rows, ["painted on a CPU"])
    assert is_colour(sheet, RED).sum() == rows * count * SIDE * SIDE


def test_small_pictures_are_enlarged_in_sharp_pixels_and_others_smoothly():
    checks = Image.fromarray(np.indices((64, 64)).sum(axis=0).astype(np.uint8) % 2 * 255)
    for side, is_sharp in ((64, True), (48, False)):
        picture = checks.crop((0, 0, side, side))
        sheet = comparison_sheet("", [SheetRow("", "", (picture,))])
        shown = pixels(sheet)[GAP : GAP + SIDE, -GAP - SIDE : -GAP]
        assert np.isin(shown, (0, 255)).all() == is_sharp


@pytest.mark.parametrize("size", [(512, 256), (30, 60), (256, 256), (1000, 10)])
def test_pictures_are_never_cropped(size: tuple[int, int]):
    picture = Image.new("RGB", size, RED)
    picture.paste(BLUE, (0, 0, size[0] // 2, size[1]))
    sheet = comparison_sheet("", [SheetRow("", "", (picture,))])
    red, blue = (np.argwhere(is_colour(sheet, colour)) for colour in (RED, BLUE))
    shape = np.ptp(np.concatenate([red, blue]), axis=0) + 1
    assert shape.tolist() == [round(SIDE * side / max(size)) for side in size[::-1]]
    assert len(red) == pytest.approx(len(blue), rel=0.1)


def test_only_the_chosen_picture_has_a_frame():
    plain, framed = (comparison_sheet("a", [row(3, chosen=which)]) for which in (None, 1))
    assert not is_colour(plain, FRAME).any()
    places = np.argwhere(is_colour(framed, FRAME))
    red = np.argwhere(is_colour(framed, RED))
    assert (pixels(plain) != pixels(framed)).any(axis=2).sum() == len(places)
    assert red[:, 1].min() + SIDE < places[:, 1].min() < places[:, 1].max() < red[:, 1].max() - SIDE


@pytest.mark.parametrize("name", ["GLIDE", "a system with a name of many words " * 5, "x" * 900])
def test_texts_never_reach_pictures_or_other_rows(name: str):
    rows = [row(2, name), row(2, name)]
    sheet = comparison_sheet("a title that is long " * 9, rows, ["a footer that is long " * 30])
    letters, red = ink(sheet), is_colour(sheet, RED)
    assert red.sum() == 4 * SIDE * SIDE  # nothing is written over a picture
    first = np.flatnonzero(red.any(axis=0))[0]
    beside = letters[red.any(axis=1)]
    assert beside[:, :first].any()
    assert not beside[:, first:].any()
    assert not letters[:, -GAP:].any()


def test_headings_stand_above_their_columns():
    plain = comparison_sheet("a", [row(3)])
    headed = comparison_sheet("a", [row(3)], headings=["", "a child's drawing of a game", ""])
    assert headed.height > plain.height
    red = np.argwhere(is_colour(headed, RED))
    above = ink(headed)[: red[:, 0].min(), red[:, 1].min() :]
    columns = np.flatnonzero(above.any(axis=0))
    assert SIDE + GAP <= columns.min() <= columns.max() < 2 * SIDE + GAP


@pytest.mark.parametrize("text", ["à la façon de Müller", "赤い円の絵", "🎨 red", "\n\t\x00"])
def test_texts_in_any_language_can_be_drawn(text: str):
    sheet = comparison_sheet(text, [row(1, name=text)], [text], headings=[text])
    assert is_colour(sheet, RED).sum() == SIDE * SIDE


def test_a_sheet_without_pictures_is_refused():
    with pytest.raises(ValueError, match="at least one row"):
        comparison_sheet("a", [])
    with pytest.raises(ValueError, match="a picture in each"):
        comparison_sheet("a", [SheetRow("GLIDE", "", ())])
