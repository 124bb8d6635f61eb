"""A store that is locked or full for a while."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import pytest
from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError

from bot.config import BotSettings
from bot.storage.connection import DATABASE
from tests.harness.bot_harness import PATIENCE, BotHarness, until


@asynccontextmanager
async def locked(settings: BotSettings) -> AsyncIterator[None]:
    """Another program writes into the database for a while."""
    path = settings.storage.folder / DATABASE
    with closing(sqlite3.connect(path, 0.0, isolation_level=None)) as database:
        await until(lambda: begins_to_write(database))  # the bot may be writing just now
        yield
        database.execute("ROLLBACK")


def begins_to_write(database: sqlite3.Connection) -> bool:
    try:
        database.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return False
    return True


@asynccontextmanager
async def full(bot: BotHarness) -> AsyncIterator[None]:
    """No page of the disk is free for a while.

    Rows that would still fit between others are refused too: whether one does is chance.
    """
    engine = bot.services.store.jobs._database.engine
    limit = [1]

    def bounded(connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA max_page_count={limit[0]}")

    def refuse_rows(_: Connection, __: object, statement: str, *___: object) -> None:
        if limit[0] == 1 and statement.startswith("INSERT"):
            cause = sqlite3.OperationalError("database or disk is full")
            raise OperationalError(statement, {}, cause)

    await asyncio.to_thread(give_back_free_pages, bot.services.settings)
    pool = engine.sync_engine.pool  # what listens cannot be changed while somebody is told
    await until(lambda: pool.checkedout() == 0)  # pyright: ignore[reportAttributeAccessIssue]
    event.listen(engine.sync_engine, "begin", bounded)
    event.listen(engine.sync_engine, "before_cursor_execute", refuse_rows)
    yield
    limit[0] = 2**30


def give_back_free_pages(settings: BotSettings) -> None:
    """Leave no page in the database's file that could be used while the disk is full."""
    path = settings.storage.folder / DATABASE
    with closing(sqlite3.connect(path, PATIENCE, isolation_level=None)) as database:
        database.execute("PRAGMA incremental_vacuum").fetchall()


def complaints(caplog: pytest.LogCaptureFixture) -> str:
    return " ".join(str(getattr(record, "cause", "")) for record in caplog.records)
