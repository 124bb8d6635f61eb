"""Copy everything that is stored from one database to another, of either kind.

Everything is read in one transaction and written in one, so the copy is of one moment, and a copy
that fails leaves nothing behind. Neither database may be used by a bot meanwhile.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import RowMapping, Table, func, insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.storage.base import EVERYTHING, Database
from bot.storage.digests import FETCHED_ROWS, Digest
from bot.storage.numbering import read_numbers, set_numbers
from bot.storage.places import is_url
from bot.storage.postgres import open_postgres
from bot.storage.sqlite import DATABASE, database_files, locked_folder, open_sqlite
from bot.storage.tables import Base
from bot.timings import Timings
from engine.errors import SettingsError
from engine.files import MEBIBYTE, quoted

_BATCH_ROWS, _BATCH_BYTES = 500, 4 * MEBIBYTE
"""Maximum number of rows in one statement, and of their bytes, except for the last row."""


async def copy(source: str, target: str, report: Callable[[str, Digest], None]) -> None:
    """Copy a database; both are named by a folder (SQLite) or a URL (Postgres).

    `report` is told each table that was copied and compared.

    Raises `SettingsError` if either cannot be used, a bot uses it, the source has no database, or
    the target holds anything.
    """
    async with _open_source(source) as reading, _open_target(target) as writing:
        try:
            await _copy(reading, writing, report)
        except (DBAPIError, ValueError) as error:
            cause = _cause(error) if isinstance(error, DBAPIError) else error
            raise SettingsError(f"nothing was copied, the target is empty: {cause}") from error


async def _copy(source: Database, target: Database, report: Callable[[str, Digest], None]) -> None:
    tables = Base.metadata.sorted_tables
    read: dict[str, Digest] = {}
    async with target.write(EVERYTHING) as writing:
        await _check_empty(writing)
        async with source.read() as reading:
            for table in tables:
                read[table.name] = await _copy_table(reading, writing, table)
            numbers = await read_numbers(reading)
        await set_numbers(writing, numbers)
        for table in tables:
            written = Digest()
            async for row in _rows(writing, table):
                written = written.added(row.values())
            if written != read[table.name]:
                raise ValueError(f"the table {table.name} differs from the original")
            report(table.name, written)


async def _check_empty(session: AsyncSession) -> None:
    for table in Base.metadata.sorted_tables:
        if await session.scalar(select(func.count()).select_from(table)):
            raise SettingsError(
                f"the target is not empty: its table {table.name} has rows; name a new database"
            )


async def _copy_table(reading: AsyncSession, writing: AsyncSession, table: Table) -> Digest:
    digest = Digest()
    batch: list[dict[str, Any]] = []
    size = 0
    async for row in _rows(reading, table):
        digest = digest.added(row.values())
        batch.append(dict(row))
        size += sum(len(value) for value in row.values() if isinstance(value, bytes | str))
        if len(batch) >= _BATCH_ROWS or size >= _BATCH_BYTES:
            await writing.execute(insert(table), batch)
            batch, size = [], 0
    if batch:
        await writing.execute(insert(table), batch)
    return digest


async def _rows(session: AsyncSession, table: Table) -> AsyncIterator[RowMapping]:
    options = {"yield_per": FETCHED_ROWS}
    found = await session.stream(select(table), execution_options=options)
    async for row in found.mappings():
        yield row


@asynccontextmanager
async def _open_source(place: str) -> AsyncGenerator[Database]:
    if not is_url(place) and not (Path(place) / DATABASE).exists():
        raise SettingsError(f"there is no database {quoted(Path(place) / DATABASE)}")
    async with open_database(place) as database:
        yield database


@asynccontextmanager
async def _open_target(place: str) -> AsyncGenerator[Database]:
    """Open a new database; a file that was made for it is deleted if the copy fails."""
    if is_url(place):
        async with open_database(place) as database:
            yield database
        return
    path = Path(place) / DATABASE
    if path.exists():
        raise SettingsError(f"the target is not empty: there is {quoted(path)}; name a new folder")
    try:
        async with open_database(place) as database:
            yield database
    except BaseException:
        for each in database_files(path):
            each.unlink(missing_ok=True)
        raise


@asynccontextmanager
async def open_database(place: str) -> AsyncGenerator[Database]:
    """Open a database that no bot uses; make or migrate its tables."""
    seconds = Timings.locked_seconds
    if is_url(place):
        async with open_postgres(place, seconds, waits=False) as (database, _):
            yield database
        return
    with locked_folder(Path(place)):
        async with open_sqlite(Path(place), seconds) as database:
            yield database


def _cause(error: DBAPIError) -> str:
    """Return what a database says about an error, with the numbers that Postgres adds."""
    return f"{error.orig}. {getattr(error.orig, 'detail', None) or ''}".strip()
