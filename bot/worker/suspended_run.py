"""A run between two slices, as plain values: any painter of its kind can go on with it."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.jobs.events import Frame, PaintedPicture
from bot.jobs.job import Job
from bot.jobs.records import StoredCheckpoint


@dataclass(frozen=True)
class SuspendedRun:
    """A `JobRun` that waits for its next slice, without models."""

    job: Job
    pictures: tuple[PaintedPicture, ...]
    """The pictures that are complete."""
    checkpoints: tuple[StoredCheckpoint, ...]
    """States to go on from, newest first for each picture."""
    steps_done: int
    """Number of steps taken for the current picture."""
    seconds: float
    """Engine time of the job in seconds."""
    began_at: float
    """Engine time of the job in seconds when its current picture began."""
    ends: Mapping[int, float]
    """Engine time of the job in seconds at the end of pictures that are painted again."""
    frames: tuple[Frame, ...]
    """Frames that are in no checkpoint yet."""
    unsaved_steps: int
    unsaved_seconds: float
