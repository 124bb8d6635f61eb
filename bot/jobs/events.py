"""Events that the engine publishes while it works on a job."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.jobs.job import JobLocation
from engine.recipes.kinds import AnyRecipe

Pixels = NDArray[np.uint8]
"""The pixels of a picture: (height, width, 3), RGB, 0 to 255."""


@dataclass(frozen=True)
class PaintedPicture:
    """A picture at the end of its run."""

    recipe: AnyRecipe
    pixels: Pixels
    steps: int
    """Number of steps taken; fewer than the recipe's if the run was stopped."""
    digests: Mapping[str, str]
    """The SHA-256 of each weights file that painted it, by file name."""
    seconds: float
    """Seconds of engine time that it took."""
    number: int
    """The position among the job's pictures, from 1."""
    precision: str = ""
    """Name of the precision that the models computed in; "" if it is unknown."""
    drawing: str = ""
    """The picture as an SVG document; "" if it is not a drawing."""
    similarity: float | None = None
    """Similarity to its prompts, as the job's judge sees it; None if it was not asked."""


@dataclass(frozen=True)
class Frame:
    """A picture at one step of its run."""

    step: int
    pixels: Pixels


@dataclass(frozen=True)
class Started:
    """A painter begins a job, or goes on with it after a restart or after another painter."""

    job_id: int
    device: str = ""
    """Where it paints, in words."""


@dataclass(frozen=True)
class NoticeEvent:
    """Something has happened that the job's messages should mention."""

    job_id: int
    text: str
    """A complete sentence."""


@dataclass(frozen=True)
class ProgressEvent:
    """A job has advanced."""

    job_id: int
    pixels: Pixels
    """The current picture."""
    picture: int
    """The position among the job's pictures, from 1."""
    step: int
    """Number of steps taken for this picture."""


@dataclass(frozen=True)
class JobProgress:
    """The location and progress of a job that has not ended."""

    location: JobLocation
    begun: bool
    progress: ProgressEvent | None
    """The latest progress since the program started; None before the first."""


@dataclass(frozen=True)
class Checkpoint:
    """The state from which a job can be resumed."""

    job_id: int
    picture: int
    """The position among the job's pictures, from 1."""
    recipe: AnyRecipe
    steps_done: int
    """Number of steps taken for this picture."""
    state: Mapping[str, Any] | bytes
    """The state of the run: what `Generation.state_dict` returns, or its stored bytes."""
    frames: tuple[Frame, ...]
    """The frames of this picture since the previous checkpoint."""
    seconds: float
    """Seconds of engine time that the whole job has taken."""
    runs: str = ""
    """The kind of the run, as in `bot.scheduling.run_kinds`; "" if it can go on anywhere."""


@dataclass(frozen=True)
class Finished:
    """A job has ended with its pictures; with those that had begun if it was stopped.

    Of a comparison of painters, these are the chosen ones.
    """

    job_id: int
    pictures: tuple[PaintedPicture, ...]
    seconds: float
    """Seconds of engine time that the job took."""
    stopped: bool = False
    judge: str | None = None
    """Name of what compared the pictures, "" for their own guides; None if nothing did."""


@dataclass(frozen=True)
class Failed:
    """A job has ended without pictures."""

    job_id: int
    reason: str
    """A sentence for the user who asked."""
    cause: str = ""
    """What whoever hosts the bot should know, in one line."""


Event = Started | NoticeEvent | ProgressEvent | Checkpoint | Finished | Failed
