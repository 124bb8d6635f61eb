"""Everything that is stored about a user, for an export."""

import asyncio
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.guild_settings import GuildSettings
from bot.storage.base import Repository
from bot.storage.key_values import name_about
from bot.storage.sources import attach_pictures
from bot.storage.tables import (
    Base,
    CheckpointRow,
    DeletionRow,
    DraftRow,
    FactRow,
    GalleryPersonRow,
    GuildSettingsRow,
    JobRow,
    LogMessageRow,
    PlaceRow,
    PostRow,
    PreferencesRow,
    RemovalRow,
    SourceRow,
    StyleRow,
)


class ExportRepository(Repository):
    """Reads the data of one user."""

    async def job_ids(self, author_id: int) -> list[int]:
        """List the ids of a user's jobs, oldest first."""
        rows = select(JobRow.id).where(JobRow.author_id == author_id).order_by(JobRow.id)
        return await self._find(rows)

    async def draft_ids(self, author_id: int) -> list[int]:
        """List the ids of a user's drafts."""
        rows = select(DraftRow.id).where(DraftRow.author_id == author_id).order_by(DraftRow.id)
        return await self._find(rows)

    async def job(self, job_id: int) -> dict[str, Any] | None:
        """Return all about a job except results, even if its recipes are unreadable.

        These are its columns by name; "places", "posts" and "checkpoints" are lists of mappings.
        """
        async with self._read() as session:
            row = await session.get(JobRow, job_id)
            if row is None:
                return None
            values = {name: getattr(row, name) for name in _columns(JobRow)}
            sources = await session.scalars(select(SourceRow).where(SourceRow.job_id == job_id))
            pictures = {each.digest: each.content for each in sources}
            values["places"] = await _rows(session, PlaceRow, PlaceRow.job_id == job_id)
            values["posts"] = await _rows(session, PostRow, PostRow.job_id == job_id)
            steps = select(
                CheckpointRow.picture, CheckpointRow.steps_done, CheckpointRow.created_at
            )
            found = await session.execute(steps.where(CheckpointRow.job_id == job_id))
            values["checkpoints"] = [dict(each) for each in found.mappings()]
        texts: list[str] = values["recipes"]
        attach = partial(attach_pictures, pictures=pictures)
        values["recipes"] = await asyncio.to_thread(lambda: list(map(attach, texts)))
        return values

    async def account(self, author_id: int) -> dict[str, list[dict[str, Any]]]:
        """Return what is stored about a user beside jobs and drafts: rows by the table's name."""
        async with self._read() as session:
            found = {
                "facts": await _rows(session, FactRow, is_fact_about(author_id)),
                "deletions": await _rows(session, DeletionRow, DeletionRow.author_id == author_id),
                "preferences": await _rows(
                    session, PreferencesRow, PreferencesRow.author_id == author_id
                ),
                "gallery_people": await _rows(
                    session, GalleryPersonRow, GalleryPersonRow.author_id == author_id
                ),
                "removals": await _rows(session, RemovalRow, RemovalRow.author_id == author_id),
                "styles": await _rows(session, StyleRow, StyleRow.author_id == author_id),
                "log_messages": await _rows(
                    session, LogMessageRow, LogMessageRow.author_id == author_id
                ),
                "blocks": await _blocks(session, author_id),
            }
        return {name: rows for name, rows in found.items() if rows}


async def _blocks(session: AsyncSession, author_id: int) -> list[dict[str, Any]]:
    """Return the servers that block a user."""
    rows = select(GuildSettingsRow).where(GuildSettingsRow.settings.contains(str(author_id)))
    found = [
        (row.guild_id, GuildSettings.read(row.settings, row.guild_id))
        for row in await session.scalars(rows)
    ]
    return [{"guild_id": each} for each, own in found if author_id in own.blocked_people]


def is_fact_about(author_id: int) -> ColumnElement[bool]:
    """Select the texts that are stored about a user."""
    return FactRow.name.endswith(name_about(author_id, ""), autoescape=True)


def _columns(table: type[Base]) -> list[str]:
    # The folded prompt is only another form of the prompt, for searching.
    names = [column.name for column in table.__table__.columns]
    return [name for name in names if name != JobRow.prompt_folded.key]


async def _rows(
    session: AsyncSession, table: type[Base], condition: ColumnElement[bool]
) -> list[dict[str, Any]]:
    """Return the rows of a table that meet a condition, as dictionaries."""
    found = await session.scalars(select(table).where(condition))
    return [{name: getattr(row, name) for name in _columns(table)} for row in found]
