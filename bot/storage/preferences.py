"""What people prefer, and the defaults of channels."""

from collections.abc import Callable

from bot.preferences import ImagineDefaults, Preferences
from bot.storage.base import Repository
from bot.storage.tables import ChannelDefaultsRow, PreferencesRow


class PreferenceRepository(Repository):
    """Preferences by user."""

    async def get(self, user_id: int) -> Preferences:
        """Return a user's preferences; the defaults if none are stored."""
        async with self._read() as session:
            row = await session.get(PreferencesRow, user_id)
        return Preferences() if row is None else Preferences.read(row.preferences)

    async def change(
        self, user_id: int, change: Callable[[Preferences], Preferences]
    ) -> Preferences:
        """Replace a user's preferences by what `change` returns for them, and return that.

        Concurrent changes are all applied. If `change` raises, the preferences stay as they were.
        Nothing is stored about a user who prefers the defaults.
        """
        async with self._write() as session:
            row = await session.get(PreferencesRow, user_id)
            after = change(Preferences() if row is None else Preferences.read(row.preferences))
            if after != Preferences():
                await session.merge(PreferencesRow(author_id=user_id, preferences=after.write()))
            elif row is not None:
                await session.delete(row)
        return after


class ChannelDefaultsRepository(Repository):
    """Defaults of `/imagine` by channel."""

    async def get(self, channel_id: int) -> ImagineDefaults:
        """Return a channel's defaults, which are all None if nobody chose any."""
        async with self._read() as session:
            row = await session.get(ChannelDefaultsRow, channel_id)
        return ImagineDefaults() if row is None else ImagineDefaults.read(row.defaults)

    async def change(
        self, channel_id: int, change: Callable[[ImagineDefaults], ImagineDefaults]
    ) -> ImagineDefaults:
        """Replace a channel's defaults by what `change` returns for them, and return that.

        Concurrent changes are all applied. If `change` raises, the defaults stay as they were.
        """
        async with self._write() as session:
            row = await session.get(ChannelDefaultsRow, channel_id)
            after = change(ImagineDefaults() if row is None else ImagineDefaults.read(row.defaults))
            if after.options:
                row = ChannelDefaultsRow(channel_id=channel_id, defaults=after.write())
                await session.merge(row)
            elif row is not None:
                await session.delete(row)
        return after
