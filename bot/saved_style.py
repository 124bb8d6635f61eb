"""Styles that people save under names of their own."""

import unicodedata
from dataclasses import dataclass

MAX_STYLES = 25
"""Maximum number of saved styles of one user: as many as Discord offers while someone types."""
MAX_NAME = 32
"""Maximum length of a name, in characters."""
MAX_STYLE = 100
"""Maximum length of a style, in characters; Discord accepts no longer choices."""


@dataclass(frozen=True)
class SavedStyle:
    """Words that are added to prompts, and their name."""

    name: str
    """1 to `MAX_NAME` characters."""
    words: str
    """1 to `MAX_STYLE` characters."""


def style_key(name: str) -> str:
    """Return what names have in common that people take for the same one."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
