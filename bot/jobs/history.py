"""Values of a page of somebody's pictures."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.jobs.job import JobState

MAX_SEARCH = 40
"""Characters that can be searched for: they have to fit into a custom id."""


class PageDirection(StrEnum):
    """Where to go from a page."""

    OLDER = "older"
    NEWER = "newer"
    HERE = "here"


@dataclass(frozen=True)
class Scope:
    """Whose pictures are looked at, and which of them."""

    author_id: int
    guild_id: int | None = None
    """The server in which they were asked for; None for everywhere."""
    channels: frozenset[int] | None = None
    """The channels in which they were asked for, if not all may be looked into."""
    search: str = ""
    """What their prompts hold, in capitals or not."""


@dataclass(frozen=True)
class Entry:
    """A job on its page."""

    job_id: int
    author_id: int
    prompt: str
    state: JobState
    accepted_at: datetime
    seeds: tuple[int, ...]
    steps: tuple[int, ...]
    """Taken of each picture that is kept; none if they were removed."""
    link: str | None
    """The address of the message with its pictures."""
    can_rerun: bool
    """Whether everything is there that it was painted from."""
    place: int
    """Which of `total` this is, from 1, the newest."""
    total: int
