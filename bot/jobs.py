"""What is asked for and what comes of it: the values that pass between Discord and the engine.

A `Job` is a command that was accepted. The engine thread tells of its course in events; they hold
plain values and arrays, so that they can cross from one thread to another.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.recipe import Recipe

Pixels = NDArray[np.uint8]
"""A picture as painted: (height, width, 3)."""


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
class Place:
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
class Painting:
    """A picture as its run left it."""

    recipe: Recipe
    pixels: Pixels
    steps: int
    """Taken; fewer than the recipe's if the run was stopped."""


@dataclass(frozen=True)
class Frame:
    """How a picture looked at some step of its run."""

    step: int
    pixels: Pixels


@dataclass(frozen=True)
class Started:
    """The engine has begun with a job, or goes on with it after a start of the program."""

    job_id: int


@dataclass(frozen=True)
class Noticed:
    """Something happened that the job's people should know."""

    job_id: int
    text: str
    """A sentence."""


@dataclass(frozen=True)
class Progress:
    """A job is under way."""

    job_id: int
    pixels: Pixels
    """The picture as it stands."""
    picture: int
    """Which of the job's pictures this is, from 1."""
    step: int
    """Steps taken of this picture."""


@dataclass(frozen=True)
class Underway:
    """What people are told of a job that has not ended."""

    place: Place
    begun: bool
    progress: Progress | None
    """The newest, if there was one since the program was started."""


@dataclass(frozen=True)
class Checkpoint:
    """What a job needs to go on from here."""

    job_id: int
    picture: int
    """Which of the job's pictures, from 1."""
    recipe: Recipe
    steps_done: int
    """Of this picture."""
    state: Mapping[str, Any] | bytes
    """Of its run, as `Generation.state_dict` gives it, or as it is stored."""
    frames: tuple[Frame, ...]
    """Of this picture, those since the checkpoint before."""
    seconds: float
    """Engine time that the whole job has taken."""


@dataclass(frozen=True)
class Finished:
    """All pictures of a job are painted, or it was stopped and these are there."""

    job_id: int
    paintings: tuple[Painting, ...]
    seconds: float
    """Engine time that the job took."""
    digests: Mapping[str, str]
    """SHA-256 of each weights file that painted them, by the file's name."""
    stopped: bool = False


@dataclass(frozen=True)
class Failed:
    """A job came to an end without its pictures."""

    job_id: int
    reason: str
    """A sentence for the person who asked."""


Event = Started | Noticed | Progress | Checkpoint | Finished | Failed
