"""The database connections that all repositories share."""

import json
from typing import Any, TypeVar, cast

from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.selectable import TypedReturnsRows

from bot.storage.tables import Base

T = TypeVar("T")

BEGIN = "begin"
"""The execution option with SQLite's kind of transaction: "", "IMMEDIATE" or `NO_TRANSACTION`."""
NO_TRANSACTION = "none"
"""The value of `BEGIN` that leaves each statement outside of a transaction."""
FOLD = "folded"
"""The name of the SQL function that folds case in every script."""


class Database:
    """Sessions and connections, made once for all repositories."""

    def __init__(self, engine: AsyncEngine) -> None:
        immediate = engine.execution_options(**{BEGIN: "IMMEDIATE"})
        self.read = async_sessionmaker(engine, expire_on_commit=False)
        """Sessions that only read."""
        self.write = async_sessionmaker(immediate, expire_on_commit=False)
        """Sessions that lock the database for writing first, so that what they read stays true."""
        self.autocommit = engine.execution_options(**{BEGIN: NO_TRANSACTION})
        """Connections without transactions, for statements that SQLite allows only there."""


class Repository:
    """The base of all repositories."""

    def __init__(self, database: Database) -> None:
        self._read, self._write = database.read, database.write

    async def _find(self, rows: TypedReturnsRows[T]) -> list[T]:
        """Return the first column of the rows that a query finds."""
        async with self._read() as session:
            return list(await session.scalars(rows))

    async def _execute(self, statement: Executable) -> None:
        """Execute a statement in a transaction."""
        async with self._write.begin() as session:
            await session.execute(statement)

    async def _merge(self, row: Base) -> None:
        """Store a row, in place of the one with its key if there is one."""
        async with self._write.begin() as session:
            await session.merge(row)


def read_json_object(text: str) -> dict[str, Any] | None:
    """Read a JSON object; return None if the text is unreadable or another value."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return cast(dict[str, Any], value) if isinstance(value, dict) else None
