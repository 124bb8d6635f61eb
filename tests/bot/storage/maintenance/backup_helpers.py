"""Commands of `python -m bot.storage`, and backups that say something else than they should."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.storage.__main__ import main
from bot.storage.maintenance.archive import ArchiveWriter, open_archive
from tests.harness.postgres import PostgresServer
from tests.harness.stores import Place


async def run(*arguments: object) -> int:
    """Run a command in a thread, because it has a loop of its own."""
    return await asyncio.to_thread(main, [str(each) for each in arguments])


def named(place: Place) -> str:
    return place.url or str(place.folder)


async def backed_up(place: Place, file: Path) -> None:
    assert await run("backup", file, "--database", named(place)) == 0


async def restored(place: Place, file: Path, *options: str) -> int:
    return await run("restore", file, "--database", named(place), *options)


async def empty_place(place: Place, folder: Path, request: pytest.FixtureRequest) -> Place:
    """Return an empty place of the same kind."""
    if not place.url:
        return Place(folder)
    server: PostgresServer = request.getfixturevalue("postgres")
    return Place(folder, await server.empty_database())


async def value(place: Place) -> str | None:
    async with place.open() as store:
        return await store.key_values.get("name")


def rewritten(
    file: Path,
    about: dict[str, object] | None = None,
    change: Callable[[bytes], bytes] = lambda content: content,
) -> Path:
    """Write a backup that says or holds something else, with digests of its own."""
    changed = file.with_name("changed.backup")
    with open_archive(file) as archive, changed.open("wb") as output:
        other = archive.about.model_copy(update=about or {})
        with ArchiveWriter(output).content(other) as write:
            write(change(b"".join(archive.chunks())))
    return changed
