"""Look for damage in a database: reads everything, and changes nothing."""

import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from sqlalchemy import ForeignKeyConstraint, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.digests import FETCHED_ROWS
from bot.storage.maintenance.reading import (
    cause_of,
    open_for_reading,
    revision,
    stored_tables,
)
from bot.storage.sources import referenced_pictures
from bot.storage.tables import Base
from engine.errors import PictureError
from engine.images.image_io import read_picture
from engine.images.opening import MAX_SIDE

_TOLD = 20
"""How many problems of one kind are told one by one."""
Rows = AsyncIterator[Any]


@dataclass
class Findings:
    """What was counted and found; `tell` is told each problem."""

    tell: Callable[[str], None]
    rows: dict[str, int] = field(default_factory=dict[str, int])
    problems: dict[str, int] = field(default_factory=dict[str, int])
    """The number of problems by their kind."""

    def add(self, kind: str, problem: str) -> None:
        """Count a problem and tell it, unless many of its kind were told."""
        self.problems[kind] = self.problems.get(kind, 0) + 1
        if self.problems[kind] <= _TOLD:
            self.tell(problem)

    def end(self) -> int:
        """Tell how many problems were not told, and return the number of all."""
        for kind, count in self.problems.items():
            if count > _TOLD:
                self.tell(f"{count - _TOLD} more: {kind}")
        return sum(self.problems.values())


async def check(place: str, tell: Callable[[str], None]) -> Findings:
    """Check a database, which a bot may be using.

    Raises `SettingsError` if it cannot be opened.
    """
    findings = Findings(tell)
    async with open_for_reading(place) as connection:
        await revision(connection)
        tables = set(await stored_tables(connection))
        await _check_structure(connection, tables, findings)
        steps = {
            "checkpoints": _check_checkpoints,
            "sources": _check_sources,
            "pictures": _check_pictures,
            "frames": _check_frames,
            "gallery_pictures": _check_embeddings,
            "drafts": _check_drafts,
            "jobs": _check_recipes,
        }
        for table, step in steps.items():
            if table in tables and (table != "jobs" or "sources" in tables):
                await _trying(connection, f"the table {table}", findings, step)
    return findings


async def _trying(
    connection: AsyncConnection,
    what: str,
    findings: Findings,
    step: Callable[[AsyncConnection, Findings], Any],
) -> None:
    """Run one step; that it cannot read is a finding too."""
    try:
        async with connection.begin_nested():
            await step(connection, findings)
    except DBAPIError as error:
        findings.add("unreadable", f"{what} cannot be read: {cause_of(error)}")


async def _check_structure(
    connection: AsyncConnection, tables: set[str], findings: Findings
) -> None:
    if connection.dialect.name == "sqlite":
        await _trying(connection, "the file", findings, _check_file)
    for table in sorted(tables):
        await _trying(connection, f"the table {table}", findings, partial(_count, table=table))
    for child in Base.metadata.sorted_tables:
        for key in child.foreign_key_constraints:
            if {child.name, key.referred_table.name} <= tables:
                await _trying(
                    connection, f"the table {child}", findings, partial(_find_orphans, key=key)
                )


async def _check_file(connection: AsyncConnection, findings: Findings) -> None:
    for (said,) in await connection.execute(text(f"PRAGMA integrity_check({_TOLD})")):
        if said != "ok":
            findings.add("damage", f"SQLite: {said}")


async def _find_orphans(
    connection: AsyncConnection, findings: Findings, key: ForeignKeyConstraint
) -> None:
    child, parent = key.table.name, key.referred_table.name
    pairs = ((each.column.name, each.parent.name) for each in key.elements)
    is_same = " AND ".join(f"{parent}.{theirs} = {child}.{own}" for theirs, own in pairs)
    query = (
        f"SELECT count(*), min({key.elements[0].parent.name}) FROM {child} WHERE NOT EXISTS "
        f"(SELECT 1 FROM {parent} WHERE {is_same})"
    )
    rows, first = (await connection.execute(text(query))).one()
    if rows:
        findings.add(
            "orphans",
            f"{rows} rows of {child} belong to no row of {parent}, such as those of number {first}",
        )


async def _count(connection: AsyncConnection, findings: Findings, table: str) -> None:
    """Count the rows of a table; in Postgres, also by its index, which may have lost some."""
    query = text(f"SELECT count(*) FROM {table}")
    findings.rows[table] = rows = await connection.scalar(query) or 0
    if connection.dialect.name == "sqlite":  # its own check compares indexes
        return
    counts: list[int] = []
    for scan in ("enable_indexonlyscan", "enable_seqscan"):  # one, then the other, is avoided
        await connection.exec_driver_sql(f"SET LOCAL {scan} = off")
        counts.append(await connection.scalar(query) or 0)
        await connection.exec_driver_sql(f"SET LOCAL {scan} = on")
    if counts != [rows, rows]:
        findings.add("damage", f"the table {table} has {counts[0]} rows, and its index {counts[1]}")


async def _check_checkpoints(connection: AsyncConnection, findings: Findings) -> None:
    columns = "job_id, picture, steps_done, state, digest"
    async for job, picture, steps, state, digest in _rows(connection, columns, "checkpoints"):
        if hashlib.sha256(state).digest() != digest:
            findings.add(
                "checkpoints that differ from their digests",
                f"job {job}: the checkpoint of picture {picture} at step {steps} is damaged",
            )


async def _check_sources(connection: AsyncConnection, findings: Findings) -> None:
    async for job, digest, content in _rows(connection, "job_id, digest, content", "sources"):
        if hashlib.sha256(content).digest() != digest:
            findings.add(
                "attached pictures that differ from their digests",
                f"job {job}: the attached picture {digest.hex()[:12]}… is damaged",
            )


async def _check_pictures(connection: AsyncConnection, findings: Findings) -> None:
    async for job, number, content in _rows(connection, "job_id, number, content", "pictures"):
        for why in _problems(content):
            findings.add("pictures that cannot be decoded", f"job {job}, picture {number}: {why}")


async def _check_frames(connection: AsyncConnection, findings: Findings) -> None:
    columns = "job_id, picture, step, content"
    async for job, picture, step, content in _rows(connection, columns, "frames"):
        for why in _problems(content):
            findings.add(
                "frames that cannot be decoded",
                f"job {job}, frame at step {step} of picture {picture}: {why}",
            )


async def _check_embeddings(connection: AsyncConnection, findings: Findings) -> None:
    columns = "job_id, number, vector"
    async for job, picture, vector in _rows(connection, columns, "gallery_pictures"):
        if len(vector) % 2 or not np.isfinite(np.frombuffer(vector, "<f2")).all():
            findings.add(
                "embeddings that cannot be read",
                f"job {job}, picture {picture}: its embedding for the gallery is damaged",
            )


async def _check_drafts(connection: AsyncConnection, findings: Findings) -> None:
    async for draft, source, mask in _rows(connection, "id, source, mask", "drafts"):
        for content in (source, mask):
            for why in _problems(content) if content is not None else ():
                findings.add("drafts that cannot be decoded", f"draft {draft}: {why}")


async def _check_recipes(connection: AsyncConnection, findings: Findings) -> None:
    stored: set[tuple[int, bytes]] = set()
    async for job, digest in _rows(connection, "job_id, digest", "sources"):
        stored.add((job, digest))
    async for job, recipes in _rows(connection, "id, recipes", "jobs"):
        wanted = referenced_pictures(recipes)
        if wanted is None:
            findings.add("recipes that cannot be read", f"job {job}: its recipes are no JSON")
        elif any((job, digest) not in stored for digest in wanted):
            findings.add(
                "recipes without their pictures", f"job {job}: a picture of its recipe is missing"
            )


async def _rows(connection: AsyncConnection, columns: str, table: str) -> Rows:
    query, options = text(f"SELECT {columns} FROM {table}"), {"yield_per": FETCHED_ROWS}
    async for row in await connection.stream(query, execution_options=options):
        yield row


def _problems(content: bytes) -> Iterator[str]:
    """Yield why a picture cannot be decoded, if it cannot."""
    try:
        read_picture(content, max_pixels=MAX_SIDE**2)
    except PictureError as error:
        yield str(error)
