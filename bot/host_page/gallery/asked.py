"""What somebody asks the gallery for, as the address says it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import urlencode

from bot.gallery import LONGEST_SEARCH, MOST_PAGES
from bot.host_page.guard import GALLERY_PATH
from bot.ui.formatting import plain_text

_LARGEST_ID = 2**63 - 1
_LARGEST_NUMBER = 10_000
"""No job has as many pictures."""

PictureId = tuple[int, int]
"""A job, and the number of one of its pictures."""


class GalleryError(Exception):
    """A request that gets a sentence, the message, instead of what it asks for."""

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.status = status
        """The status of HTTP."""


@dataclass(frozen=True)
class Asked:
    """One page of what is found."""

    server: int | None = None
    """The id of the only server whose pictures are wanted; None for all servers."""
    words: str = ""
    like: PictureId | None = None
    """The picture that others are compared with."""
    page: int = 1

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        """Read an address; raise `GalleryError` if it asks for what cannot be."""
        words = query.get("words", "")
        if len(words) > LONGEST_SEARCH:
            raise GalleryError(f"Search for at most {LONGEST_SEARCH} characters.", 400)
        server, like, page = (query.get(each, "") for each in ("server", "like", "page"))
        return cls(
            server=_number(server, _LARGEST_ID) if server else None,
            words=plain_text(words),
            like=picture_id(*like.partition("-")[::2]) if like else None,
            page=_number(page, MOST_PAGES) if page else 1,
        )

    @property
    def is_search(self) -> bool:
        """Whether only some pictures are wanted, and not simply the newest."""
        return bool(self.words) or self.like is not None

    @property
    def link(self) -> str:
        """The address that asks for this."""
        like = None if self.like is None else "-".join(map(str, self.like))
        values = {
            "server": self.server,
            "words": self.words,
            "like": like,
            "page": None if self.page == 1 else self.page,
        }
        query = urlencode({name: value for name, value in values.items() if value})
        return f"{GALLERY_PATH}?{query}" if query else GALLERY_PATH

    def at(self, page: int) -> "Asked":
        """Return the same at another page."""
        return replace(self, page=page)


def picture_id(job: str, number: str) -> PictureId:
    """Return the id of a picture; raise `GalleryError` if no picture can have it."""
    return _number(job, _LARGEST_ID), _number(number, _LARGEST_NUMBER)


def _number(text: str, most: int) -> int:
    found = int(text) if re.fullmatch(r"[0-9]{1,19}", text) else 0
    if not 0 < found <= most:
        raise GalleryError("There is no such page.", 404)
    return found
