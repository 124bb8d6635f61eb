"""The database connections that all repositories share, and the locks of their transactions."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Generator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from sqlalchemy import BigInteger, ColumnElement, bindparam
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.selectable import TypedReturnsRows

from bot.storage.tables import Base

T = TypeVar("T")


@dataclass(frozen=True)
class Lock:
    """What a transaction keeps others away from, so that what it reads stays true to its end."""

    kind: int
    number: int = 0


EVERYTHING, ADMISSION = Lock(0), Lock(1)
"""The lock of what is rare, which excludes all others; the lock of counting and adding jobs."""


def course_of(job_id: int) -> Lock:
    """Return the lock of one job, so that jobs do not wait for each other."""
    return Lock(2, job_id % 2**31)


@dataclass(frozen=True)
class Dialect:
    """What differs between databases."""

    reading: dict[str, Any]
    """The execution options of transactions that only read."""
    writing: dict[str, Any]
    """The execution options of transactions that write."""
    autocommit: dict[str, Any]
    """The execution options of statements that are allowed only outside of transactions."""
    take: Callable[[AsyncSession, Lock], Awaitable[None]]
    """Takes the lock of a transaction that has just begun."""
    used_bytes: Callable[["Database"], Awaitable[int]]
    """Returns the size of the database in bytes, without space that can be used again."""
    vacuum: Callable[["Database"], Awaitable[None]]
    """Gives the space of deleted rows back."""
    is_ours: Callable[[], bool] = lambda: True
    """Whether no other program can use the database at the moment."""


@dataclass(frozen=True)
class _Current:
    """A transaction that is in progress."""

    session: AsyncSession
    lock: Lock
    task: "asyncio.Task[Any] | None"


class Database:
    """Sessions and connections, made once for all repositories."""

    def __init__(self, engine: AsyncEngine, dialect: Dialect) -> None:
        self.engine, self.dialect = engine, dialect
        reading = engine.execution_options(**dialect.reading)
        writing = engine.execution_options(**dialect.writing)
        self._reading = async_sessionmaker(reading, expire_on_commit=False)
        self._writing = async_sessionmaker(writing, expire_on_commit=False)
        self.autocommit = engine.execution_options(**dialect.autocommit)
        """Connections without transactions, for statements that are allowed only there."""
        self._current = ContextVar[_Current | None]("transaction", default=None)
        self.observe: Callable[[str, float], None] = lambda _access, _seconds: None
        """Called after each transaction with "read" or "write" and its seconds."""

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncSession]:
        """Open a session that only reads, always the same state of the database.

        Inside of `write` in the same task, it is the session of that.
        """
        if (current := self._own()) is not None:
            yield current.session
            return
        with _named_errors(), self._timed("read"):
            async with self._reading() as session:
                yield session

    @asynccontextmanager
    async def write(self, lock: Lock) -> AsyncGenerator[AsyncSession]:
        """Open a transaction that takes a lock first, so that what it reads stays true.

        Inside of another one in the same task, with the same lock, it is part of that.
        """
        if (current := self._own()) is not None:
            assert current.lock == lock
            yield current.session
            return
        if not self.dialect.is_ours():
            raise OperationalError("BEGIN", None, ConnectionError("the database was lost"))
        with _named_errors(), self._timed("write"):
            async with self._writing.begin() as session:
                await self.dialect.take(session, lock)
                token = self._current.set(_Current(session, lock, asyncio.current_task()))
                try:
                    yield session
                finally:
                    self._current.reset(token)

    @contextmanager
    def _timed(self, access: str) -> Generator[None]:
        began = time.monotonic()
        try:
            yield
        finally:
            self.observe(access, time.monotonic() - began)

    def _own(self) -> _Current | None:
        """Return the transaction of this task; tasks that it started have their own."""
        current = self._current.get()
        return current if current and current.task is asyncio.current_task() else None


@contextmanager
def _named_errors() -> Generator[None]:
    """Raise what connections and their pool raise as an error of the database."""
    try:
        yield
    except PoolTimeoutError as error:
        raise OperationalError("connect", None, error) from error
    except OSError as error:  # a connection that cannot be made, breaks, or does not answer
        cause = error if str(error) else TimeoutError("the database does not answer")
        raise OperationalError("connect", None, cause) from error


class Repository:
    """The base of all repositories."""

    def __init__(self, database: Database) -> None:
        self._database, self._read = database, database.read

    def _write(self, lock: Lock = EVERYTHING) -> AbstractAsyncContextManager[AsyncSession]:
        """Open a transaction for writing."""
        return self._database.write(lock)

    async def _find(self, rows: TypedReturnsRows[T]) -> list[T]:
        """Return the first column of the rows that a query finds."""
        async with self._read() as session:
            return list(await session.scalars(rows))

    async def _execute(self, statement: Executable, lock: Lock = EVERYTHING) -> None:
        """Execute a statement in a transaction."""
        async with self._write(lock) as session:
            await session.execute(statement)

    async def _merge(self, row: Base, lock: Lock = EVERYTHING) -> None:
        """Store a row, in place of the one with its key if there is one."""
        async with self._write(lock) as session:
            await session.merge(row)


async def put_rows(
    session: AsyncSession, table: type[Base], rows: Sequence[dict[str, Any]]
) -> None:
    """Insert rows, each in place of the one with its key if there is one, without reading that."""
    if not rows:
        return
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    insert = sqlite.insert(table) if is_sqlite else postgresql.insert(table)
    keys = [column.name for column in table.__table__.primary_key]
    others = {name: insert.excluded[name] for name in rows[0] if name not in keys}
    await session.execute(insert.on_conflict_do_update(index_elements=keys, set_=others), rows)


def is_one_of(column: InstrumentedAttribute[int], values: Collection[int]) -> ColumnElement[bool]:
    """Select rows whose column is one of many values, more than a statement has parameters."""
    listed = bindparam(
        None, sorted(values), type_=BigInteger(), expanding=True, literal_execute=True
    )
    return column.in_(listed)


def read_json_object(text: str) -> dict[str, Any] | None:
    """Read a JSON object; return None if the text is unreadable or another value."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return cast(dict[str, Any], value) if isinstance(value, dict) else None
