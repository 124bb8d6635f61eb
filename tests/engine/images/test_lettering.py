from collections.abc import Iterator

import pytest
from PIL.ImageFont import FreeTypeFont

from engine.images import lettering
from engine.images.lettering import default_font, find_font, legible, missing_characters, wrap


@pytest.fixture(name="font")
def _font() -> FreeTypeFont:
    return default_font(20)


def test_what_the_font_has_stays_and_what_it_lacks_leaves_no_box(font: FreeTypeFont):
    assert legible("a red\n circle, 4.2 s · ×", font).startswith("a red circle, 4.2 s · ")
    assert legible("façon é 赤い円 red 🎨", font) == "facon e … red …"


def test_every_legible_text_can_be_drawn(font: FreeTypeFont):
    for text in ("naïve 日本 🎨", "ﬁ ½ İ ß", "\u0301\u200d", ""):
        assert not missing_characters(legible(text, font), font)


def test_text_is_drawn_in_the_first_font_that_has_it(
    font: FreeTypeFont, monkeypatch: pytest.MonkeyPatch
):
    def no_fonts(_: float) -> Iterator[FreeTypeFont]:
        yield from ()

    monkeypatch.setattr(lettering, "_system_fonts", no_fonts)
    for text in ("red", "é 赤"):
        assert find_font(text, 20).getname() == font.getname()


@pytest.mark.parametrize("text", ["a b c", "many words in a row " * 9, "x" * 300, "a " + "y" * 90])
@pytest.mark.parametrize("most", [1, 3])
def test_lines_fit_into_the_width(text: str, most: int, font: FreeTypeFont):
    lines = wrap(text, 120, font, most=most)
    assert len(lines) <= most
    assert all(font.getlength(line) <= 120 for line in lines)
    is_cut = lines[-1].endswith(" …")
    assert is_cut or "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_no_text_has_no_lines(font: FreeTypeFont):
    assert wrap("", 120, font, most=3) == []
