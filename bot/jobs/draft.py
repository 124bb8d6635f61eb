"""A picture and its mask, before an edit is submitted."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Draft:
    """A picture that the user is about to edit."""

    id: int
    author_id: int
    source: bytes
    """The picture as a PNG."""
    mask: bytes | None
    """The area to change, as a grey PNG of the picture's size; None if not chosen yet."""
    replace_with: str | None
    """The prompt for the area; None if the user has not given one."""
    created_at: datetime
    """When it was stored or last changed."""
    spoiler: bool = False
    """Whether the picture or the mask was marked as a spoiler."""
    models: str | None = None
    """Name of the models that painted the picture, as far as known."""
    borrowed: bool = False
    """Whether the picture is somebody else's."""
