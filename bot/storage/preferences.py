"""What people prefer."""

from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncSession

from bot.preferences import Preferences
from bot.storage.base import Repository
from bot.storage.tables import PreferencesRow


class PreferenceRepository(Repository):
    """Preferences by user."""

    async def get(self, user_id: int) -> Preferences:
        """Return a user's preferences; the defaults if none are stored."""
        async with self._read() as session:
            return _value(await session.get(PreferencesRow, user_id))

    async def change(
        self, user_id: int, change: Callable[[Preferences], Preferences]
    ) -> Preferences:
        """Replace a user's preferences by what `change` returns for them, and return that.

        Concurrent changes are all applied. If `change` raises, the preferences stay as they were.
        Nothing is stored about a user who prefers the defaults.
        """
        async with self._write.begin() as session:
            row = await session.get(PreferencesRow, user_id)
            after = change(_value(row))
            await _replace(session, row, user_id, after)
        return after


async def _replace(
    session: AsyncSession, row: PreferencesRow | None, user_id: int, after: Preferences
) -> None:
    if after != Preferences():
        await session.merge(PreferencesRow(author_id=user_id, preferences=after.write()))
    elif row is not None:
        await session.delete(row)


def _value(row: PreferencesRow | None) -> Preferences:
    return Preferences() if row is None else Preferences.read(row.preferences)
