"""Drafts: pictures and their masks, before somebody has them painted."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, or_, select

from bot.jobs.draft import Draft
from bot.storage.base import Repository
from bot.storage.tables import DraftRow

DRAFT_AGE, DRAFTS = timedelta(days=1), 10
"""How long a draft is kept, and how many of one person."""


class DraftRepository(Repository):
    """Every draft, for a day."""

    async def add(
        self, author_id: int, source: bytes, mask: bytes | None, replace_with: str | None
    ) -> Draft:
        """Store a new draft, forget old ones, and return it with its number."""
        now = datetime.now(UTC)
        row = DraftRow(
            author_id=author_id,
            source=source,
            mask=mask,
            replace_with=replace_with,
            created_at=now,
        )
        newest = (
            select(DraftRow.id).where(DraftRow.author_id == author_id).order_by(DraftRow.id.desc())
        )
        surplus = newest.offset(DRAFTS)
        is_old = or_(DraftRow.created_at < now - DRAFT_AGE, DraftRow.id.in_(surplus))
        async with self._write.begin() as session:
            session.add(row)
            await session.flush()
            await session.execute(delete(DraftRow).where(is_old))
        return _value(row)

    async def delete_expired(self) -> None:
        """Forget what was to be kept for a day only."""
        is_old = DraftRow.created_at < datetime.now(UTC) - DRAFT_AGE
        async with self._write.begin() as session:
            await session.execute(delete(DraftRow).where(is_old))

    async def get(self, draft_id: int) -> Draft | None:
        """The draft with a number, if it is still there."""
        async with self._read() as session:
            found = await session.get(DraftRow, draft_id)
        return None if found is None else _value(found)

    async def put(self, draft: Draft) -> None:
        """Store a draft in place of the one with its number, or again."""
        row = DraftRow(**asdict(draft), created_at=datetime.now(UTC))
        async with self._write.begin() as session:
            await session.merge(row)

    async def delete(self, draft_id: int) -> bool:
        """Forget a draft; say whether it was there."""
        gone = delete(DraftRow).where(DraftRow.id == draft_id).returning(DraftRow.id)
        async with self._write.begin() as session:
            return await session.scalar(gone) is not None


def _value(row: DraftRow) -> Draft:
    return Draft(row.id, row.author_id, row.source, row.mask, row.replace_with)
