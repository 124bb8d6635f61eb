"""Opening the store: one program for each folder, and the tables that this program works with."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import filelock
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from bot.storage.base import BEGIN, FOLD, NO_TRANSACTION
from bot.storage.migrations import migrate
from bot.storage.store import Store
from engine.errors import SettingsError
from engine.files import quoted

log = logging.getLogger(__name__)

DATABASE, LOCK = "bot.sqlite", "bot.lock"
LOCKED_SECONDS = 5.0
"""How long a call waits for a database that something else has locked."""
_INCREMENTAL = 2
"""SQLite's number for a database that gives free pages back when it is told to."""


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
    _let_it_shrink(path)


def _let_it_shrink(path: Path) -> None:
    """Have the database keep books of its pages, so that free ones can be given back."""
    try:
        with closing(sqlite3.connect(path, LOCKED_SECONDS, isolation_level=None)) as database:
            ((kept,),) = database.execute("PRAGMA auto_vacuum").fetchall()
            if kept != _INCREMENTAL:
                database.execute("PRAGMA auto_vacuum=INCREMENTAL")
                database.execute("VACUUM")  # writes it anew, which happens once
    except sqlite3.Error as error:
        log.warning("the database cannot shrink; trying at the next start", extra={"cause": error})


def _folded(text: str | None) -> str | None:
    """What SQLite's own functions do for A to Z only."""
    return None if text is None else text.casefold()


def _set_up(engine: Engine, *pragmas: str) -> None:
    """Let transactions hold whatever is done in them, and survive a power cut."""

    def connected(connection: Any, _: object) -> None:
        # Python's driver would leave changes of tables, and reading, out of transactions.
        connection.isolation_level = None
        connection.create_function(FOLD, 1, _folded, deterministic=True)
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")  # readers and the writer wait for nobody
        cursor.execute("PRAGMA synchronous=FULL")
        # Overwrites what is deleted where that costs nothing; whole free pages are given back.
        cursor.execute("PRAGMA secure_delete=FAST")
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    def begin(connection: Connection) -> None:
        how = connection.get_execution_options().get(BEGIN, "")
        if how == NO_TRANSACTION:
            return
        connection.exec_driver_sql(f"BEGIN {how}".strip())

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begin)
