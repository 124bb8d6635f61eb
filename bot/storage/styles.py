"""The styles that people save."""

from sqlalchemy import delete, func, select

from bot.saved_style import SavedStyle, style_key
from bot.storage.base import Repository
from bot.storage.tables import StyleRow


class StyleRepository(Repository):
    """Saved styles by user and name; the case of a name does not matter."""

    async def of_user(self, user_id: int) -> list[SavedStyle]:
        """List a user's styles by name."""
        rows = select(StyleRow).where(StyleRow.author_id == user_id).order_by(StyleRow.key)
        return [SavedStyle(each.name, each.words) for each in await self._find(rows)]

    async def words(self, user_id: int, name: str) -> str | None:
        """Return the words of a user's style; None if they saved none with this name."""
        async with self._read() as session:
            row = await session.get(StyleRow, (user_id, style_key(name)))
        return None if row is None else row.words

    async def save(self, user_id: int, style: SavedStyle, most: int) -> bool:
        """Save a style, in place of the user's one with its name if there is one.

        Return False, and save nothing, if it would be the user's style number `most` + 1.
        """
        key = style_key(style.name)
        others = select(func.count()).where(StyleRow.author_id == user_id, StyleRow.key != key)
        row = StyleRow(author_id=user_id, key=key, name=style.name, words=style.words)
        async with self._write() as session:
            if (await session.scalar(others) or 0) >= most:
                return False
            await session.merge(row)
        return True

    async def delete(self, user_id: int, name: str) -> SavedStyle | None:
        """Delete a user's style and return it; None if they saved none with this name."""
        row = delete(StyleRow).where(StyleRow.author_id == user_id, StyleRow.key == style_key(name))
        async with self._write() as session:
            found = await session.scalar(row.returning(StyleRow))
            return None if found is None else SavedStyle(found.name, found.words)
