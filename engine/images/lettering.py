"""Text in pictures: fonts that have its characters, and its lines.

The font that comes with Pillow has the letters of English. Texts with others are drawn in a font of
the system, if there is one that has them.
"""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from itertools import groupby

from PIL import Image, ImageDraw, ImageFont
from PIL.ImageFont import FreeTypeFont

_SYSTEM_FONTS = (
    *("DejaVuSans.ttf", "NotoSans-Regular.ttf", "LiberationSans-Regular.ttf", "arial.ttf"),
    *("NotoSansCJK-Regular.ttc", "NotoSansCJKjp-Regular.otf", "NotoSansJP-Regular.otf"),
    *("ipaexg.ttf", "ipag.ttf", "fonts-japanese-gothic.ttf", "meiryo.ttc", "msgothic.ttc"),
    *("ヒラギノ角ゴシック W3.ttc", "Arial Unicode.ttf"),
)
"""File names of common fonts with letters of many languages, then those with Japanese ones."""
_UNKNOWN = "\U0010ffff"
"""A character that no font has: what is drawn for it is drawn for every missing one."""


def default_font(size: float) -> FreeTypeFont:
    """Return the font that comes with Pillow, for texts `size` pixels high.

    Raises `RuntimeError` if this Pillow cannot draw fonts.
    """
    font = ImageFont.load_default(size=size)
    if not isinstance(font, FreeTypeFont):
        raise RuntimeError("this Pillow was built without FreeType")
    return font


def find_font(text: str, size: float) -> FreeTypeFont:
    """Return the first font that has all characters of `text`, or the one that has the most."""
    default = default_font(size)
    if not missing_characters(text, default):
        return default
    fonts = [default, *_system_fonts(size)]
    return min(fonts, key=lambda font: len(missing_characters(text, font)))


def missing_characters(text: str, font: FreeTypeFont) -> set[str]:
    """Return the characters of `text` for which the font would draw a box."""
    box = _drawn(_UNKNOWN, font)
    return {each for each in set(text) if not each.isspace() and _drawn(each, font) == box}


def legible(text: str, font: FreeTypeFont) -> str:
    """Return `text` on one line in characters that the font has.

    A letter with a missing accent loses it, and an ellipsis stands for other missing characters.
    """
    text = " ".join(text.split())
    missing = missing_characters(text, font)
    if not missing:
        return text
    bare = "".join(_without_accents(each) if each in missing else each for each in text)
    missing = missing_characters(bare, font)
    runs = groupby(bare, key=lambda each: each in missing)
    return "".join("…" if is_missing else "".join(run) for is_missing, run in runs)


def wrap(text: str, width: float, font: FreeTypeFont, *, most: int) -> list[str]:
    """Break `text` into at most `most` lines of `width` pixels, with an ellipsis if it is cut.

    Lines break at spaces, and within words that are too long for a line.
    """
    lines: list[str] = []
    for word in _pieces(text, width, font):
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] = f"{lines[-1]} {word}"
        elif len(lines) == most:
            lines[-1] = _with_ellipsis(lines[-1], width, font)
            break
        else:
            lines.append(word)
    return lines


def _pieces(text: str, width: float, font: FreeTypeFont) -> Iterator[str]:
    """Yield the words of a text, of which long ones are cut into pieces that fit into a line."""
    for word in text.split():
        rest = word
        while rest:
            end = max(1, _fitting(rest, width, font))
            yield rest[:end]
            rest = rest[end:]


def _fitting(word: str, width: float, font: FreeTypeFont) -> int:
    """Return how many characters of a word fit into a line."""
    ends = range(1, len(word) + 1)
    return bisect_right(ends, width, key=lambda end: font.getlength(word[:end]))


def _with_ellipsis(line: str, width: float, font: FreeTypeFont) -> str:
    while line and font.getlength(f"{line} …") > width:
        line = line[:-1].rstrip()
    return f"{line} …"


def _without_accents(character: str) -> str:
    parts = unicodedata.normalize("NFKD", character)
    return "".join(each for each in parts if not unicodedata.combining(each))


def _system_fonts(size: float) -> Iterator[FreeTypeFont]:
    for name in _SYSTEM_FONTS:
        try:
            yield ImageFont.truetype(name, size)
        except OSError:
            continue


def _drawn(character: str, font: FreeTypeFont) -> bytes:
    side = round(2 * font.size)
    image = Image.new("1", (side, side))
    ImageDraw.Draw(image).text((0, 0), character, fill=1, font=font)
    return image.tobytes()
