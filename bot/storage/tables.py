"""The store's tables, as the newest migration leaves them."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    TypeDecorator,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Time(TypeDecorator[datetime]):
    """A moment with its time zone; SQLite keeps UTC without one."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _: Any) -> datetime | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """To the database."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, _: Any) -> datetime | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """From the database."""
        return None if value is None else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """What all tables share."""

    type_annotation_map: ClassVar = {datetime: Time}


class JobRow(Base):
    """An accepted job."""

    __tablename__ = "jobs"
    __table_args__: ClassVar = (
        Index("ix_jobs_kept", "sources_removed", "ended_at"),
        {"sqlite_autoincrement": True},  # buttons under old messages hold it
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(String(16), index=True)
    kind: Mapped[str] = mapped_column(String(16), server_default="imagine")
    """How it came about: "imagine", "edit", "rerun" and so on."""
    parent_id: Mapped[int | None]
    """The job that it came from, which may be gone."""
    author_id: Mapped[int] = mapped_column(BigInteger, index=True)
    guild_id: Mapped[int | None] = mapped_column(BigInteger, index=True)
    channel_id: Mapped[int | None] = mapped_column(BigInteger)
    """Where it was asked for; a place follows once its message was posted."""
    prompt: Mapped[str]
    recipes: Mapped[list[str]] = mapped_column(JSON)
    sources_removed: Mapped[bool | None]
    """Whether its recipes have lost the pictures in them, and cannot be painted again. None as long
    as something may be kept of it that takes room."""
    pictures: Mapped[int] = mapped_column(server_default="1")
    """How many recipes there are."""
    weight: Mapped[float] = mapped_column(server_default="1")
    """Its author's share of the engine when it was accepted."""
    stop_wanted: Mapped[bool] = mapped_column(server_default="0")
    reason: Mapped[str | None]
    """Why the job failed, or nobody could be told."""
    notice: Mapped[str | None]
    """What people should know about its course."""
    seconds: Mapped[float | None]
    """Engine time that it took."""
    accepted_at: Mapped[datetime]
    began_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None] = mapped_column(index=True)
    """When the last message about its end had arrived."""


class PlaceRow(Base):
    """Where a job is told about; it has none until its message was posted."""

    __tablename__ = "places"

    job_id: Mapped[int] = mapped_column(ForeignKey(JobRow.id), primary_key=True)
    guild_id: Mapped[int | None] = mapped_column(BigInteger)
    channel_id: Mapped[int] = mapped_column(BigInteger)
    post_id: Mapped[int] = mapped_column(BigInteger)
    message_id: Mapped[int] = mapped_column(BigInteger, index=True)
    progress_id: Mapped[int | None] = mapped_column(BigInteger)
    """The message that shows its progress, if that is not `message_id`."""


class PostRow(Base):
    """A message that tells of a job's end, which holds its pictures if it has some."""

    __tablename__ = "posts"

    message_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey(JobRow.id), index=True)
    channel_id: Mapped[int | None] = mapped_column(BigInteger)
    number: Mapped[int | None]
    """Which of the job's posts this is, from 1."""


class PictureRow(Base):
    """A picture of a job that has ended."""

    __tablename__ = "pictures"

    job_id: Mapped[int] = mapped_column(ForeignKey(JobRow.id), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    """Which of the job's pictures, from 1."""
    steps: Mapped[int]
    """That were taken."""
    content: Mapped[bytes]
    """A PNG with its recipe."""
    created_at: Mapped[datetime]


class FrameRow(Base):
    """How a picture looked at some step of its run, as a small WebP."""

    __tablename__ = "frames"

    job_id: Mapped[int] = mapped_column(ForeignKey(JobRow.id), primary_key=True)
    picture: Mapped[int] = mapped_column(primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[bytes]


class CheckpointRow(Base):
    """The state of a run, to go on from."""

    __tablename__ = "checkpoints"

    job_id: Mapped[int] = mapped_column(ForeignKey(JobRow.id), primary_key=True)
    picture: Mapped[int] = mapped_column(primary_key=True)
    steps_done: Mapped[int] = mapped_column(primary_key=True)
    seconds: Mapped[float]
    """Engine time that the whole job had taken."""
    state: Mapped[bytes]
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    """SHA-256 of `state`."""
    created_at: Mapped[datetime]


class DraftRow(Base):
    """A picture and its mask, not painted yet."""

    __tablename__ = "drafts"
    __table_args__: ClassVar = {"sqlite_autoincrement": True}  # no button ever meets another draft

    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(BigInteger, index=True)
    source: Mapped[bytes]
    mask: Mapped[bytes | None]
    replace_with: Mapped[str | None]
    created_at: Mapped[datetime]


class DeletionRow(Base):
    """A person wants everything removed that was kept of them; forgotten once that is done."""

    __tablename__ = "deletions"

    author_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    last_job_id: Mapped[int]
    last_draft_id: Mapped[int]
    """What is newer was made after the wish, and stays."""
    jobs: Mapped[int] = mapped_column(server_default="0")
    pictures: Mapped[int] = mapped_column(server_default="0")
    drafts: Mapped[int] = mapped_column(server_default="0")
    messages: Mapped[int] = mapped_column(server_default="0")
    """That were removed from Discord, or were gone already."""
    left: Mapped[int] = mapped_column(server_default="0")
    """Messages that could not be removed."""


class RemovalRow(Base):
    """A message to remove from Discord, or a thread to take the prompt from; its job is gone."""

    __tablename__ = "removals"

    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(BigInteger, index=True)
    channel_id: Mapped[int] = mapped_column(BigInteger)
    message_id: Mapped[int] = mapped_column(BigInteger)
    is_thread: Mapped[bool]
    """Whether the thread is meant that was opened on the message, and has its id."""


class FactRow(Base):
    """Something to remember from one start to the next."""

    __tablename__ = "facts"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str]


class GuildSettingsRow(Base):
    """What the moderators of a server have set for it."""

    __tablename__ = "guild_settings"

    guild_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    settings: Mapped[str]
    """What `GuildSettings.read` reads."""
