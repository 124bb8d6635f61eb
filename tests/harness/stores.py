"""Fixtures with stores of both kinds."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.shards import ALL_SERVERS, Shards
from bot.storage import Store, open_store
from tests.harness.postgres import PostgresServer, find_programs, running_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Run a server of Postgres; skip the test where none is installed."""
    programs = find_programs()
    if programs is None:
        pytest.skip("Postgres is not installed")
    with running_server(programs) as server:
        yield server


@dataclass(frozen=True)
class Place:
    """Where a test's store is, which can be opened again and again."""

    folder: Path
    url: str = ""

    def open(
        self, locked_seconds: float = 5.0, shards: Shards = ALL_SERVERS
    ) -> AbstractAsyncContextManager[Store]:
        return open_store(self.folder, locked_seconds, SecretStr(self.url), shards)


@pytest.fixture(params=["sqlite", "postgres"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Return a place for a store on SQLite, and one on Postgres."""
    if request.param == "sqlite":
        return Place(tmp_path)
    server: PostgresServer = request.getfixturevalue("postgres")
    return Place(tmp_path, await server.new_database())


@pytest.fixture
async def store(place: Place) -> AsyncIterator[Store]:
    """Open a store on SQLite, and one on Postgres."""
    async with place.open() as opened:
        yield opened
