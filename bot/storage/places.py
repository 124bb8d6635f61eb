"""Where a database is: a folder with SQLite's file, or a URL of Postgres."""

from pathlib import Path

from pydantic import SecretStr

from engine.errors import SettingsError
from engine.files import decode_text, quoted, read_bounded

_MAX_URL_BYTES = 4096


def is_url(place: str) -> bool:
    """Return whether a place is a URL of Postgres, and not a folder."""
    return place.startswith(("postgresql://", "postgres://"))


def named_place(text: str) -> str:
    """Return the place that someone typed: a folder, a URL, or `@FILE` for a file with a URL.

    Raises `SettingsError` if that file contains none, and `PictureError` if it cannot be read.
    """
    if not text.startswith("@"):
        return text
    path = Path(text[1:])
    try:
        url = decode_text(read_bounded(path, limit=_MAX_URL_BYTES)).strip()
    except ValueError:
        raise SettingsError(f"the file {quoted(path)} contains no URL") from None
    if "://" not in url:
        raise SettingsError(f"the file {quoted(path)} contains no URL")
    return url


def place_of(folder: Path, url: SecretStr) -> str:
    """Return the place that settings name."""
    return url.get_secret_value() or str(folder)
