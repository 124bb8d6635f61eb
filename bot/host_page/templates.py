"""The page's templates: HTML in which every value is escaped."""

from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bot.ui.formatting import duration

_FOLDER = Path(__file__).parent / "templates"
_NAMES = (
    *("login.html", "page.html", "live.html"),
    *("gallery.html", "gallery_picture.html", "gallery_notice.html"),
)
FILES = {
    "host.css": "text/css",
    "gallery.css": "text/css",
    "host.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
"""The files beside the templates, and their types."""
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


class Templates:
    """All templates, read and compiled once."""

    def __init__(self) -> None:
        environment = Environment(
            loader=FileSystemLoader(_FOLDER),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        for each in (size, moment, span, number):
            environment.filters[each.__name__] = each  # pyright: ignore[reportUnknownMemberType]
        self._templates = {name: environment.get_template(name) for name in _NAMES}
        self.files = {name: (_FOLDER / name).read_text(encoding="utf-8") for name in FILES}
        """The texts of style, script and icon."""

    def render(self, name: str, **values: Any) -> str:
        """Return a page with values."""
        return self._templates[name].render(values)


def size(count: float) -> str:
    """Return bytes in the unit that people use."""
    value, unit = float(count), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    digits = 0 if unit == 0 or value >= 100 else 1
    return f"{value:.{digits}f} {_UNITS[unit]}"


def span(seconds: float) -> str:
    """Return a duration in the units that people use."""
    return str(duration(seconds))


def moment(when: datetime, now: datetime) -> str:
    """Return how long ago something was, or in how long it will be."""
    seconds = (when - now).total_seconds()
    if abs(seconds) < 5:
        return "now"
    return f"in {span(seconds)}" if seconds > 0 else f"{span(-seconds)} ago"


def number(value: float) -> str:
    """Return a number without more digits than matter."""
    return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"
