"""Read a database of any revision as it is, while a bot may use it."""

import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite
from sqlalchemy import inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from bot.storage.digests import Digest, digest_of
from bot.storage.migrations import revision_of
from bot.storage.places import is_url
from bot.storage.postgres import connecting, reach
from bot.storage.sqlite import DATABASE
from bot.storage.tables import Base
from bot.timings import Timings
from engine.errors import SettingsError
from engine.files import quoted

LONG_SECONDS = 86_400.0
"""Seconds after which a statement that reads or writes whole tables counts as lost."""
VERSIONS = "alembic_version"
EXISTING = "mode=rw"
"""How a file of SQLite is opened that others use: `mode=ro` would leave files beside it."""


@asynccontextmanager
async def open_for_reading(place: str) -> AsyncGenerator[AsyncConnection]:
    """Open one state of a database, which others can change meanwhile.

    Raises `SettingsError` if there is none, it cannot be read, or it is of another program.
    """
    try:
        if is_url(place):
            async with _open_postgres(place) as connection:
                yield connection
        else:
            path = Path(place) / DATABASE
            if not path.is_file():
                raise SettingsError(f"there is no database {quoted(path)}")
            async with open_file(path) as connection:
                yield connection
    except DBAPIError as error:
        raise SettingsError(f"cannot read the database: {error.orig}") from error


@asynccontextmanager
async def open_file(path: Path, *, is_ours: bool = False) -> AsyncGenerator[AsyncConnection]:
    """Open one state of a file of SQLite; if it `is_ours`, nobody else can change it."""
    uri = uri_of(path, "mode=ro&immutable=1") if is_ours else uri_of(path)
    seconds = Timings.locked_seconds

    async def connect() -> aiosqlite.Connection:
        return await aiosqlite.connect(uri, timeout=seconds, isolation_level=None, uri=True)

    engine = create_async_engine("sqlite+aiosqlite://", async_creator=connect, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            await connection.exec_driver_sql("PRAGMA query_only=ON")
            await connection.exec_driver_sql("BEGIN")
            await connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")
            yield connection
    finally:
        await engine.dispose()


def uri_of(path: Path, options: str = EXISTING) -> str:
    """Return the URI of a file of SQLite, whatever characters its name has."""
    return f"{path.resolve().as_uri()}?{options}"


@asynccontextmanager
async def _open_postgres(url: str) -> AsyncGenerator[AsyncConnection]:
    connect = connecting(url, Timings.locked_seconds, LONG_SECONDS)
    await reach(connect, waits=False)
    options: dict[str, Any] = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        poolclass=NullPool,
        execution_options=options,
    )
    try:
        async with engine.connect() as connection:
            # It may wait for other programs, such as pg_dump.
            await connection.exec_driver_sql("SET idle_in_transaction_session_timeout = 0")
            yield connection
    finally:
        await engine.dispose()


async def revision(connection: AsyncConnection) -> str:
    """Return the revision of a database, "" for one from before there were any.

    Raises `SettingsError` if it holds no tables of this program, or is of a newer program.
    """
    if not await stored_tables(connection):
        raise SettingsError("the database holds no tables of this program")
    return await connection.run_sync(revision_of)


async def stored_tables(connection: AsyncConnection) -> list[str]:
    """Return the names of the tables of this program that a database has."""
    names = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    return sorted(set(names) & {*Base.metadata.tables, VERSIONS})


async def digests(connection: AsyncConnection) -> dict[str, Digest]:
    """Return what each table of this program holds."""
    tables = await stored_tables(connection)
    return {name: await digest_of(connection, name) for name in tables}


def cause_of(error: Exception) -> str:
    """Return what a database says about an error."""
    if isinstance(error, DBAPIError):
        return f"{error.orig}. {getattr(error.orig, 'detail', None) or ''}".strip(". ")
    return str(error)


SQLITE_ERRORS = (sqlite3.Error, DBAPIError)
