"""Facts: what the program remembers from one start to the next."""

from sqlalchemy import select

from bot.storage.base import Repository
from bot.storage.tables import FactRow


class KeyValueRepository(Repository):
    """Texts under names."""

    async def get(self, name: str) -> str | None:
        """What was remembered under `name`."""
        async with self._read() as session:
            return await session.scalar(select(FactRow.value).where(FactRow.name == name))

    async def set(self, name: str, value: str) -> None:
        """Keep `value` under `name`, in place of what was there."""
        async with self._write.begin() as session:
            await session.merge(FactRow(name=name, value=value))
