"""What the store knows of a job: plain values, read back from its tables."""

from dataclasses import dataclass
from datetime import datetime

from bot.jobs.job import Job, JobLocation, JobState


@dataclass(frozen=True)
class JobRecord:
    """A job, where it stands, and where it is told about."""

    job: Job
    state: JobState
    location: JobLocation | None
    """None until its message was posted."""
    channel_id: int | None
    """Where it was asked for; None for jobs of an earlier version that had no place."""
    progress_id: int | None
    """The message that shows its progress, if that is not the job's own."""
    stop_requested: bool
    reason: str | None
    """Why it failed, or why nobody was told of its end."""
    notice: str | None
    """What its people should know about its course."""
    seconds: float | None
    """Engine time that it took, once it is done or stopped."""
    accepted_at: datetime
    began_at: datetime | None
    ended_at: datetime | None
    notified_at: datetime | None
    """When the last message about its end had arrived."""


@dataclass(frozen=True)
class StoredPicture:
    """A picture of a job that has ended."""

    number: int
    """Which of the job's pictures, from 1."""
    steps: int
    """That were taken."""
    content: bytes
    """A PNG with its recipe."""


@dataclass(frozen=True)
class StoredFrame:
    """How a picture looked at some step of its run."""

    picture: int
    """Which of the job's pictures, from 1."""
    step: int
    content: bytes
    """A small WebP."""


@dataclass(frozen=True)
class StoredCheckpoint:
    """What a run of a job can go on from."""

    picture: int
    """Which of the job's pictures, from 1."""
    steps_done: int
    """Of this picture."""
    seconds: float
    """Engine time that the whole job had taken."""
    state: bytes | None
    """What `engine.vqgan_clip.checkpoints` reads; None if it is damaged."""


@dataclass(frozen=True)
class Post:
    """A message that tells of a job's end."""

    job_id: int
    channel_id: int | None
    """None for posts of an earlier version."""
    message_id: int
