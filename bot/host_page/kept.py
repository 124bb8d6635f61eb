"""Values that take the database a moment, read again only after a while, whoever asks."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Generic, TypeVar

from sqlalchemy.exc import DBAPIError

from bot.tasks import cancel

log = logging.getLogger(__name__)

T = TypeVar("T")

_PATIENCE = 2.0
"""Seconds for which who asks waits for a value; then they get the previous one."""


class Kept(Generic[T]):
    """A value that `read` returns, read again after so many seconds when somebody asks."""

    def __init__(self, read: Callable[[], Awaitable[T]], seconds: float) -> None:
        self._read = read
        self._seconds = seconds
        self._found: T | None = None
        self._read_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    async def get(self) -> T | None:
        """Return the value soon, or an older one; None if there is none yet."""
        if self._reading is None and monotonic() - self._read_at >= self._seconds:
            self._reading = asyncio.create_task(self._refresh())
        if self._reading is not None:
            await asyncio.wait([self._reading], timeout=_PATIENCE)
        return self._found

    async def close(self) -> None:
        """Read no more."""
        if self._reading is not None:
            await cancel(self._reading)

    async def _refresh(self) -> None:
        try:
            self._found = await self._read()
            self._read_at = monotonic()
        except DBAPIError as error:
            log.warning("the host's page lacks something", extra={"cause": str(error.orig)})
        finally:
            self._reading = None
