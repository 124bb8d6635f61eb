"""SQLite, the default: a database in a folder, which one program at a time uses.

Only the account of the program may read what is stored. SQLite gives the files beside the database
its permissions.
"""

import asyncio
import logging
import os
import sqlite3
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import filelock
from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from bot.private_files import FILE_MODE, FOLDER_MODE, make_private, warn_if_open
from bot.storage.base import Database, Dialect, Lock
from bot.storage.migrations import migrate
from engine.errors import SettingsError
from engine.files import quoted

log = logging.getLogger(__name__)

DATABASE, LOCK = "bot.sqlite", "bot.lock"
_BESIDE = ("", "-wal", "-shm", "-journal")
"""Endings of the files of a database."""
UNFINISHED = ".new"
"""What the name of a database ends in until it is complete."""
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_MEND = (
    "move the files of this name away, and restore a backup with `python -m bot.storage restore`, "
    "or start with an empty database"
)
BEGIN = "begin"
"""The execution option with SQLite's kind of transaction: "", "IMMEDIATE" or `NO_TRANSACTION`."""
NO_TRANSACTION = "none"
"""The value of `BEGIN` that leaves each statement outside of a transaction."""
_BATCH_PAGES, _REST_SECONDS = 1024, 0.02
"""Pages given back in one transaction, and seconds before the next transaction."""
_INCREMENTAL = 2
"""The value of `PRAGMA auto_vacuum` that allows giving free pages back step by step."""


async def _take_nothing(_: AsyncSession, __: Lock) -> None:
    """Take no lock, because SQLite has one writer at a time."""


async def _used_bytes(database: Database) -> int:
    pages, free = await _pragma(database, "page_count"), await _pragma(database, "freelist_count")
    return (pages - free) * await _pragma(database, "page_size")


async def _vacuum(database: Database) -> None:
    """Give free pages back to the file system, unless readers still use them."""
    free = await _pragma(database, "freelist_count")
    while free:
        await _run(database, f"incremental_vacuum({_BATCH_PAGES})")
        before, free = free, await _pragma(database, "freelist_count")
        if free >= before:  # the database cannot shrink
            break
        await asyncio.sleep(_REST_SECONDS)
    await _run(database, "wal_checkpoint(TRUNCATE)")


async def _pragma(database: Database, pragma: str) -> int:
    """Return a number that SQLite reports."""
    async with database.autocommit.connect() as connection:
        return int(await connection.scalar(text(f"PRAGMA {pragma}")) or 0)


async def _run(database: Database, pragma: str) -> None:
    """Run a PRAGMA to its end; a plain `execute` would only take its first step."""
    async with database.autocommit.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        await driver.executescript(f"PRAGMA {pragma}")


_DIALECT = Dialect(
    reading={BEGIN: ""},
    writing={BEGIN: "IMMEDIATE"},
    autocommit={BEGIN: NO_TRANSACTION},
    take=_take_nothing,
    used_bytes=_used_bytes,
    vacuum=_vacuum,
)


@asynccontextmanager
async def open_sqlite(folder: Path, locked_seconds: float) -> AsyncGenerator[Database]:
    """Open the database in a folder that is locked, and make or migrate its tables.

    A call waits up to `locked_seconds` for a database that another program has locked.

    Raises `SettingsError` if the database cannot be written, is damaged, or belongs to a newer
    program; damage that is met only inside the block, too, if it ends the block.
    """
    path = folder / DATABASE
    await asyncio.to_thread(_prepare, path, locked_seconds)
    url = URL.create("sqlite+aiosqlite", database=str(path))
    engine = create_async_engine(url, connect_args={"timeout": locked_seconds})
    _set_up(engine.sync_engine, "PRAGMA foreign_keys=ON")
    try:
        yield Database(engine, _DIALECT)
    except DBAPIError as error:
        if not _is_damage(error):
            raise
        raise _unusable(path, error) from error
    finally:
        await engine.dispose()


@contextmanager
def locked_folder(folder: Path) -> Generator[None]:
    """Make a folder if it does not exist, and keep other programs away from it.

    Raises `SettingsError` if another program uses the folder, or it cannot be written.
    """
    lock = filelock.FileLock(folder / LOCK, mode=FILE_MODE)
    try:
        folder.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except filelock.Timeout:
        raise SettingsError(
            f"storage.folder: another bot uses {quoted(folder)}; stop it, or name another folder"
        ) from None
    except OSError as error:
        raise SettingsError(
            f"storage.folder: cannot write to {quoted(folder)}: {error.strerror}"
        ) from error
    try:
        yield
    finally:
        lock.release()


def _prepare(path: Path, locked_seconds: float) -> None:
    """Make the database, or bring the existing one up to date."""
    make_private(path.parent, path.with_name(LOCK), *database_files(path))
    warn_if_open(path.parent, "storage.folder")
    if not path.exists():
        _create(path, locked_seconds)
    elif not path.stat().st_size:
        raise SettingsError(f"storage.folder: the database {quoted(path)} is empty: {_MEND}")
    else:
        migrate_file(path, locked_seconds)


def _create(path: Path, locked_seconds: float) -> None:
    """Make a new database, which gets its name when it is complete.

    So an empty file is never one that was about to be made, but one whose content was lost.
    """
    check_complete(path)
    unfinished = path.with_name(f"{path.name}{UNFINISHED}")
    try:
        for each in database_files(unfinished):
            each.unlink(missing_ok=True)
        unfinished.touch(FILE_MODE)
        migrate_file(unfinished, locked_seconds)
        unfinished.replace(path)
        flush_folder(path.parent)
        log.info("the database is new", extra={"path": str(path)})
    except OSError as error:
        raise SettingsError(
            f"storage.folder: cannot write {quoted(path)}: {error.strerror}"
        ) from error


def check_complete(path: Path) -> None:
    """Raise `SettingsError` if a database is missing, and a file that belongs to it is there."""
    orphans = [each for each in database_files(path) if each.exists()]
    if orphans and not path.exists():
        raise SettingsError(
            f"storage.folder: the database {quoted(path)} is missing, but {quoted(orphans[0])}, "
            f"which belongs to it, is there: {_MEND}"
        )


def flush_folder(folder: Path) -> None:
    """Write the names in a folder to the disk, so that they survive a power cut."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def database_files(path: Path) -> list[Path]:
    """Return all files that a database may have."""
    return [path.with_name(f"{path.name}{ending}") for ending in _BESIDE]


def migrate_file(path: Path, locked_seconds: float) -> None:
    """Migrate the tables in one transaction, while nothing else has the database open.

    Raises `SettingsError` if that fails; then they are as they were.
    """
    change_file(path, locked_seconds, migrate)
    _enable_auto_vacuum(path, locked_seconds)


def change_file(path: Path, locked_seconds: float, change: Callable[[Connection], None]) -> None:
    """Change the tables in one transaction, while nothing else has the database open.

    Raises `SettingsError` if that fails; then they are as they were.
    """
    # Foreign keys stay unchecked here, because a migration may replace a table.
    url = URL.create("sqlite", database=str(path))
    engine = create_engine(url, connect_args={"timeout": locked_seconds})
    _set_up(engine)
    try:
        with engine.execution_options(**{BEGIN: "IMMEDIATE"}).begin() as connection:
            change(connection)
    except DBAPIError as error:
        raise _unusable(path, error) from error
    finally:
        engine.dispose()


def _is_damage(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlite_errorcode", None) in _DAMAGED


def _unusable(path: Path, error: DBAPIError) -> SettingsError:
    advice = f": {_MEND}" if _is_damage(error) else ""
    return SettingsError(f"storage.folder: cannot use {quoted(path)}: {error.orig}{advice}")


def _enable_auto_vacuum(path: Path, locked_seconds: float) -> None:
    """Make the database track its free pages, so that it can give them back."""
    try:
        with closing(sqlite3.connect(path, locked_seconds, isolation_level=None)) as database:
            ((mode,),) = database.execute("PRAGMA auto_vacuum").fetchall()
            if mode != _INCREMENTAL:
                database.execute("PRAGMA auto_vacuum=INCREMENTAL")
                database.execute("VACUUM")  # rewrites the file, only once
    except sqlite3.Error as error:
        cause = {"cause": str(error)}
        log.warning("the database cannot shrink, trying at the next start", extra=cause)


def _set_up(engine: Engine, *pragmas: str) -> None:
    """Put everything into transactions, which survive a power cut."""

    def on_connect(connection: Any, _: object) -> None:
        # Python's driver would leave reads and changes of tables outside of transactions.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")  # readers and the writer do not block each other
        cursor.execute("PRAGMA synchronous=FULL")
        # Deleted content is overwritten where that is free; whole free pages are given back.
        cursor.execute("PRAGMA secure_delete=FAST")
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    def on_begin(connection: Connection) -> None:
        kind = connection.get_execution_options().get(BEGIN, "")
        if kind != NO_TRANSACTION:
            connection.exec_driver_sql(f"BEGIN {kind}".strip())

    event.listen(engine, "connect", on_connect)
    event.listen(engine, "begin", on_begin)
