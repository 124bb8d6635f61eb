"""Postgres, for hosts who want a database server: one program, or one for each shard, uses it.

The program's transactions take advisory locks, which end with them (`bot.storage.base.Lock`): one
lock of everything, which the transactions of single jobs share, and a lock of each job. A lock is
asked for by the first statement, and each later one sees all that was stored before (READ
COMMITTED).
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Connection, event, func, inspect, select
from sqlalchemy.exc import DBAPIError, DisconnectionError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from bot.shards import ALL_SERVERS, Shards
from bot.storage.base import EVERYTHING, Database, Dialect, Lock
from bot.storage.database_lock import LOCK_CLASS, DatabaseLock
from bot.storage.holdings import stored_bytes
from bot.storage.migrations import create, migrate, require_newest
from bot.storage.tables import Base
from engine.errors import SettingsError

log = logging.getLogger(__name__)

Connect = Callable[[], Awaitable[Any]]
"""Opens a connection of the driver."""

CONNECTIONS = 5
"""Maximum number of connections for transactions; one more holds the lock of the database."""
_CONNECT_SECONDS, _COMMAND_SECONDS = 10.0, 60.0
"""Seconds until a server that does not answer counts as unreachable, and a statement as lost."""
_VACUUM_SECONDS = 3600.0
"""Seconds after which cleaning up a table counts as failed."""
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
"""Seconds between two attempts to reach the server at the start."""
_AWAY = ("08000", "08001", "08003", "08006", "53300", "57P01", "57P02", "57P03")
"""The error codes of a server that starts, shuts down, has no free connection, or hangs up."""
_UNREADABLE = (
    "storage.url cannot be read: in names and passwords, signs such as @, / and # are written as "
    "%40, %2F and %23"
)


@asynccontextmanager
async def open_postgres(
    url: str, locked_seconds: float, shards: Shards = ALL_SERVERS, *, waits: bool = True
) -> AsyncGenerator[tuple[Database, DatabaseLock]]:
    """Lock and open a database, and make or migrate its tables.

    Programs with other `shards` may use it too; then the tables must be up to date. A statement
    waits up to `locked_seconds` for a lock. `waits` lets the start wait for a server that cannot be
    reached, and for a program that is just ending.

    Raises `SettingsError` if the URL or the login is wrong, another program uses the database (or
    one of the shards), or it belongs to another version; and, unless it `waits`, if the server
    cannot be reached.
    """
    async with open_locked(url, locked_seconds, shards, waits=waits) as (engine, lock):
        await _prepare(engine, may_change=lock.is_alone)
        yield Database(engine, _dialect(lock)), lock


@asynccontextmanager
async def open_locked(
    url: str,
    locked_seconds: float,
    shards: Shards = ALL_SERVERS,
    *,
    waits: bool,
    command_seconds: float = _COMMAND_SECONDS,
) -> AsyncGenerator[tuple[AsyncEngine, DatabaseLock]]:
    """Lock a database and connect to it, and leave its tables as they are.

    A statement counts as lost after `command_seconds`. `open_postgres` describes the rest.
    """
    connect = connecting(url, locked_seconds, command_seconds)
    await reach(connect, waits=waits)
    lock = DatabaseLock(connect, shards)
    await lock.acquire(locked_seconds if waits else 0.0)
    try:
        engine = _engine(connect, locked_seconds)
        try:
            yield engine, lock
        finally:
            await engine.dispose()
    finally:
        await lock.release()


def connecting(
    url: str, locked_seconds: float, command_seconds: float = _COMMAND_SECONDS
) -> Connect:
    """Return what opens a connection; raises `SettingsError` if the driver is not installed."""
    try:
        import asyncpg  # pyright: ignore[reportMissingTypeStubs]
    except ImportError as error:
        raise SettingsError(
            "storage.url: Postgres needs the package asyncpg, which is not installed: "
            "`python -m pip install -r requirements-postgres.txt`, or leave storage.url empty"
        ) from error
    settings = {
        "application_name": "vqgan-clip-bot",
        "lock_timeout": f"{round(locked_seconds * 1000)}ms",
        # A transaction of a program that hangs would keep others waiting.
        "idle_in_transaction_session_timeout": "60s",
        # A host that vanished would keep its locks for two hours.
        "tcp_keepalives_idle": "15",
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "3",
        "jit": "off",  # it takes longer than the queries
    }

    async def connect() -> Any:
        driver: Any = asyncpg
        return await driver.connect(
            url,
            timeout=_CONNECT_SECONDS,
            command_timeout=command_seconds,
            max_cached_statement_lifetime=0,  # the statements are few, and always the same
            server_settings=settings,
        )

    return connect


async def reach(connect: Connect, *, waits: bool) -> None:
    """Try a connection, again and again if the server cannot be reached and this `waits`.

    Raises `SettingsError` if the URL or the login is wrong, or the server cannot be reached.
    """
    pause = _FIRST_PAUSE
    while True:
        try:
            connection = await connect()
        except OSError as error:
            cause = str(error) or "it does not answer"
        except Exception as error:  # the driver's errors have no common base
            state = getattr(error, "sqlstate", None)
            if state is None:  # from the driver; its text may contain parts of the password
                raise SettingsError(_UNREADABLE) from None
            if state not in _AWAY:
                raise SettingsError(f"storage.url: {error}") from None
            cause = str(error)
        else:
            await connection.close()
            return
        if not waits:
            raise SettingsError(f"storage.url: cannot reach the server: {cause}")
        log.warning("Postgres cannot be reached, trying again", extra={"cause": cause})
        await asyncio.sleep(pause)
        pause = min(_LONGEST_PAUSE, 2 * pause)


def _engine(connect: Connect, locked_seconds: float) -> AsyncEngine:
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=CONNECTIONS,
        max_overflow=0,
        pool_timeout=locked_seconds,
        hide_parameters=True,
    )
    # The driver notices when the server ends a connection. Asking the server before each use
    # (`pool_pre_ping`) takes three of the nine round trips of an admission.
    event.listen(engine.sync_engine, "checkout", _replace_closed)
    return engine


def _replace_closed(connection: Any, _record: object, _proxy: object) -> None:
    """Let the pool make a new connection in place of one that has ended."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _dialect(lock: DatabaseLock) -> Dialect:
    return Dialect(
        reading={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
        writing={"isolation_level": "READ COMMITTED"},
        autocommit={"isolation_level": "AUTOCOMMIT"},
        take=_take,
        used_bytes=_used_bytes,
        vacuum=_vacuum,
        is_ours=lambda: lock.is_held,
    )


async def _take(session: AsyncSession, lock: Lock) -> None:
    """Wait for the lock of everything, or share it and wait for another one."""
    if lock == EVERYTHING:
        locks = [func.pg_advisory_xact_lock(LOCK_CLASS, 0)]
    else:
        locks = [
            func.pg_advisory_xact_lock_shared(LOCK_CLASS, 0),
            func.pg_advisory_xact_lock(LOCK_CLASS + lock.kind, lock.number),
        ]
    await session.execute(select(*locks))


async def _prepare(engine: AsyncEngine, *, may_change: bool) -> None:
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_bring_up_to_date if may_change else require_newest)
    except DBAPIError as error:
        raise SettingsError(f"storage.url: cannot use the database: {error.orig}") from error


def _bring_up_to_date(connection: Connection) -> None:
    """Migrate the tables, or make them in a new database."""
    found = set(inspect(connection).get_table_names())
    if "alembic_version" in found:
        migrate(connection)
    elif found & Base.metadata.tables.keys():
        raise SettingsError(
            "storage.url: the database holds tables of another program; name a database of its "
            "own for the bot"
        )
    else:
        create(connection)


async def _used_bytes(database: Database) -> int:
    """Return the size of all large content; the rest is small."""
    async with database.read() as session:
        return await session.scalar(stored_bytes()) or 0


async def _vacuum(database: Database) -> None:
    """Let the space of deleted rows be used again; Postgres keeps most of its files' sizes."""
    async with database.autocommit.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        try:
            for table in Base.metadata.sorted_tables:
                await driver.execute(f"VACUUM {table.name}", timeout=_VACUUM_SECONDS)
        except Exception as error:  # the driver's errors have no common base
            raise OperationalError("VACUUM", None, error) from error
