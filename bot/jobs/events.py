"""What the engine reports while it works on a job."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.jobs.job import JobLocation
from engine.recipes.recipe import Recipe

Pixels = NDArray[np.uint8]
"""A picture as painted: (height, width, 3)."""


@dataclass(frozen=True)
class PaintedPicture:
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
class NoticeEvent:
    """Something happened that the job's people should know."""

    job_id: int
    text: str
    """A sentence."""


@dataclass(frozen=True)
class ProgressEvent:
    """A job is under way."""

    job_id: int
    pixels: Pixels
    """The picture as it stands."""
    picture: int
    """Which of the job's pictures this is, from 1."""
    step: int
    """Steps taken of this picture."""


@dataclass(frozen=True)
class JobProgress:
    """What people are told of a job that has not ended."""

    position: JobLocation
    begun: bool
    progress: ProgressEvent | None
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
    pictures: tuple[PaintedPicture, ...]
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


Event = Started | NoticeEvent | ProgressEvent | Checkpoint | Finished | Failed
