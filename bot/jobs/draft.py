"""A picture and its mask before they are painted."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Draft:
    """A picture of which a part shall be painted anew."""

    id: int
    author_id: int
    source: bytes
    """The picture, a PNG."""
    mask: bytes | None
    """Where it changes, a grey PNG of the same size; None if nobody knows yet."""
    replace_with: str | None
    """What the picture should show afterwards, if that was said."""
