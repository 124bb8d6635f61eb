"""Drawings made of strokes, and how SVG writes them."""

from collections.abc import Sequence
from dataclasses import dataclass

Color = tuple[float, float, float]
"""Red, green and blue in [0, 1], in sRGB."""
_DECIMALS = 3
"""Decimals of a coordinate in pixels of the canvas, which may be enlarged a lot."""
_INVISIBLE = 0.002
"""Opacity below which a stroke changes no pixel."""


@dataclass(frozen=True)
class Stroke:
    """A cubic Bézier curve with round ends."""

    points: tuple[tuple[float, float], ...]
    """The four control points (x, y) in pixels of the canvas, from its top left corner."""
    width: float
    """Width in pixels of the canvas."""
    color: Color
    opacity: float
    """From 0 to 1."""


@dataclass(frozen=True)
class Drawing:
    """Strokes on a plain ground."""

    size: tuple[int, int]
    """Width and height of the canvas in pixels."""
    ground: Color
    strokes: Sequence[Stroke]
    """The strokes from the lowest to the topmost."""


def svg_of(drawing: Drawing, enlarge: int = 1) -> str:
    """Return the drawing as an SVG document, which is shown `enlarge` times as large.

    It holds no text, so nothing of what people wrote.
    """
    width, height = drawing.size
    strokes = (_path(each) for each in drawing.strokes if each.opacity >= _INVISIBLE)
    lines = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width * enlarge}" '
        f'height="{height * enlarge}" viewBox="0 0 {width} {height}">',
        f'<rect width="{width}" height="{height}" fill="{_hex(drawing.ground)}"/>',
        '<g fill="none" stroke-linecap="round" stroke-linejoin="round">',
        *strokes,
        "</g>",
        "</svg>",
    )
    return "\n".join(lines) + "\n"


def _path(stroke: Stroke) -> str:
    start, *others = (f"{_number(x)} {_number(y)}" for x, y in stroke.points)
    opacity = f' stroke-opacity="{_number(stroke.opacity)}"'
    return (
        f'<path d="M{start}C{" ".join(others)}" stroke="{_hex(stroke.color)}" '
        f'stroke-width="{_number(stroke.width)}"{opacity}/>'
    )


def _number(value: float) -> str:
    return f"{value:.{_DECIMALS}f}".rstrip("0").rstrip(".")


def _hex(color: Color) -> str:
    return "#" + "".join(f"{round(255 * each):02x}" for each in color)
