"""Texts that the program remembers from one start to the next, such as the synced commands.

A text about a person is stored under `name_about`, so that an export and an erasure find it.
"""

from collections.abc import Callable

from sqlalchemy import select

from bot.storage.base import Repository
from bot.storage.tables import FactRow


def name_about(user_id: int, name: str) -> str:
    """Return the name of a text about a user: "told of replies: 5"."""
    return f"{name}: {user_id}"


class KeyValueRepository(Repository):
    """Texts by name."""

    async def get(self, name: str) -> str | None:
        """Return the text stored under `name`; None if there is none."""
        async with self._read() as session:
            return await session.scalar(select(FactRow.value).where(FactRow.name == name))

    async def change(self, name: str, change: Callable[[str | None], str]) -> None:
        """Store what `change` makes of the text under `name`, which nothing else changes then."""
        async with self._write() as session:
            before = await session.scalar(select(FactRow.value).where(FactRow.name == name))
            await session.merge(FactRow(name=name, value=change(before)))

    async def set(self, name: str, value: str) -> None:
        """Store a text under `name`, in place of the previous one."""
        await self._merge(FactRow(name=name, value=value))
