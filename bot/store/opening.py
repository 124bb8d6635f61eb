"""Opening the store: one program for each folder, and the tables that this program works with."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import filelock
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from bot.migrations import migrate
from bot.store.database import Store
from bot.store.parts import BEGIN
from engine.errors import SettingsError
from engine.files import quoted

DATABASE, LOCK = "bot.sqlite", "bot.lock"
LOCKED_SECONDS = 5.0
"""How long a call waits for a database that something else has locked."""


@asynccontextmanager
async def open_store(folder: Path) -> AsyncIterator[Store]:
    """The store in `folder`, which is made if it is not there, brought up to date.

    Raises `SettingsError` if another program uses the folder, it cannot be written, or its database
    belongs to a newer program.
    """
    lock = _lock(folder)
    try:
        await asyncio.to_thread(_migrate, folder / DATABASE)
        timeout = {"timeout": LOCKED_SECONDS}
        engine = create_async_engine(
            f"sqlite+aiosqlite:///{folder / DATABASE}", connect_args=timeout
        )
        _set_up(engine.sync_engine, "PRAGMA foreign_keys=ON")
        try:
            yield Store(engine)
        finally:
            await engine.dispose()
    finally:
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


def _migrate(path: Path) -> None:
    """Bring the tables up to date in one transaction, while nothing else has them open."""
    # Not checking foreign keys, so that a migration may make a table anew.
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": LOCKED_SECONDS})
    _set_up(engine)
    try:
        with engine.execution_options(**{BEGIN: "IMMEDIATE"}).begin() as connection:
            migrate(connection)
    except DBAPIError as error:
        raise SettingsError(f"storage.folder: cannot use {quoted(path)}: {error.orig}") from error
    finally:
        engine.dispose()


def _set_up(engine: Engine, *pragmas: str) -> None:
    """Let transactions hold whatever is done in them, and survive a power cut."""

    def connected(connection: Any, _: object) -> None:
        # Python's driver would leave changes of tables, and reading, out of transactions.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")  # readers and the writer wait for nobody
        cursor.execute("PRAGMA synchronous=FULL")
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    def begin(connection: Connection) -> None:
        how = connection.get_execution_options().get(BEGIN, "")
        connection.exec_driver_sql(f"BEGIN {how}".strip())

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begin)
