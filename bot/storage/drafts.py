"""Drafts: pictures and their masks, before an edit is submitted."""

from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, or_, select

from bot.jobs.draft import Draft
from bot.storage.base import Repository
from bot.storage.tables import DraftRow

DRAFT_AGE, DRAFTS = timedelta(days=1), 10
"""How long a draft is stored, and maximum number of drafts of one user."""


class DraftRepository(Repository):
    """Drafts, which expire after a day."""

    async def add(
        self,
        author_id: int,
        source: bytes,
        mask: bytes | None,
        replace_with: str | None,
        *,
        spoiler: bool = False,
        models: str | None = None,
        borrowed: bool = False,
    ) -> Draft:
        """Store a new draft and return it; delete expired drafts and the user's surplus ones."""
        now = datetime.now(UTC)
        row = DraftRow(
            author_id=author_id,
            source=source,
            mask=mask,
            replace_with=replace_with,
            created_at=now,
            spoiler=spoiler,
            models=models,
            borrowed=borrowed,
        )
        newest = (
            select(DraftRow.id).where(DraftRow.author_id == author_id).order_by(DraftRow.id.desc())
        )
        surplus = newest.offset(DRAFTS)
        is_old = or_(DraftRow.created_at < now - DRAFT_AGE, DraftRow.id.in_(surplus))
        async with self._write() as session:
            session.add(row)
            await session.flush()
            await session.execute(delete(DraftRow).where(is_old))
        return _value(row)

    async def delete_expired(self) -> None:
        """Delete expired drafts."""
        is_old = DraftRow.created_at < datetime.now(UTC) - DRAFT_AGE
        await self._execute(delete(DraftRow).where(is_old))

    async def get(self, draft_id: int) -> Draft | None:
        """Return a draft by its id; None if it is gone."""
        async with self._read() as session:
            found = await session.get(DraftRow, draft_id)
        return None if found is None else _value(found)

    async def put(self, draft: Draft) -> None:
        """Store a draft under its id, in place of the previous one if there is one."""
        await self._merge(DraftRow(**asdict(draft) | {"created_at": datetime.now(UTC)}))

    async def delete(self, draft_id: int) -> bool:
        """Delete a draft; return whether it existed."""
        draft = delete(DraftRow).where(DraftRow.id == draft_id).returning(DraftRow.id)
        async with self._write() as session:
            return await session.scalar(draft) is not None


def _value(row: DraftRow) -> Draft:
    return Draft(**{each.name: getattr(row, each.name) for each in fields(Draft)})
