"""The store's tables, as the newest migration leaves them."""

from datetime import datetime
from typing import ClassVar

from sqlalchemy import JSON, BigInteger, ForeignKey, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from bot.drafts import Draft
from bot.jobs import Job, Place
from engine.recipe import Recipe


class Base(DeclarativeBase):
    """What all tables share."""


class JobRow(Base):
    """An accepted job."""

    __tablename__ = "jobs"

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(String(16), index=True)
    author_id: Mapped[int] = mapped_column(BigInteger, index=True)
    prompt: Mapped[str]
    recipes: Mapped[list[str]] = mapped_column(JSON)
    reason: Mapped[str | None]
    """Why the job failed."""
    accepted_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    def value(self) -> Job:
        """What the row says."""
        recipes = tuple(map(Recipe.from_json, self.recipes))
        return Job(self.id, self.author_id, self.prompt, recipes)


class PlaceRow(Base):
    """Where a job is told about; it has none until its message was posted."""

    __tablename__ = "places"

    job_id: Mapped[int] = mapped_column(ForeignKey(JobRow.id), primary_key=True)
    guild_id: Mapped[int | None] = mapped_column(BigInteger)
    channel_id: Mapped[int] = mapped_column(BigInteger)
    post_id: Mapped[int] = mapped_column(BigInteger)
    message_id: Mapped[int] = mapped_column(BigInteger, index=True)

    def value(self) -> Place:
        """What the row says."""
        return Place(self.guild_id, self.channel_id, self.post_id, self.message_id)


class PostRow(Base):
    """A message that holds a job's pictures."""

    __tablename__ = "posts"

    message_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey(JobRow.id), index=True)


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

    def value(self) -> Draft:
        """What the row says."""
        return Draft(self.id, self.author_id, self.source, self.mask, self.replace_with)


class FactRow(Base):
    """Something to remember from one start to the next."""

    __tablename__ = "facts"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str]
