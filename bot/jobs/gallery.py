"""Values for the gallery: which pictures it may show, and what is stored about them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class GalleryAudience(StrEnum):
    """Who can look at the gallery, as `host.gallery` of `config.toml` says."""

    HOST = "host"
    EVERYONE = "everyone"


@dataclass(frozen=True)
class GalleryScope:
    """The channels and people whose pictures may be shown; the store knows the rest."""

    channels: Mapping[float, frozenset[int]]
    """The channels, by the score of the picture filter up to which pictures are shown there: from
    1 on it need not have seen them."""
    audience: GalleryAudience = GalleryAudience.EVERYONE
    """Who can see the gallery: only pictures of people who agreed to that are in the scope."""
    picture_filter: str = ""
    """The name of the picture filter whose scores count; "" for none."""
    blocked: frozenset[int] = frozenset()
    """Ids of people of whom nothing is shown."""
    blocked_in: frozenset[tuple[int, int]] = frozenset()
    """Servers, and people of whom nothing is shown that was painted there."""
    words: tuple[str, ...] = ()
    """What the prompts contain, in upper or lower case."""


@dataclass(frozen=True)
class ShownPicture:
    """A picture that may be shown."""

    job_id: int
    number: int
    guild_id: int
    prompt: str
    painted_at: datetime
    head: bytes
    """The beginning of its file."""
    recipes: tuple[str, ...]
    """Those of its job as JSON."""
    is_embedded: bool


@dataclass(frozen=True)
class EmbeddedPicture:
    """The embedding of a picture."""

    id: int
    """The number of its row: a later row has a larger one."""
    channel_id: int
    """The channel of the command."""
    vector: bytes
    """In float16 with the least significant byte first; b"" if it has none."""


@dataclass(frozen=True)
class IndexEntry:
    """What the gallery finds out about a picture, to be stored."""

    job_id: int
    number: int
    perceptor: str
    vector: bytes
    picture_filter: str
    score: float | None
