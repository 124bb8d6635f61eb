"""What is asked for and what comes of it: the values that pass between Discord and the engine.

A `Job` is a command that was accepted. The engine thread tells of its course in events; they hold
plain values and arrays, so that they can cross from one thread to another.
"""

from dataclasses import dataclass
from enum import StrEnum

from engine.recipes.recipe import Recipe


class JobState(StrEnum):
    """Where a job stands. All but the first two are final."""

    QUEUED = "queued"
    """Never begun."""
    RUNNING = "running"
    """Begun; it may be waiting for its next turn, or for the program to come back."""
    DONE = "done"
    STOPPED = "stopped"
    """Ended early because somebody wished so; its pictures are kept as they stood."""
    CANCELLED = "cancelled"
    FAILED = "failed"


UNFINISHED = (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True)
class JobLocation:
    """Where a job is told about."""

    guild_id: int | None
    """None in direct messages."""
    channel_id: int
    """Where the command was given."""
    post_id: int
    """The channel of the pictures: the job's thread, or `channel_id`."""
    message_id: int
    """The job's own message in `channel_id`, on which the thread hangs if there is one."""

    @property
    def has_thread(self) -> bool:
        """Whether a thread was opened for the job."""
        return self.post_id != self.channel_id

    @property
    def url(self) -> str:
        """Where Discord shows the job's own message."""
        return message_url(self.guild_id, self.channel_id, self.message_id)


def message_url(guild_id: int | None, channel_id: int, message_id: int) -> str:
    """Where Discord shows a message; `guild_id` is None in direct messages."""
    return f"https://discord.com/channels/{guild_id or '@me'}/{channel_id}/{message_id}"


@dataclass(frozen=True)
class Job:
    """An accepted command: one picture for each recipe, in their order."""

    id: int
    author_id: int
    prompt: str
    """As it was typed."""
    recipes: tuple[Recipe, ...]
    kind: str = "imagine"
    """How it came about: "imagine", "edit", "rerun", "vary", "more" and so on."""
    parent_id: int | None = None
    """The job that it came from, which may be gone."""
    guild_id: int | None = None
    """None in direct messages."""
    weight: float = 1.0
    """Its author's share of the engine when it was accepted."""


@dataclass(frozen=True)
class JobOrigin:
    """How a new job comes about."""

    kind: str = "imagine"
    parent_id: int | None = None
    """The job that it comes from."""
    resumes: bool = False
    """True if it starts from its parent's last checkpoints, which have the same recipes."""
    picture: int | None = None
    """The number, from 1, of the parent's only picture that it continues; None for all."""


NEW_JOB = JobOrigin()
"""The origin of a job that comes from no other job."""
