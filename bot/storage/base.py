"""The database connections that all repositories share."""

from typing import Any, TypeGuard

from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker

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


def is_json_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Return True if a value that `json.loads` returned is an object."""
    return isinstance(value, dict)
