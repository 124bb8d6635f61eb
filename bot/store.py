"""The store: every accepted job, so that none is forgotten.

SQLAlchemy over SQLite. A job is stored before anybody is told that it is queued, and every change
of its state is one transaction. Only one program at a time may use the folder.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar

import filelock
from sqlalchemy import (
    JSON,
    BigInteger,
    ForeignKey,
    String,
    delete,
    event,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from bot.drafts import Draft
from bot.jobs import Job, JobState, Place
from engine.errors import SettingsError
from engine.files import quoted
from engine.recipe import Recipe

DATABASE, LOCK = "bot.sqlite", "bot.lock"
DRAFT_AGE, DRAFTS = timedelta(days=1), 10
"""How long a draft is kept, and how many of one person."""
UNFINISHED = (JobState.QUEUED, JobState.RUNNING)


class _Base(DeclarativeBase):
    """What all tables share."""


class _Job(_Base):
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
        recipes = tuple(map(Recipe.from_json, self.recipes))
        return Job(self.id, self.author_id, self.prompt, recipes)


class _Place(_Base):
    """Where a job is told about; it has none until its message was posted."""

    __tablename__ = "places"

    job_id: Mapped[int] = mapped_column(ForeignKey(_Job.id), primary_key=True)
    guild_id: Mapped[int | None] = mapped_column(BigInteger)
    channel_id: Mapped[int] = mapped_column(BigInteger)
    post_id: Mapped[int] = mapped_column(BigInteger)
    message_id: Mapped[int] = mapped_column(BigInteger, index=True)

    def value(self) -> Place:
        return Place(self.guild_id, self.channel_id, self.post_id, self.message_id)


class _Post(_Base):
    """A message that holds a job's pictures."""

    __tablename__ = "posts"

    message_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey(_Job.id), index=True)


class _Draft(_Base):
    __tablename__ = "drafts"
    __table_args__: ClassVar = {"sqlite_autoincrement": True}  # no button ever meets another draft

    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(BigInteger, index=True)
    source: Mapped[bytes]
    mask: Mapped[bytes | None]
    replace_with: Mapped[str | None]
    created_at: Mapped[datetime]

    def value(self) -> Draft:
        return Draft(self.id, self.author_id, self.source, self.mask, self.replace_with)


class _Fact(_Base):
    """Something to remember from one start to the next."""

    __tablename__ = "facts"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str]


class Store:
    """The jobs in a database. Made by `open_store`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._sessions: async_sessionmaker[AsyncSession] = async_sessionmaker(
            engine, expire_on_commit=False
        )

    async def add(self, author_id: int, prompt: str, recipes: tuple[Recipe, ...]) -> Job:
        """Store a new job as queued and return it with its number."""
        # A recipe may hold megabytes of pictures.
        texts = await asyncio.to_thread(lambda: [recipe.to_json() for recipe in recipes])
        row = _Job(
            state=JobState.QUEUED,
            author_id=author_id,
            prompt=prompt,
            recipes=texts,
            reason=None,
            accepted_at=datetime.now(UTC),
            ended_at=None,
        )
        async with self._sessions.begin() as session:
            session.add(row)
        return Job(row.id, author_id, prompt, recipes)

    async def set_place(self, job: Job, place: Place) -> None:
        """Remember where a job is told about."""
        async with self._sessions.begin() as session:
            session.add(
                _Place(
                    job_id=job.id,
                    guild_id=place.guild_id,
                    channel_id=place.channel_id,
                    post_id=place.post_id,
                    message_id=place.message_id,
                )
            )

    async def set_state(self, job_id: int, state: JobState, reason: str | None = None) -> None:
        """Change the state of a job; one of the final ones also notes the time."""
        ended = None if state in UNFINISHED else datetime.now(UTC)
        change = update(_Job).where(_Job.id == job_id)
        async with self._sessions.begin() as session:
            await session.execute(change.values(state=state, reason=reason, ended_at=ended))

    async def state(self, job_id: int) -> JobState | None:
        """The state of a job; None if there is no such job."""
        async with self._sessions() as session:
            found = await session.scalar(select(_Job.state).where(_Job.id == job_id))
        return None if found is None else JobState(found)

    async def unfinished(self) -> list[tuple[Job, Place | None]]:
        """The jobs that have not ended, oldest first, and where they are told about."""
        rows = (
            select(_Job, _Place)
            .outerjoin(_Place, _Place.job_id == _Job.id)
            .where(_Job.state.in_(UNFINISHED))
            .order_by(_Job.id)
        )
        async with self._sessions() as session:
            found = (await session.execute(rows)).all()
        return [(job.value(), None if place is None else place.value()) for job, place in found]

    async def count_unfinished(self, author_id: int | None = None) -> int:
        """How many jobs of one person, or of everybody, have not ended."""
        rows = select(func.count()).select_from(_Job).where(_Job.state.in_(UNFINISHED))
        if author_id is not None:
            rows = rows.where(_Job.author_id == author_id)
        async with self._sessions() as session:
            return await session.scalar(rows) or 0

    async def add_post(self, job_id: int, message_id: int) -> None:
        """Remember that a message holds a job's pictures."""
        async with self._sessions.begin() as session:
            await session.merge(_Post(message_id=message_id, job_id=job_id))

    async def author_of_post(self, message_id: int) -> int | None:
        """Who asked for the pictures that a message holds; None if it holds no job's."""
        rows = select(_Job.author_id).join(_Post, _Post.job_id == _Job.id)
        async with self._sessions() as session:
            return await session.scalar(rows.where(_Post.message_id == message_id))

    async def add_draft(
        self, author_id: int, source: bytes, mask: bytes | None, replace_with: str | None
    ) -> Draft:
        """Store a new draft, forget old ones, and return it with its number."""
        now = datetime.now(UTC)
        row = _Draft(
            author_id=author_id,
            source=source,
            mask=mask,
            replace_with=replace_with,
            created_at=now,
        )
        newest = select(_Draft.id).where(_Draft.author_id == author_id).order_by(_Draft.id.desc())
        surplus = newest.offset(DRAFTS)
        is_old = or_(_Draft.created_at < now - DRAFT_AGE, _Draft.id.in_(surplus))
        async with self._sessions.begin() as session:
            session.add(row)
            await session.flush()
            await session.execute(delete(_Draft).where(is_old))
        return row.value()

    async def draft(self, draft_id: int) -> Draft | None:
        """The draft with a number, if it is still there."""
        async with self._sessions() as session:
            found = await session.get(_Draft, draft_id)
        return None if found is None else found.value()

    async def put_draft(self, draft: Draft) -> None:
        """Store a draft in place of the one with its number, or again."""
        row = _Draft(**asdict(draft), created_at=datetime.now(UTC))
        async with self._sessions.begin() as session:
            await session.merge(row)

    async def remove_draft(self, draft_id: int) -> bool:
        """Forget a draft; say whether it was there."""
        gone = delete(_Draft).where(_Draft.id == draft_id).returning(_Draft.id)
        async with self._sessions.begin() as session:
            return await session.scalar(gone) is not None

    async def fact(self, name: str) -> str | None:
        """What was remembered under `name`."""
        async with self._sessions() as session:
            return await session.scalar(select(_Fact.value).where(_Fact.name == name))

    async def remember(self, name: str, value: str) -> None:
        """Keep `value` under `name`, in place of what was there."""
        async with self._sessions.begin() as session:
            await session.merge(_Fact(name=name, value=value))


@asynccontextmanager
async def open_store(folder: Path) -> AsyncIterator[Store]:
    """The store in `folder`, which is made if it is not there.

    Raises `SettingsError` if another program uses the folder, or it cannot be written.
    """
    lock = _lock(folder)
    engine = create_async_engine(f"sqlite+aiosqlite:///{folder / DATABASE}")
    event.listen(engine.sync_engine, "connect", _set_up_connection)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_Base.metadata.create_all)
        yield Store(engine)
    finally:
        await engine.dispose()
        lock.release()


def _lock(folder: Path) -> filelock.BaseFileLock:
    lock = filelock.FileLock(folder / LOCK)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except filelock.Timeout:
        raise SettingsError(
            f"storage.folder: another bot uses {quoted(folder)}; stop it, or name another folder"
        ) from None
    except OSError as error:
        raise SettingsError(
            f"storage.folder: cannot write to {quoted(folder)}: {error.strerror}"
        ) from error
    return lock


def _set_up_connection(connection: "object", _: object) -> None:
    cursor = connection.cursor()  # pyright: ignore[reportAttributeAccessIssue]
    cursor.execute("PRAGMA journal_mode=WAL")  # readers and the writer do not wait for each other
    cursor.execute("PRAGMA synchronous=FULL")  # what was committed survives a power cut
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()
