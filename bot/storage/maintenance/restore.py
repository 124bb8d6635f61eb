"""Restore a backup: into an empty place, or in place of a database, which stays until the end."""

import os
import sqlite3
from collections.abc import Callable
from contextlib import aclosing, closing
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.private_files import FILE_MODE
from bot.storage.digests import Digest
from bot.storage.maintenance.archive import About, Archive, open_archive
from bot.storage.maintenance.postgres_programs import find_program, script
from bot.storage.maintenance.postgres_script import ScriptReader
from bot.storage.maintenance.reading import (
    LONG_SECONDS,
    SQLITE_ERRORS,
    cause_of,
    digests,
    open_file,
    stored_tables,
)
from bot.storage.migrations import is_known, migrate, newest_revision
from bot.storage.places import is_url
from bot.storage.postgres import open_locked
from bot.storage.sqlite import (
    DATABASE,
    UNFINISHED,
    check_complete,
    database_files,
    flush_folder,
    locked_folder,
    migrate_file,
)
from bot.timings import Timings
from engine.errors import SettingsError
from engine.files import quoted

Report = Callable[[str, Digest], None]
_UNCHANGED = "nothing was changed"


async def restore(path: Path, place: str, report: Report, *, force: bool) -> About:
    """Restore a backup, and compare what was restored with what was backed up.

    An older revision is migrated to the newest. `force` allows to replace what the place holds;
    until the new database is complete and compared, the old one stays as it is. `report` is told
    each table that was compared.

    Raises `SettingsError` if the backup cannot be restored there; then nothing was changed.
    """
    with open_archive(path) as archive:
        _check_fits(archive.about, path, place)
        if is_url(place):
            await _restore_postgres(archive, place, report, force=force)
        else:
            with locked_folder(Path(place)):
                # A link to another disk stays, and a database that is not mounted is noticed.
                path = (Path(place) / DATABASE).resolve()
                await _restore_sqlite(archive, path, report, force=force)
        return archive.about


def _check_fits(about: About, path: Path, place: str) -> None:
    if not is_known(about.revision):
        raise SettingsError(
            f"the backup {quoted(path)} is of version {about.version} of the program, with "
            f"database revision {about.revision}, and this program knows none after "
            f"{newest_revision()}: update it first"
        )
    if (about.database == "postgres") != is_url(place):
        kind, other = (
            ("a URL", "Postgres") if about.database == "postgres" else ("a folder", "SQLite")
        )
        raise SettingsError(
            f"the backup {quoted(path)} is of a database of {other}: restore it into {kind}, and "
            "then use `python -m bot.storage copy` to move to the other kind"
        )


async def _restore_sqlite(archive: Archive, path: Path, report: Report, *, force: bool) -> None:
    check_complete(path)
    if path.exists() and not force:
        raise SettingsError(
            f"there is a database {quoted(path)}: name another folder, or replace it with --force"
        )
    new = path.with_name(f"{path.name}{UNFINISHED}")
    if path.exists():
        await _check_ours(path)
    try:
        _unlink(new)
        _write(archive, new)
        async with open_file(new, is_ours=True) as connection:
            await _compare(connection, archive.about, report)
        migrate_file(new, Timings.locked_seconds)
        if path.exists():
            _close(path)
        new.replace(path)
    except OSError as error:
        problem = f"cannot write {quoted(new)}: {error.strerror}"
        raise SettingsError(f"{problem}; {_UNCHANGED}") from error
    except SQLITE_ERRORS as error:
        raise SettingsError(f"cannot restore: {cause_of(error)}; {_UNCHANGED}") from error
    finally:
        _unlink(new)
    flush_folder(path.parent)


async def _check_ours(path: Path) -> None:
    """Raise `SettingsError` if a file is the database of another program."""
    try:
        async with open_file(path) as connection:
            is_ours = await stored_tables(connection)
    except SQLITE_ERRORS:  # it is damaged, of which more is said when it is closed
        return
    if not is_ours and path.stat().st_size:
        raise SettingsError(
            f"{quoted(path)} is a database of another program: name the folder of this bot; "
            f"{_UNCHANGED}"
        )


def _write(archive: Archive, path: Path) -> None:
    path.touch(FILE_MODE)
    with path.open("wb") as file:
        for chunk in archive.chunks():
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())


def _close(path: Path) -> None:
    """Write all of a database into its file, because the others beside it are of this one only."""
    try:
        with closing(sqlite3.connect(path, Timings.locked_seconds)) as database:
            database.execute("PRAGMA journal_mode=DELETE").fetchall()
    except sqlite3.Error as error:
        raise SettingsError(
            f"the database {quoted(path)} cannot be replaced: {error}. Move it, and the files "
            f"whose names begin with {DATABASE}, to another folder, and restore again; {_UNCHANGED}"
        ) from error
    if left := [each for each in database_files(path)[1:] if each.exists()]:
        raise SettingsError(
            f"the database {quoted(path)} cannot be replaced while another program uses "
            f"{quoted(left[0])}: end that program; {_UNCHANGED}"
        )


def _unlink(path: Path) -> None:
    for each in database_files(path):
        each.unlink(missing_ok=True)


async def _restore_postgres(archive: Archive, url: str, report: Report, *, force: bool) -> None:
    about = archive.about
    program, _ = await find_program("pg_restore", about.pg_dump)
    opening = open_locked(url, Timings.locked_seconds, waits=False, command_seconds=LONG_SECONDS)
    async with opening as (engine, lock):
        try:
            async with engine.begin() as connection:
                await _make_room(connection, about, force=force)
                raw = await connection.get_raw_connection()
                async with aclosing(script(program, archive.chunks())) as chunks:
                    await ScriptReader(chunks).run(raw.driver_connection, LONG_SECONDS)
                await _compare(connection, about, report)
                await connection.run_sync(migrate)
                if not lock.is_held:
                    raise SettingsError("the connection that keeps bots away was lost")
        except SettingsError as error:
            told = str(error)
            raise SettingsError(told if _UNCHANGED in told else f"{told}; {_UNCHANGED}") from error
        except Exception as error:  # the driver's errors have no common base
            raise SettingsError(f"cannot restore: {cause_of(error)}; {_UNCHANGED}") from error


async def _make_room(connection: AsyncConnection, about: About, *, force: bool) -> None:
    schema = await connection.scalar(text("SELECT current_schema()"))
    if schema != about.namespace:
        raise SettingsError(
            f"the backup is of the schema {about.namespace!r}, and the URL means "
            f"{schema or 'one that does not exist'!r}: create it in the new database, and add "
            f"?search_path={about.namespace} to the URL"
        )
    found = await stored_tables(connection)
    if found and not force:
        raise SettingsError(
            f"the database has tables of a bot, such as {found[0]}: name an empty database, or "
            "replace them with --force"
        )
    if found:
        await connection.execute(text(f"DROP TABLE {', '.join(found)}"))


async def _compare(connection: AsyncConnection, about: About, report: Report) -> None:
    """Raise `SettingsError` if the database does not hold what the backup says."""
    found = await digests(connection)
    expected = about.digests()
    for name in sorted(found.keys() | expected.keys()):
        if found.get(name) != expected.get(name):
            raise SettingsError(
                f"the table {name} differs from what was backed up: restore another backup; "
                f"{_UNCHANGED}"
            )
        report(name, found[name])
