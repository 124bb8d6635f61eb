"""Back up a database while a bot uses it: all of it, at one moment."""

import sqlite3
import time
from contextlib import aclosing, closing
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.private_files import FILE_MODE
from bot.storage.maintenance.archive import About, ArchiveWriter
from bot.storage.maintenance.postgres_programs import dump, find_program
from bot.storage.maintenance.reading import digests, open_file, open_for_reading, revision, uri_of
from bot.storage.places import is_url
from bot.storage.sqlite import DATABASE, database_files, flush_folder
from bot.timings import Timings
from engine import __version__
from engine.errors import SettingsError
from engine.files import MEBIBYTE, atomic_write, quoted

_STEP_PAGES, _REST_SECONDS = 256, 0.005
"""Pages of SQLite that are copied at a time, and seconds of rest before the next ones."""


async def backup(place: str, path: Path, *, force: bool) -> About:
    """Write all that a database holds into a file, which appears whole or not at all.

    `force` allows to replace an existing file.

    Raises `SettingsError` if the database cannot be read or what is needed is not installed, and
    `PictureError` if the file cannot be written.
    """
    if path.is_symlink():  # to another disk, where the backup is wanted
        path = path.resolve()
    database = Path(place) / DATABASE
    if not is_url(place) and path.resolve() in [e.resolve() for e in database_files(database)]:
        raise SettingsError(f"{quoted(path)} belongs to the database itself: name another file")
    with atomic_write(path, force=force) as part:
        part.chmod(FILE_MODE)
        if is_url(place):
            about = await _dump(place, part)
        else:
            about = await _copy(database, part)
    flush_folder(path.parent)
    return about


async def _dump(url: str, part: Path) -> About:
    async with open_for_reading(url) as connection:
        about = await _describe(connection)
        server = await connection.scalar(text("SHOW server_version_num"))
        program, version = await find_program("pg_dump", int(server or 0) // 10_000)
        snapshot = await connection.scalar(text("SELECT pg_export_snapshot()"))
        schema = str(await connection.scalar(text("SELECT current_schema()")))
        about = about.model_copy(update={"namespace": schema, "pg_dump": version})
        tables = [f'"{schema}"."{name}"' for name in about.tables]
        async with aclosing(dump(url, program, str(snapshot), tables)) as chunks:
            with part.open("wb") as file, ArchiveWriter(file).content(about) as write:
                async for chunk in chunks:
                    write(chunk)
    return about


async def _copy(path: Path, part: Path) -> About:
    if not path.is_file():
        raise SettingsError(f"there is no database {quoted(path)}: name its folder")
    copied = part.with_name(f"{part.name}.sqlite")
    try:
        copied.touch(FILE_MODE)
        _copy_pages(path, copied)
        async with open_file(copied, is_ours=True) as connection:
            about = await _describe(connection)
        with (
            copied.open("rb") as source,
            part.open("wb") as file,
            ArchiveWriter(file).content(about) as write,
        ):
            while chunk := source.read(MEBIBYTE):
                write(chunk)
    finally:
        for each in database_files(copied):
            each.unlink(missing_ok=True)
    return about


def _copy_pages(path: Path, target: Path) -> None:
    """Copy a database in small steps, between which a bot that uses it can read and write."""
    uri, seconds = uri_of(path), Timings.locked_seconds
    try:
        with (
            closing(sqlite3.connect(uri, seconds, isolation_level=None, uri=True)) as reading,
            closing(sqlite3.connect(target)) as writing,
        ):
            # Without a transaction each change by the bot would start the copy again.
            reading.execute("BEGIN")
            reading.execute("SELECT count(*) FROM sqlite_master").fetchone()
            reading.backup(writing, pages=_STEP_PAGES, progress=_rest)
            ((found,),) = writing.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.Error as error:
        raise SettingsError(f"nothing was backed up: {error}") from error
    if found != "ok":
        raise SettingsError(
            f"nothing was backed up, because the database is damaged: {found}. Keep your earlier "
            "backups; `python -m bot.storage check` says more"
        )


def _rest(_status: int, _remaining: int, _total: int) -> None:
    time.sleep(_REST_SECONDS)


async def _describe(connection: AsyncConnection) -> About:
    found = await revision(connection)
    return About(
        version=__version__,
        revision=found,
        created_at=datetime.now(UTC),
        database="sqlite" if connection.dialect.name == "sqlite" else "postgres",
        tables={
            name: (digest.rows, f"{digest.total:064x}")
            for name, digest in (await digests(connection)).items()
        },
    )
