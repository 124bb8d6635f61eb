"""The lock that lets one program at a time use a database of Postgres.

It is an advisory lock of a connection that is open as long as the program runs. If that connection
ends (the server was restarted, the network broke), nothing is written until the lock is held again.
That is tried instead of ending the program, because a restart of the server is ordinary and the
pictures in progress are worth more; it is safe, because each program leaves a mark of its own: if
another one has opened the database meanwhile, this one ends.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from engine.errors import SettingsError

log = logging.getLogger(__name__)

LOCK_CLASS = 7_236_110
"""The first number of all locks of this program, which any program of a database could use."""
_PROGRAM = LOCK_CLASS - 1
MARK = "opened by"
"""The name of the fact that says who has opened the database last."""
PING_SECONDS = 5.0
"""Seconds between two checks of the connection."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
"""Seconds between two attempts to get the lock back."""
# Each schema of a database can have a bot of its own.
_NUMBERS = f"{_PROGRAM}, hashtext(coalesce(current_schema(), ''))"
_HOLDER = f"""
SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted
AND classid = {_PROGRAM} AND objid::bigint = hashtext(coalesce(current_schema(), '')) & 4294967295
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_SIGN = """
INSERT INTO facts (name, value) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""


class DatabaseLock:
    """Keeps other programs away from a database."""

    def __init__(self, connect: Callable[[], Awaitable[Any]]) -> None:
        self._connect = connect
        self._connection: Any = None
        self._backend: int | None = None
        """The number of the server's process that holds the lock."""
        self._mark: str | None = None
        self._lost = asyncio.Event()

    @property
    def is_held(self) -> bool:
        """Whether no other program can use the database."""
        return self._connection is not None and not self._lost.is_set()

    async def acquire(self, seconds: float) -> None:
        """Take the lock, and wait up to so many seconds for it: a program may just be ending.

        Raises `SettingsError` if another program has it.
        """
        deadline = asyncio.get_running_loop().time() + seconds
        while not await self._try():
            if asyncio.get_running_loop().time() >= deadline:
                raise SettingsError(
                    "storage.url: another bot uses this database; stop it, or name another database"
                )
            await asyncio.sleep(_FIRST_PAUSE)

    async def sign(self) -> None:
        """Leave the mark of this program in the database."""
        self._mark = secrets.token_hex(8)
        await self._connection.execute(_SIGN, MARK, self._mark)

    async def watch(self) -> None:
        """Get the lock back whenever its connection ends, until cancelled.

        Raises `SettingsError` if another program has opened the database meanwhile.
        """
        while True:
            try:
                await asyncio.wait_for(self._lost.wait(), PING_SECONDS)
            except TimeoutError:
                if await self._answers():
                    continue
            log.warning("the connection that locks the database was lost")
            await self._regain()
            log.info("the database is locked again")

    async def release(self) -> None:
        """Give the lock back, by closing its connection."""
        connection, self._connection = self._connection, None
        if connection is not None and not connection.is_closed():
            try:
                await connection.close(timeout=2.0)
            except Exception:  # the server may be gone
                connection.terminate()

    async def _answers(self) -> bool:
        try:
            await self._connection.execute("SELECT 1")
        except Exception as error:  # the driver's errors have no common base
            log.debug("no answer", extra={"cause": str(error)})
            self._lost.set()
            self._connection.terminate()
            return False
        return True

    async def _regain(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            try:
                if await self._try():
                    return
            except SettingsError:
                raise
            except Exception as error:  # the server is still away
                log.debug("the lock is not held yet", extra={"cause": str(error)})
            await asyncio.sleep(pause)
            pause = min(_LONGEST_PAUSE, 2 * pause)

    async def _try(self) -> bool:
        """Connect and try to take the lock; return False while a process of ours still has it.

        At the first time, it may be anybody's.
        """
        connection = await self._connect()
        try:
            is_held = await connection.fetchval(f"SELECT pg_try_advisory_lock({_NUMBERS})")
            if self._mark is not None:
                await self._check(connection, is_held=is_held)
        except BaseException:
            connection.terminate()  # a connection that nobody knows of would keep the lock
            raise
        if not is_held:
            await connection.close()
            return False
        self._backend = connection.get_server_pid()
        self._connection = connection
        self._lost.clear()
        connection.add_termination_listener(self._note_end)
        return True

    async def _check(self, connection: Any, *, is_held: bool) -> None:
        """Raise `SettingsError` if another program has, or had, the lock meanwhile."""
        if is_held:
            mark = await connection.fetchval("SELECT value FROM facts WHERE name = $1", MARK)
            if mark == self._mark:
                return
        elif (holder := await connection.fetchval(_HOLDER)) in (None, self._backend):
            if holder is not None:  # it has not noticed yet that its connection is gone
                await connection.execute("SELECT pg_terminate_backend($1)", holder)
            return
        raise SettingsError(
            "storage.url: the connection to the database was lost, and another bot has opened the "
            "database meanwhile, so this one ends; run only one of them"
        )

    def _note_end(self, connection: Any) -> None:
        if connection is self._connection:
            self._lost.set()
