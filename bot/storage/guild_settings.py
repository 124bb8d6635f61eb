"""What moderators have set for their servers."""

from collections.abc import Callable, Collection

from sqlalchemy import select

from bot.guild_settings import NO_GUILD, GuildSettings
from bot.storage.base import Repository, is_one_of
from bot.storage.tables import GuildSettingsRow


class GuildSettingsRepository(Repository):
    """Settings by server."""

    async def get(self, guild_id: int | None) -> GuildSettings:
        """Return a server's settings; for direct messages (None), those without restrictions."""
        if guild_id is None:
            return NO_GUILD
        async with self._read() as session:
            row = await session.get(GuildSettingsRow, guild_id)
        return NO_GUILD if row is None else GuildSettings.read(row.settings, guild_id)

    async def texts(self, guild_ids: Collection[int]) -> dict[int, str]:
        """Return what `GuildSettings.read` reads of some servers, by their ids."""
        rows = select(GuildSettingsRow.guild_id, GuildSettingsRow.settings)
        rows = rows.where(is_one_of(GuildSettingsRow.guild_id, guild_ids))
        async with self._read() as session:
            found = await session.execute(rows)
            return {guild_id: text for guild_id, text in found}  # noqa: C416 (rows are no pairs)

    async def change(
        self, guild_id: int, change: Callable[[GuildSettings], GuildSettings]
    ) -> GuildSettings:
        """Replace a server's settings by what `change` returns for them, and return that.

        Concurrent changes are all applied. If `change` raises, the settings stay as they were.
        """
        async with self._write() as session:
            row = await session.get(GuildSettingsRow, guild_id)
            before = NO_GUILD if row is None else GuildSettings.read(row.settings, guild_id)
            after = change(before)
            await session.merge(GuildSettingsRow(guild_id=guild_id, settings=after.write()))
        return after
