"""Values of what is stored about a person, and of its erasure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class JobExport:
    """A job with all that is known of it, whether this program can still paint it or not."""

    id: int
    values: Mapping[str, Any]
    """By the names of the database's columns; places, posts and checkpoints as lists of such."""
    recipes: tuple[str, ...]
    """As JSON."""


@dataclass(frozen=True)
class DraftExport:
    """A picture and its mask, before somebody had them painted."""

    id: int
    values: Mapping[str, Any]
    source: bytes
    mask: bytes | None


@dataclass(frozen=True)
class ErasureRequest:
    """A person wants everything removed that was kept of them, and how far that is."""

    author_id: int
    last_job_id: int
    last_draft_id: int
    """What is newer stays."""
    jobs: int
    pictures: int
    drafts: int
    messages: int
    """That were removed from Discord, or were gone already."""
    left: int
    """Messages that could not be removed, and threads that could not be renamed."""


@dataclass(frozen=True)
class PendingMessageDeletion:
    """Something of a person's that is still on Discord."""

    id: int
    author_id: int
    channel_id: int
    message_id: int
    is_thread: bool
    """Whether the thread is meant that was opened on the message, and has its id."""
