"""Values that take the database a moment, read again only after a while, whoever asks."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """A value that `read` returns, for so many seconds; those who ask meanwhile wait together."""

    def __init__(self, read: Callable[[], Awaitable[T]], seconds: float) -> None:
        self._read = read
        self._seconds = seconds
        self._found: T | None = None
        self._read_at = float("-inf")
        self._turn = asyncio.Lock()

    async def get(self) -> T:
        """Return the value."""
        async with self._turn:
            if self._found is None or monotonic() - self._read_at >= self._seconds:
                self._found = await self._read()
                self._read_at = monotonic()
            return self._found

    def forget(self) -> None:
        """Read anew when the value is needed next."""
        self._read_at = float("-inf")
