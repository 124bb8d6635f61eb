"""What the store returns about jobs, as plain values."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.jobs.job import Job, JobLocation, JobState


@dataclass(frozen=True)
class JobRecord:
    """A job with its state and location."""

    job: Job
    state: JobState
    location: JobLocation | None
    """The location; None until the job is announced."""
    channel_id: int | None
    """The channel of the command; None for unannounced jobs of earlier versions."""
    progress_id: int | None
    """The message that shows the progress, if that is not the announcement."""
    stop_requested: bool
    """Whether someone asked to stop the running job."""
    reason: str | None
    """Why the job failed or was cancelled, or why nobody could be notified."""
    notice: str | None
    """A sentence that the job's messages show."""
    seconds: float | None
    """Seconds of engine time that the job took; None unless it is done or stopped."""
    accepted_at: datetime
    began_at: datetime | None
    ended_at: datetime | None
    notified_at: datetime | None
    """When the last message about its end was posted."""
    judge: str | None = None
    """Name of what compared its pictures, "" for their own guides; None if nothing did."""
    device: str | None = None
    """Where it is or was painted last, in words; None if it was not begun."""
    starts: int = 0
    """How often a painter began it or went on with it, after a restart or another painter."""
    cause: str | None = None
    """Why it failed, for whoever hosts the bot; None if that is not known."""


@dataclass(frozen=True)
class StoredPicture:
    """A picture of a job that has ended."""

    number: int
    """The position among the job's pictures, from 1."""
    steps: int
    """Number of steps taken."""
    content: bytes
    """A PNG that contains its recipe; those of version 1.0 also contain the recipe's pictures."""
    seconds: float | None = None
    """Seconds of engine time that it took; None for pictures of versions before 1.4."""
    similarity: float | None = None
    """Similarity to its prompts, as the job's judge sees it; None if it was not asked."""


@dataclass(frozen=True)
class StoredFrame:
    """A picture at one step of its run."""

    picture: int
    """The position among the job's pictures, from 1."""
    step: int
    content: bytes
    """The picture as a small WebP."""


@dataclass(frozen=True)
class StoredCheckpoint:
    """A state from which a job can be resumed."""

    picture: int
    """The position among the job's pictures, from 1."""
    steps_done: int
    """Number of steps taken for this picture."""
    seconds: float
    """Seconds of engine time that the whole job had taken."""
    state: bytes | None
    """The bytes that `engine.vqgan_clip.checkpoints` reads; None if they are damaged."""
    runs: str = ""
    """The kind of the run, as in `bot.scheduling.run_kinds`; "" if it is not known."""


@dataclass(frozen=True)
class Post:
    """A message with a job's result."""

    job_id: int
    channel_id: int | None
    """The message's channel; None for posts of earlier versions."""
    message_id: int
    number: int | None = None
    """The position among the result's messages, from 1; 0 for the announcement, which shows the
    result too; -1 for the author's copy. None for what was posted later, and earlier versions."""


def best_of(job: Job, pictures: Sequence[StoredPicture]) -> StoredPicture | None:
    """Return the picture of several that is shown large, the first one of equals.

    None if the job shows all alike, or if nothing compared these pictures.
    """
    compared = [each for each in pictures if each.similarity is not None]
    if not job.keeps_best or len(pictures) < 2 or not compared:
        return None
    return max(compared, key=lambda each: each.similarity or 0.0)
