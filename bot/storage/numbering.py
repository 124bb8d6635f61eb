"""The numbers that a database gives to new rows.

A copy takes them over, because no number is used twice: old buttons hold them.
"""

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.storage.tables import DraftRow, GalleryPictureRow, JobRow, RemovalRow

_Numbered = type[JobRow | DraftRow | RemovalRow | GalleryPictureRow]
_TABLES: tuple[_Numbered, ...] = (JobRow, DraftRow, RemovalRow, GalleryPictureRow)


async def read_numbers(session: AsyncSession) -> dict[str, int]:
    """Return the last number that each table gave, 0 for none."""
    numbers: dict[str, int] = {}
    for table in _TABLES:
        newest = await session.scalar(select(func.max(table.id))) or 0
        name = table.__tablename__
        numbers[name] = max(newest, await _given(session, name))
    return numbers


async def set_numbers(session: AsyncSession, numbers: dict[str, int]) -> None:
    """Let the next number of each table be larger than these."""
    for table, last in numbers.items():
        if not last:
            continue
        values = {"name": table, "last": last}
        if _is_sqlite(session):
            if table != RemovalRow.__tablename__:  # its numbers may come twice
                await session.execute(_FORGET, values)
                await session.execute(_SET_SQLITE, values)
        else:
            await session.execute(_SET_POSTGRES, values)


_FORGET = text("DELETE FROM sqlite_sequence WHERE name = :name")
_SET_SQLITE = text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)")
_SET_POSTGRES = text("SELECT setval(pg_get_serial_sequence(:name, 'id'), :last)")


async def _given(session: AsyncSession, table: str) -> int:
    """Return the last number that the database remembers, even if its row is deleted."""
    values = {"name": table}
    if _is_sqlite(session):
        query = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
        return await session.scalar(query, values) or 0
    name = await session.scalar(text("SELECT pg_get_serial_sequence(:name, 'id')"), values)
    query = text(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {name}")
    return await session.scalar(query) or 0


def _is_sqlite(session: AsyncSession) -> bool:
    return session.get_bind().dialect.name == "sqlite"
