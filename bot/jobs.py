"""What is asked for and what comes of it: the values that pass between Discord and the engine.

A `Job` is a command that was accepted. The engine thread tells of its course in events; they hold
plain values and arrays, so that they can cross from one thread to another.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from engine.recipe import Recipe

Pixels = NDArray[np.uint8]
"""A picture as painted: (height, width, 3)."""


class JobState(StrEnum):
    """Where a job stands. The last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


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


@dataclass(frozen=True)
class Job:
    """An accepted command: one picture for each recipe, in their order."""

    id: int
    author_id: int
    prompt: str
    """As it was typed."""
    recipes: tuple[Recipe, ...]


@dataclass(frozen=True)
class Painting:
    """A finished picture, and how it grew."""

    recipe: Recipe
    pixels: Pixels
    frames: tuple[Pixels, ...]
    """From the beginning to the end, evenly spaced."""


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
    seconds_left: float
    """Of engine time, for the whole job."""


@dataclass(frozen=True)
class Started:
    """The engine has begun with a job."""

    job_id: int


@dataclass(frozen=True)
class Finished:
    """All pictures of a job are painted."""

    job_id: int
    paintings: tuple[Painting, ...]
    seconds: float
    """From the first step to the last."""
    digests: Mapping[str, str]
    """SHA-256 of each weights file that painted them, by the file's name."""


@dataclass(frozen=True)
class Failed:
    """A job came to an end without its pictures."""

    job_id: int
    reason: str
    """A sentence for the person who asked."""


@dataclass(frozen=True)
class PutBack:
    """The program ends before the job does: it is queued again, and starts anew next time."""

    job_id: int


Event = Started | Progress | Finished | Failed | PutBack
