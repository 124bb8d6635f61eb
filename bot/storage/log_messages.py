"""The messages about people in the moderation logs of servers."""

from bot.storage.base import Repository
from bot.storage.tables import LogMessageRow


class LogMessageRepository(Repository):
    """Messages by person; an erasure deletes them."""

    async def add(self, person_id: int, channel_id: int, message_id: int) -> None:
        """Remember a message."""
        row = LogMessageRow(message_id=message_id, author_id=person_id, channel_id=channel_id)
        await self._merge(row)
