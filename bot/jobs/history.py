"""Values for pages of a user's pictures."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.jobs.job import JobState

MAX_SEARCH = 40
"""Maximum length of a search text, which must fit into a custom id."""


class PageDirection(StrEnum):
    """The page to show next, seen from the current one."""

    OLDER = "older"
    NEWER = "newer"
    HERE = "here"


@dataclass(frozen=True)
class Scope:
    """The user whose pictures are shown, and which of them."""

    author_id: int
    guild_id: int | None = None
    """The server in which the pictures were requested; None for all."""
    channels: frozenset[int] | None = None
    """The channels whose pictures may be shown; None for all."""
    search: str = ""
    """Text that the prompts contain, in upper or lower case."""


@dataclass(frozen=True)
class Entry:
    """A job as one page shows it."""

    job_id: int
    author_id: int
    prompt: str
    state: JobState
    accepted_at: datetime
    seeds: tuple[int, ...]
    steps: tuple[int, ...]
    """Number of steps of each stored picture; empty if they were deleted."""
    link: str | None
    """The URL of the message with the pictures; None if it is unknown."""
    can_rerun: bool
    """Whether the images that it was painted from are still stored."""
    place: int
    """The position in the scope, 1 (newest) to `total`."""
    total: int
    """Number of jobs in the scope."""
    spoiler: bool = False
