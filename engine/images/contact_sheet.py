"""Contact sheets: many pictures in rows on one sheet, with optional captions and numbers."""

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont
from PIL.ImageFont import FreeTypeFont

_PAPER = "white"
_INK = "black"
_FONT_SIZE = 11
_LINE_HEIGHT = 14
_MAX_LINES = 3
_MAX_CAPTION = 300
"""Maximum number of characters of a caption that are used; three lines never hold more."""
_BADGE_SHARE, _SMALLEST_BADGE = 14, 14
"""How many badges fit along a picture's shorter side, and the smallest side of one in pixels."""
_BADGE_INK, _BADGE_PAPER = "white", (0, 0, 0, 150)
"""Colors of a number and of the badge behind it, through which the picture shines."""


def contact_sheet(
    pictures: Sequence[Image.Image],
    *,
    columns: int,
    captions: Sequence[str] | None = None,
    gap: int = 8,
) -> Image.Image:
    """Lay pictures out on white, row by row, `gap` pixels apart.

    Each cell has the size of the largest picture, and smaller pictures are centered in it.

    Captions are wrapped to the cell's width and cut after three lines.

    Raises:
        ValueError: There is no picture or no column, or the number of captions is wrong.
    """
    if not pictures or columns < 1:
        raise ValueError("a contact sheet needs at least one picture and one column")
    if captions is not None and len(captions) != len(pictures):
        raise ValueError(f"{len(pictures)} pictures need as many captions, not {len(captions)}")
    width = max(picture.width for picture in pictures)
    height = max(picture.height for picture in pictures)
    lines = [_wrapped(caption, width) for caption in captions or [""] * len(pictures)]
    text_height = max(map(len, lines)) * _LINE_HEIGHT
    step = (width + gap, height + text_height + gap)
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (gap + columns * step[0], gap + rows * step[1]), _PAPER)
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        left, top = gap + column * step[0], gap + row * step[1]
        corner = (left + (width - picture.width) // 2, top + (height - picture.height) // 2)
        sheet.paste(picture, corner)
        _write(sheet, lines[index], left, top + height)
    return sheet


def numbered(picture: Image.Image, number: int) -> Image.Image:
    """Return a copy of a picture with a small number in its upper left corner."""
    side = max(_SMALLEST_BADGE, min(picture.size) // _BADGE_SHARE)
    badge = Image.new("RGBA", (4 * side, 4 * side))  # drawn large, for smooth corners
    draw = ImageDraw.Draw(badge)
    draw.rounded_rectangle((0, 0, *badge.size), radius=side, fill=_BADGE_PAPER)
    middle = (badge.width / 2, badge.height / 2)
    draw.text(middle, str(number), fill=_BADGE_INK, font=_font(3 * side), anchor="mm")
    badge = badge.resize((side, side), Image.Resampling.LANCZOS)
    copy = picture.convert("RGB")
    copy.paste(badge, (side // 4, side // 4), badge)
    return copy


def _write(sheet: Image.Image, lines: list[str], left: int, top: int) -> None:
    draw, font = ImageDraw.Draw(sheet), _font()
    for number, line in enumerate(lines):
        draw.text((left, top + number * _LINE_HEIGHT), line, fill=_INK, font=font)


def _wrapped(caption: str, width: int) -> list[str]:
    """Wrap a caption to at most three lines of `width` pixels, with an ellipsis if it is cut."""
    font = _font()
    words = caption[:_MAX_CAPTION].split()
    lines: list[str] = []
    while words and len(lines) < _MAX_LINES:
        line = words.pop(0)
        while words and font.getlength(f"{line} {words[0]}") <= width:
            line = f"{line} {words.pop(0)}"
        lines.append(line)
    if words:
        lines[-1] += " …"
    return [_shortened(line, width, font) for line in lines]


def _shortened(line: str, width: int, font: FreeTypeFont) -> str:
    if font.getlength(line) <= width:
        return line
    text = line.removesuffix("…").rstrip()
    while text and font.getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text}…"


def _font(size: int = _FONT_SIZE) -> FreeTypeFont:
    font = ImageFont.load_default(size=size)
    if not isinstance(font, FreeTypeFont):
        raise RuntimeError("this Pillow was built without FreeType")
    return font
