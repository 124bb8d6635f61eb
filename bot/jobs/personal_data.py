"""Values for the erasure of what is stored about a user."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ErasureRequest:
    """A user's request to erase their data, with totals of what was deleted so far."""

    author_id: int
    last_job_id: int
    """The user's newest job at the time of the request; newer ones stay."""
    last_draft_id: int
    """The user's newest draft at the time of the request; newer ones stay."""
    jobs: int
    pictures: int
    drafts: int
    messages: int
    """Number of messages that were deleted from Discord, or were gone already."""
    undeleted: int
    """Number of messages that could not be deleted and threads that could not be renamed."""
    locale: str | None = None
    """Discord's name of the user's language, as far as known."""


@dataclass(frozen=True)
class PendingMessageDeletion:
    """A message or thread of a deleted job that is still on Discord."""

    id: int
    author_id: int
    channel_id: int
    message_id: int
    is_thread: bool
    """True for the thread that was opened on the message; both have the same id."""
