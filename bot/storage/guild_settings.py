"""What moderators have set for their servers."""

from collections.abc import Callable

from bot.guild_settings import NO_GUILD, GuildSettings
from bot.storage.base import Repository
from bot.storage.tables import GuildSettingsRow


class GuildSettingsRepository(Repository):
    """The settings of servers."""

    async def get(self, guild_id: int | None) -> GuildSettings:
        """The settings of a server; of none, for direct messages, those that leave all open."""
        if guild_id is None:
            return NO_GUILD
        async with self._read() as session:
            row = await session.get(GuildSettingsRow, guild_id)
        return NO_GUILD if row is None else GuildSettings.read(row.settings, guild_id)

    async def change(
        self, guild_id: int, change: Callable[[GuildSettings], GuildSettings]
    ) -> GuildSettings:
        """Put what `change` makes of a server's settings in their place, and return it.

        Of changes at the same time none is lost. What `change` raises leaves everything as it was.
        """
        async with self._write.begin() as session:
            row = await session.get(GuildSettingsRow, guild_id)
            before = NO_GUILD if row is None else GuildSettings.read(row.settings, guild_id)
            after = change(before)
            await session.merge(GuildSettingsRow(guild_id=guild_id, settings=after.write()))
        return after
