"""What the gallery shows, as plain values: nothing in them says who asked for a picture."""

from dataclasses import dataclass
from datetime import datetime

PAGE_PICTURES = 24
"""Number of pictures on a page."""
MOST_PAGES = 400
"""Number of the last page; older pictures are found by words, or in one server."""
LONGEST_SEARCH = 200
"""Maximum number of characters of a search."""


@dataclass(frozen=True)
class GalleryServer:
    """A server with pictures in the gallery."""

    id: int
    name: str
    """Its name on Discord, which may contain anything."""
    pictures: int
    """Number of its pictures that are shown."""


@dataclass(frozen=True)
class GalleryPicture:
    """A picture as the gallery shows it."""

    job: int
    index: int
    """The position among the pictures of its job, from 1."""
    guild: int
    """The id of the server in which it was posted."""
    prompt: str
    """The prompt as it was typed, which may contain anything."""
    painted_at: datetime
    size: tuple[int, int]
    """Width and height in pixels; (0, 0) if its file cannot be read."""
    is_animated: bool
    """Whether it is a film, which `Gallery.full` returns as an animated WebP."""
    is_comparable: bool
    """Whether `Gallery.search` finds what looks like it. A new picture is not, for some minutes."""
    pictures_of_job: int = 1
    """Number of pictures of its job, which are all deleted with it."""
    likeness: float | None = None
    """The cosine, -1 to 1, with the picture that others are compared with; None for none."""


@dataclass(frozen=True)
class GalleryPage:
    """A page of pictures: the newest first, or the most similar first."""

    pictures: tuple[GalleryPicture, ...]
    page: int
    """The number of the page, from 1; that of the search, brought into 1 to `MOST_PAGES`."""
    has_more: bool
    """Whether another page follows."""


@dataclass(frozen=True)
class GalleryRecipe:
    """How a picture was made."""

    json: str | None
    """The recipe as JSON, without pictures of people; None if the host has none posted."""
    command: str | None
    """The command that paints it again on Discord; None if none can say it."""
    notices: tuple[str, ...] = ()
    """Sentences in English about what the command does not say."""
