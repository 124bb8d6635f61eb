"""The fence between two programs that both believe they paint for all processes of a bot.

Each writes a new number, the epoch, at its start. Every transaction of the older one then finds
that the number is not its own any more, changes nothing, and that program ends.
"""

import asyncio
from collections.abc import Awaitable, Callable

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.storage.base import EVERYTHING, Database, Lock
from bot.storage.tables import FactRow
from engine.errors import SettingsError

_NAME = "epoch"
"""The name of the fact that holds the newest number."""
_LOOK_SECONDS = 5.0
"""Seconds between two looks at the number while nothing is written."""


class Fence:
    """Lets transactions through as long as the number is that of this program."""

    def __init__(self, take: Callable[[AsyncSession, Lock], Awaitable[None]]) -> None:
        self._take = take
        self.epoch = 0
        self._passed = asyncio.Event()

    @property
    def is_passed(self) -> bool:
        """Whether another program has started since."""
        return self._passed.is_set()

    async def take(self, session: AsyncSession, lock: Lock) -> None:
        """Take the lock of a transaction that begins; raise `OperationalError` if it must not.

        The number cannot change before the transaction ends.
        """
        await self._take(session, lock)
        rows = select(FactRow.value).where(FactRow.name == _NAME)
        if self.epoch and await session.scalar(rows.with_for_update(read=True)) != str(self.epoch):
            self._passed.set()
            raise OperationalError("BEGIN", None, ConnectionError("a newer program paints"))

    async def begin(self, database: Database) -> None:
        """Raise the number, which ends the program that has the one before."""
        async with database.write(EVERYTHING) as session:
            row = await session.get(FactRow, _NAME)
            epoch = 1 + (int(row.value) if row else 0)
            await session.merge(FactRow(name=_NAME, value=str(epoch)))
        self.epoch = epoch

    async def watch(self, database: Database) -> None:
        """Wait until another program has started, and raise that as `SettingsError`."""
        while not self.is_passed:
            try:
                await asyncio.wait_for(self._passed.wait(), _LOOK_SECONDS)
            except TimeoutError:
                await self._look(database)
        raise SettingsError("another program paints for all processes now, so this one ends")

    async def _look(self, database: Database) -> None:
        try:
            async with database.read() as session:
                row = await session.get(FactRow, _NAME)
        except DBAPIError:  # the server is away
            return
        if row is None or row.value != str(self.epoch):
            self._passed.set()
