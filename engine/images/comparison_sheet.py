"""Comparison sheets: what several systems painted, a row for each, as in the paper's Fig. 4."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageOps
from PIL.ImageFont import FreeTypeFont

from engine.images.lettering import find_font, legible, wrap

SIDE = 256
"""Width and height in pixels of the place of a picture."""
GAP = 16
"""Pixels between two pictures, and around the sheet."""
_FRAME = 6
"""Pixels of the frame around the chosen picture, which lies in the gap."""
_PAPER, _INK, _FAINT, _CHOSEN = "white", "#111111", "#555555", "#0b57d0"
_LABELS_SHARE = 0.28
"""Width of the labels as a share of the pictures' width, so that a preview stays readable."""
_MIN_LABELS, _MAX_LABELS = 240, 640
_SHARES = (0.105, 0.08, 0.065)
"""Sizes of the letters of names, details and footer as shares of the labels' width."""
_LEADING = 1.3
"""Distance of two lines in sizes of their letters."""
_HEADING_SIZE = SIDE // 9
"""Largest size of the letters above a column, so that whole prompts fit."""
SEPARATOR = " · "
"""What stands between two parts of a detail, which break into lines there."""
_MOST_LINES = 6
"""Maximum number of lines of a name, a detail or a heading."""
_MOST_LETTERS = 400
"""Maximum number of characters of a text that are used."""


@dataclass(frozen=True)
class SheetRow:
    """What one system painted."""

    name: str
    """Name of the system."""
    detail: str
    """What there is to say about it, such as its time."""
    pictures: tuple[Image.Image, ...]
    """Its pictures, of any sizes, at least one."""
    chosen: int | None = None
    """Index of the picture that was chosen, which gets a frame."""


def comparison_sheet(
    title: str,
    rows: Sequence[SheetRow],
    footer: Sequence[str] = (),
    *,
    headings: Sequence[str] = (),
) -> Image.Image:
    """Draw a sheet with a row for each system: name and detail on the left, pictures on the right.

    Pictures are fitted into squares of `SIDE` pixels and never cropped.

    Args:
        title: text above everything.
        rows: what the systems painted.
        footer: small lines below everything.
        headings: texts above the columns of pictures.

    Raises:
        ValueError: there is no row, or a row has no picture.
    """
    if not rows or not all(row.pictures for row in rows):
        raise ValueError("a comparison sheet needs at least one row, and a picture in each")
    return _Sheet(rows, "".join([title, *footer, *headings])).drawn(title, footer, headings)


@dataclass(frozen=True)
class _Block:
    """Lines of one size and color."""

    lines: list[str]
    font: FreeTypeFont
    color: str

    @property
    def height(self) -> int:
        return round(len(self.lines) * self.font.size * _LEADING)

    def draw(self, draw: ImageDraw.ImageDraw, left: int, top: int) -> None:
        for number, line in enumerate(self.lines):
            place = (left, top + number * self.font.size * _LEADING)
            draw.text(place, line, fill=self.color, font=self.font)


class _Sheet:
    """The measures and fonts of one sheet."""

    def __init__(self, rows: Sequence[SheetRow], texts: str) -> None:
        self._rows = rows
        columns = max(len(row.pictures) for row in rows)
        pictures = columns * (SIDE + GAP)
        self._labels = round(min(max(_MIN_LABELS, _LABELS_SHARE * pictures), _MAX_LABELS))
        self._left = GAP + self._labels + GAP
        """Left edge of the first picture."""
        self._width = self._left + pictures
        texts += "".join(row.name + row.detail for row in rows)
        font = find_font(texts, _HEADING_SIZE)
        sizes = (round(self._labels * share) for share in _SHARES)
        self._large, self._medium, self._small = (font.font_variant(size=size) for size in sizes)
        self._heading = font.font_variant(size=min(self._medium.size, _HEADING_SIZE))

    def drawn(self, title: str, footer: Sequence[str], headings: Sequence[str]) -> Image.Image:
        inside = self._width - 2 * GAP
        top = self._block(title, inside, self._large)
        columns = [self._block(text, SIDE, self._heading, _FAINT) for text in headings]
        labels = [self._label(row) for row in self._rows]
        bottom = [self._block(line, inside, self._small, _FAINT) for line in footer]
        heights = [max(SIDE, sum(block.height for block in label)) for label in labels]
        under_title = GAP + (top.height + GAP if top.lines else 0)
        first = under_title + max((block.height + GAP // 2 for block in columns), default=0)
        last = first + sum(height + GAP for height in heights)
        height = last + sum(block.height for block in bottom) + (GAP if bottom else 0)
        sheet = Image.new("RGB", (self._width, height), _PAPER)
        draw = ImageDraw.Draw(sheet)
        top.draw(draw, GAP, GAP)
        for number, block in enumerate(columns):
            block.draw(draw, self._left + number * (SIDE + GAP), under_title)
        y = first
        for row, label, row_height in zip(self._rows, labels, heights, strict=True):
            _draw_below(draw, label, GAP, y)
            self._draw_pictures(sheet, row, y)
            y += row_height + GAP
        _draw_below(draw, bottom, GAP, last)
        return sheet

    def _label(self, row: SheetRow) -> list[_Block]:
        name = self._block(row.name, self._labels, self._large)
        detail = self._block(row.detail, self._labels, self._medium, _FAINT)
        if len(detail.lines) == 1:
            return [name, detail]
        parts = row.detail.split(SEPARATOR)
        return [name, *(self._block(part, self._labels, self._medium, _FAINT) for part in parts)]

    def _draw_pictures(self, sheet: Image.Image, row: SheetRow, top: int) -> None:
        draw = ImageDraw.Draw(sheet)
        for number, picture in enumerate(row.pictures):
            fitted = _fitted(picture)
            left = self._left + number * (SIDE + GAP) + (SIDE - fitted.width) // 2
            upper = top + (SIDE - fitted.height) // 2
            sheet.paste(fitted, (left, upper))
            if number == row.chosen:
                edge, right, lower = _FRAME + 1, left + fitted.width, upper + fitted.height
                box = (left - edge, upper - edge, right + edge - 1, lower + edge - 1)
                draw.rectangle(box, outline=_CHOSEN, width=_FRAME)

    def _block(self, text: str, width: int, font: FreeTypeFont, color: str = _INK) -> _Block:
        text = legible(text[:_MOST_LETTERS], font)
        return _Block(wrap(text, width, font, most=_MOST_LINES), font, color)


def _draw_below(draw: ImageDraw.ImageDraw, blocks: Sequence[_Block], left: int, top: int) -> None:
    for block in blocks:
        block.draw(draw, left, top)
        top += block.height


def _fitted(picture: Image.Image) -> Image.Image:
    """Return a picture that fits into the square, in sharp pixels if they grow by whole factors."""
    picture = picture.convert("RGB")
    longer = max(picture.size)
    if SIDE % longer == 0:
        return picture.resize(
            (picture.width * SIDE // longer, picture.height * SIDE // longer),
            Image.Resampling.NEAREST,
        )
    return ImageOps.contain(picture, (SIDE, SIDE), Image.Resampling.LANCZOS)
