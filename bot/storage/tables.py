"""The tables of the database after the newest migration.

A column is described here unless the value of the same name in `bot.jobs` describes it.
"""

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.engine.default import DefaultExecutionContext
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Time(TypeDecorator[datetime]):
    """A time with a time zone, which databases store as UTC without one."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _: Any) -> datetime | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Convert a time for the database."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, _: Any) -> datetime | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Convert a time from the database."""
        return None if value is None else value.replace(tzinfo=UTC)


class Words(TypeDecorator[str]):
    """A text, without the character U+0000, which Postgres refuses in texts."""

    impl = String
    cache_ok = True

    def process_bind_param(self, value: str | None, _: Any) -> str | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Convert a text for the database."""
        return None if value is None else value.replace("\0", "")


Whole = BigInteger().with_variant(Integer, "sqlite")
"""Whole numbers of 64 bits: SQLite's INTEGER has as many, and counts up only in that type."""


def folded(text: str) -> str:
    """Fold case in every script; databases themselves only know some."""
    return text.casefold()


def _folded_prompt(context: DefaultExecutionContext) -> str:
    return folded(context.get_current_parameters()["prompt"])  # pyright: ignore[reportUnknownMemberType]


class Base(DeclarativeBase):
    """The base of all tables."""

    type_annotation_map: ClassVar = {datetime: Time, int: Whole, str: Words}


class JobRow(Base):
    """An accepted job."""

    __tablename__ = "jobs"
    __table_args__: ClassVar = (
        Index("ix_jobs_kept", "sources_removed", "ended_at"),
        Index("ix_jobs_of_person", "author_id", "id"),
        {"sqlite_autoincrement": True},  # old buttons hold ids, so none is used twice
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(String(16), index=True)
    kind: Mapped[str] = mapped_column(String(16), server_default="imagine")
    """What made the job: "imagine", "edit", "rerun" and so on."""
    parent_id: Mapped[int | None]
    author_id: Mapped[int] = mapped_column(BigInteger)
    guild_id: Mapped[int | None] = mapped_column(BigInteger, index=True)
    channel_id: Mapped[int | None] = mapped_column(BigInteger)
    """The channel of the command; a `PlaceRow` follows when the announcement is posted."""
    prompt: Mapped[str]
    prompt_folded: Mapped[str] = mapped_column(default=_folded_prompt, server_default="")
    """What `folded` returns for the prompt, for searching."""
    recipes: Mapped[list[str]] = mapped_column(JSON)
    """Recipes as JSON, in which references stand for pictures (`bot.storage.sources`)."""
    sources_removed: Mapped[bool | None]
    """Whether images were deleted from its recipes, so that it cannot be repeated.

    None while large content may be stored for the job.
    """
    pictures: Mapped[int] = mapped_column(server_default="1")
    """Number of recipes."""
    weight: Mapped[float] = mapped_column(server_default="1")
    spoiler: Mapped[bool] = mapped_column(server_default="0")
    locale: Mapped[str | None] = mapped_column(String(16))
    author_locale: Mapped[str | None] = mapped_column(String(16))
    keeps_best: Mapped[bool] = mapped_column(server_default="0")
    borrowed: Mapped[bool] = mapped_column(server_default="0")
    """Whether it is made from a picture, or the words, of somebody else."""
    judge: Mapped[str | None]
    stop_wanted: Mapped[bool] = mapped_column(server_default="0")
    """Whether someone asked to stop the running job."""
    reason: Mapped[str | None]
    notice: Mapped[str | None]
    seconds: Mapped[float | None]
    accepted_at: Mapped[datetime]
    began_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    device: Mapped[str | None]
    starts: Mapped[int] = mapped_column(Integer, server_default="0")
    cause: Mapped[str | None]
    told_at: Mapped[datetime | None] = mapped_column(index=True)
    """When the last message about its end was posted."""


class PlaceRow(Base):
    """Where a job's messages are; missing until its announcement is posted."""

    __tablename__ = "places"

    job_id: Mapped[int] = mapped_column(ForeignKey(JobRow.id), primary_key=True)
    guild_id: Mapped[int | None] = mapped_column(BigInteger)
    channel_id: Mapped[int] = mapped_column(BigInteger)
    """The channel of the announcement."""
    post_id: Mapped[int] = mapped_column(BigInteger)
    message_id: Mapped[int] = mapped_column(BigInteger, index=True)
    """The announcement."""
    progress_id: Mapped[int | None] = mapped_column(BigInteger)


class PostRow(Base):
    """A message with a job's result: its pictures, or why it failed."""

    __tablename__ = "posts"

    message_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    job_id: Mapped[int] = mapped_column(ForeignKey(JobRow.id), index=True)
    channel_id: Mapped[int | None] = mapped_column(BigInteger)
    number: Mapped[int | None]
    picture: Mapped[int | None]
    """The number of the only picture, of several, that the message holds; None for all of them."""


class PictureRow(Base):
    """A picture of a job that has ended."""

    __tablename__ = "pictures"

    job_id: Mapped[int] = mapped_column(ForeignKey(JobRow.id), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    steps: Mapped[int]
    """Number of optimization steps taken."""
    content: Mapped[bytes]
    seconds: Mapped[float | None]
    """Seconds of engine time that it took, if known."""
    similarity: Mapped[float | None]
    created_at: Mapped[datetime]


class GalleryPersonRow(Base):
    """A user who agreed that their pictures are shown in the gallery."""

    __tablename__ = "gallery_people"

    author_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    audience: Mapped[str] = mapped_column(String(16))
    """Who could see the gallery then."""
    agreed_at: Mapped[datetime]


class GalleryPictureRow(Base):
    """What the gallery knows of a picture; deleted with it."""

    __tablename__ = "gallery_pictures"
    __table_args__: ClassVar = (
        ForeignKeyConstraint(
            ["job_id", "number"], [PictureRow.job_id, PictureRow.number], ondelete="CASCADE"
        ),
        UniqueConstraint("job_id", "number", name="uq_gallery_pictures"),
        {"sqlite_autoincrement": True},  # newer rows have larger numbers, so that they are found
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int]
    number: Mapped[int]
    perceptor: Mapped[str]
    """What embedded it: a name and a digest of the weights."""
    vector: Mapped[bytes]
    """Its embedding of length 1, in float16 with the least significant byte first; b"" without."""
    picture_filter: Mapped[str]
    """The name of the picture filter that scored it; "" for none."""
    score: Mapped[float | None]
    """What that said, 0 to 1; of an edit, the larger one of the picture and its original."""


class FrameRow(Base):
    """A picture at one step of its run, as a small WebP."""

    __tablename__ = "frames"

    job_id: Mapped[int] = mapped_column(ForeignKey(JobRow.id), primary_key=True)
    picture: Mapped[int] = mapped_column(primary_key=True)
    step: Mapped[int] = mapped_column(primary_key=True)
    content: Mapped[bytes]


class SourceRow(Base):
    """A picture inside recipes of a job, which refer to it by its digest."""

    __tablename__ = "sources"

    job_id: Mapped[int] = mapped_column(ForeignKey(JobRow.id), primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    """The SHA-256 of `content`."""
    content: Mapped[bytes]


class CheckpointRow(Base):
    """The state of a run, from which it can be resumed."""

    __tablename__ = "checkpoints"
    # Columns behind a state are slow to read, and all open jobs need them at the start.
    __table_args__: ClassVar = (
        Index("ix_checkpoints_runs", "job_id", "picture", "steps_done", "runs"),
    )

    job_id: Mapped[int] = mapped_column(ForeignKey(JobRow.id), primary_key=True)
    picture: Mapped[int] = mapped_column(primary_key=True)
    steps_done: Mapped[int] = mapped_column(primary_key=True)
    seconds: Mapped[float]
    state: Mapped[bytes]
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    """The SHA-256 of `state`."""
    created_at: Mapped[datetime]
    runs: Mapped[str] = mapped_column(server_default="")


class DraftRow(Base):
    """A picture and its mask, before an edit is submitted."""

    __tablename__ = "drafts"
    # Old buttons hold ids, so none is used twice.
    __table_args__: ClassVar = {"sqlite_autoincrement": True}

    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(BigInteger, index=True)
    source: Mapped[bytes]
    mask: Mapped[bytes | None]
    replace_with: Mapped[str | None]
    created_at: Mapped[datetime]
    spoiler: Mapped[bool] = mapped_column(server_default="0")
    models: Mapped[str | None]
    borrowed: Mapped[bool] = mapped_column(server_default="0")


class DeletionRow(Base):
    """A user's request to erase their data; deleted when it is completed."""

    __tablename__ = "deletions"

    author_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    last_job_id: Mapped[int]
    last_draft_id: Mapped[int]
    jobs: Mapped[int] = mapped_column(server_default="0")
    pictures: Mapped[int] = mapped_column(server_default="0")
    drafts: Mapped[int] = mapped_column(server_default="0")
    messages: Mapped[int] = mapped_column(server_default="0")
    left: Mapped[int] = mapped_column(server_default="0")
    """Number of messages that could not be deleted and threads that could not be renamed."""
    locale: Mapped[str | None] = mapped_column(String(16))


class RemovalRow(Base):
    """A message to delete from Discord, or a thread to rename; its job is deleted."""

    __tablename__ = "removals"

    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(BigInteger, index=True)
    channel_id: Mapped[int] = mapped_column(BigInteger)
    message_id: Mapped[int] = mapped_column(BigInteger)
    is_thread: Mapped[bool]


class LogMessageRow(Base):
    """A message about a user in the moderation log of a server."""

    __tablename__ = "log_messages"

    message_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    author_id: Mapped[int] = mapped_column(BigInteger, index=True)
    """The user whom the message is about."""
    channel_id: Mapped[int] = mapped_column(BigInteger)


class FactRow(Base):
    """A text that is stored from one start to the next; one about a user ends with their id."""

    __tablename__ = "facts"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str]


class GuildSettingsRow(Base):
    """The settings that moderators chose for their server."""

    __tablename__ = "guild_settings"

    guild_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    settings: Mapped[str]
    """The JSON that `GuildSettings.read` reads."""


class PreferencesRow(Base):
    """What a user prefers; missing for the defaults."""

    __tablename__ = "preferences"

    author_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    preferences: Mapped[str]
    """The JSON that `Preferences.read` reads."""


class StyleRow(Base):
    """A style that a user saved."""

    __tablename__ = "styles"

    author_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    key: Mapped[str] = mapped_column(primary_key=True)
    """What `style_key` returns for the name."""
    name: Mapped[str]
    words: Mapped[str]


class ChannelDefaultsRow(Base):
    """The defaults of `/imagine` in a channel; missing if nobody chose any."""

    __tablename__ = "channel_defaults"

    channel_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    defaults: Mapped[str]
    """The JSON that `ImagineDefaults.read` reads."""
