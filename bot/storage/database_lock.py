"""The locks that let one program at a time use a database of Postgres, or one for each shard.

They are advisory locks. A program with all servers takes the lock of the database alone. Programs
that share the servers share that lock, and each takes the locks of its shards alone. The first of
them has the lock of the database alone until it has brought the tables up to date.

The locks belong to a connection that is open as long as the program runs. If that connection
ends (the server was restarted, the network broke), nothing is written until they are held again.
That is tried instead of ending the program, because a restart of the server is ordinary and the
pictures in progress are worth more; it is safe, because each program leaves a mark of its own: if
another one has opened the database, or has had the shards, meanwhile, this one ends.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from bot.shards import ALL_SERVERS, Shards
from engine.errors import SettingsError

log = logging.getLogger(__name__)

LOCK_CLASS = 7_236_110
"""The first number of all locks of this program, which any program of a database could use."""
_DATABASE = LOCK_CLASS - 1
"""The first number of the lock of the database; those of shards follow downwards."""
MARK = "opened by"
"""The name of the fact that says who has opened the database last; there is one for each shard."""
PING_SECONDS = 5.0
"""Seconds between two checks of the connection."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
"""Seconds between two attempts to get the lock back."""
# Each schema of a database can have a bot of its own.
_SCHEMA = "hashtext(coalesce(current_schema(), ''))"
_HOLDERS = """
SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted
AND classid::bigint = $1 AND objid::bigint = hashtext(coalesce(current_schema(), '')) & 4294967295
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_SIGN = """
INSERT INTO facts (name, value) SELECT unnest($1::text[]), $2
ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""
_OTHER_MARKS = f"FROM facts WHERE name LIKE '{MARK}%' AND name NOT LIKE $1"


def _locking(number: int, *, shared: bool = False) -> str:
    kind = "_shared" if shared else ""
    return f"SELECT pg_try_advisory_lock{kind}({number}, {_SCHEMA})"


class DatabaseLock:
    """Keeps other programs away from a database, or from some shards of it."""

    def __init__(self, connect: Callable[[], Awaitable[Any]], shards: Shards = ALL_SERVERS) -> None:
        self._connect = connect
        self._shards = shards
        self.is_alone = False
        """Whether no other program uses the database; it stays so until `sign`."""
        self._taken = _DATABASE
        """The first number of the lock that another program had, at the last attempt."""
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
                raise SettingsError(self._refusal())
            await asyncio.sleep(_FIRST_PAUSE)

    async def sign(self) -> None:
        """Leave the mark of this program in the database, and let others in if they may be there.

        Raises `SettingsError` if others count the shards differently.
        """
        connection, mark = self._connection, secrets.token_hex(8)
        alike = MARK if self._shards.are_all else f"{MARK} %/{self._shards.count}"
        if self.is_alone:
            await connection.execute(f"DELETE {_OTHER_MARKS}", alike)
        elif other := await connection.fetchval(f"SELECT name {_OTHER_MARKS}", alike):
            raise SettingsError(
                f"discord.shards: another process of the bot says that there are "
                f"{other.rpartition('/')[2]} shards, this one {self._shards.count}; stop all of "
                "them before you change the number"
            )
        await connection.execute(_SIGN, self._marks(), mark)
        self._mark = mark
        if self.is_alone and not self._shards.are_all:
            await self._take_shared(connection)
            await connection.execute(f"SELECT pg_advisory_unlock({_DATABASE}, {_SCHEMA})")
            self.is_alone = False

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
            log.debug("the database gave no answer", extra={"cause": str(error)})
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
            is_held = await self._take(connection)
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
        if is_held or self._may_share(self._taken):
            count = "SELECT count(*) FROM facts WHERE name = ANY($1::text[]) AND value = $2"
            if await connection.fetchval(count, self._marks(), self._mark) == len(self._marks()):
                return
        else:
            holders = {each["pid"] for each in await connection.fetch(_HOLDERS, self._taken)}
            if holders <= {self._backend}:
                for each in holders:  # it has not noticed yet that its connection is gone
                    await connection.execute("SELECT pg_terminate_backend($1)", each)
                return
        raise SettingsError(
            "storage.url: the connection to the database was lost, and another bot has opened the "
            "database meanwhile, so this one ends; run only one of them"
        )

    async def _take(self, connection: Any) -> bool:
        """Try to take all locks; return False, and note the first one, if another has one."""
        if self._shards.are_all or self._mark is None:
            self._taken = _DATABASE
            self.is_alone = await connection.fetchval(_locking(_DATABASE))
            if self.is_alone or self._shards.are_all:
                return self.is_alone
        return await self._take_shared(connection)

    async def _take_shared(self, connection: Any) -> bool:
        """Try to take the locks of the shards, and to share that of the database."""
        for number in (_DATABASE, *(_DATABASE - 1 - each for each in self._shards.ids)):
            self._taken = number
            if not await connection.fetchval(_locking(number, shared=number == _DATABASE)):
                return False
        return True

    def _may_share(self, number: int) -> bool:
        """Return True for the lock of the database, if it is not this program's alone."""
        return number == _DATABASE and not self._shards.are_all

    def _marks(self) -> list[str]:
        """Return the names of the marks of this program."""
        if self._shards.are_all:
            return [MARK]
        return [f"{MARK} {each}/{self._shards.count}" for each in self._shards.ids]

    def _refusal(self) -> str:
        """Return who has the lock that could not be taken, and what to do."""
        if self._shards.are_all:
            return "storage.url: another bot uses this database; stop it, or name another database"
        if self._taken == _DATABASE:
            return (
                "storage.url: a bot without discord.shards uses this database; stop it, or give "
                "it shards too"
            )
        shard = _DATABASE - 1 - self._taken
        return (
            f"discord.shards: another process of the bot has shard {shard}; give each process "
            "shards of its own"
        )

    def _note_end(self, connection: Any) -> None:
        if connection is self._connection:
            self._lost.set()
