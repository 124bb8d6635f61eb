"""What the parts of the store share: how they read and write."""

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

Sessions = async_sessionmaker[AsyncSession]

BEGIN = "begin"
"""The execution option that says how a transaction begins; `NO_TRANSACTION` for not at all."""
NO_TRANSACTION = "none"
FOLD = "folded"
"""The SQL function that makes texts equal that differ in capitals only."""


class Repository:
    """A part of the store.

    A transaction that writes takes the right to do so at its beginning, so that what it reads
    before stays true until its end.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._read: Sessions = async_sessionmaker(engine, expire_on_commit=False)
        writing = engine.execution_options(**{BEGIN: "IMMEDIATE"})
        self._write: Sessions = async_sessionmaker(writing, expire_on_commit=False)
        self._outside = engine.execution_options(**{BEGIN: NO_TRANSACTION})
