"""What moderators have set for their servers."""

from collections.abc import Callable

from bot.guild_settings import NO_SERVER, ServerSettings
from bot.storage.base import Part
from bot.storage.tables import GuildSettingsRow


class Servers(Part):
    """The settings of servers."""

    async def server_settings(self, guild_id: int | None) -> ServerSettings:
        """The settings of a server; of none, for direct messages, those that leave all open."""
        if guild_id is None:
            return NO_SERVER
        async with self._read() as session:
            row = await session.get(GuildSettingsRow, guild_id)
        return NO_SERVER if row is None else ServerSettings.read(row.settings, guild_id)

    async def change_server_settings(
        self, guild_id: int, change: Callable[[ServerSettings], ServerSettings]
    ) -> ServerSettings:
        """Put what `change` makes of a server's settings in their place, and return it.

        Of changes at the same time none is lost. What `change` raises leaves everything as it was.
        """
        async with self._write.begin() as session:
            row = await session.get(GuildSettingsRow, guild_id)
            before = NO_SERVER if row is None else ServerSettings.read(row.settings, guild_id)
            after = change(before)
            await session.merge(GuildSettingsRow(guild_id=guild_id, settings=after.write()))
        return after
