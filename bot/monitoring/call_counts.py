"""How many calls to Discord something takes, counted where discord.py makes them."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class CallCount:
    """A number of calls, such as those for one job's messages."""

    number: int = 0


class CallCounts:
    """Counts calls for whoever makes them: each task may have a count of its own."""

    def __init__(self) -> None:
        self._count = ContextVar[CallCount | None]("count", default=None)

    @contextmanager
    def counting(self, count: CallCount) -> Generator[None]:
        """Add the calls of the block to a count, also those of tasks that it starts."""
        token = self._count.set(count)
        try:
            yield
        finally:
            self._count.reset(token)

    def note(self) -> None:
        """Count a call, if somebody wants to know."""
        if (count := self._count.get()) is not None:
            count.number += 1
