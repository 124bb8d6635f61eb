"""A server of Postgres in a temporary folder, and a database of its own for each test."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import create_async_engine

from bot.storage.migrations import create

_TEMPLATE = "made"
_SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{folder}'
fsync = off
full_page_writes = off
shared_buffers = 16MB
max_connections = 60
autovacuum = off
log_min_messages = fatal
"""
_GUARD = """
read -r _
"$1" stop -w -s -m immediate -D "$2/data"
rm -rf "$2"
"""


@dataclass
class PostgresServer:
    """A server that a test may stop and start."""

    folder: Path
    programs: Path
    account: str | None
    numbers: Iterator[int]
    is_made: bool = False
    """Whether the database is made that `new_database` copies."""

    def url(self, database: str) -> str:
        return f"postgresql://tester@/{database}?host={self.folder}"

    def start(self) -> None:
        self._run("pg_ctl", "start", "-w", "-s", "-l", str(self.folder / "log"), "-D", self._data)

    def stop(self) -> None:
        """Stop the server at once, in the middle of whatever it does."""
        self._run("pg_ctl", "stop", "-w", "-s", "-m", "immediate", "-D", self._data)

    def make(self) -> None:
        """Make the files of the server."""
        self._run(
            *("initdb", "-D", self._data, "-U", "tester", "-A", "trust"),
            *("-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"),
        )
        with Path(self._data, "postgresql.conf").open("a") as file:
            file.write(_SETTINGS.format(folder=self.folder))

    async def _make_template(self) -> None:
        self.is_made = True
        await self.execute("postgres", f"CREATE DATABASE {_TEMPLATE}")
        engine = create_async_engine(
            "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(self.url(_TEMPLATE))
        )
        async with engine.begin() as connection:
            await connection.run_sync(create)
        await engine.dispose()

    async def new_database(self, template: str = _TEMPLATE) -> str:
        """Make a database with all tables and no rows; return its URL."""
        if not self.is_made:
            await self._make_template()
        name = f"test{next(self.numbers)}"
        await self.execute("postgres", f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    async def empty_database(self) -> str:
        """Make a database without tables; return its URL."""
        return await self.new_database("template0")

    async def execute(self, database: str, statement: str, *values: object) -> Any:
        """Execute a statement; `database` is a name or a URL."""
        url = database if "://" in database else self.url(database)
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetch(statement, *values)
        finally:
            await connection.close()

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [self.programs / program, *arguments],
            user=self.account,
            check=True,
            stdout=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            cwd=self.folder,
        )


def find_programs() -> Path | None:
    """Return the folder of the newest Postgres that is installed."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    folders = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = sorted(folders, key=lambda path: float(path.parts[-3]))
    return newest[-1].parent if newest else None


@contextmanager
def running_server(programs: Path) -> Iterator[PostgresServer]:
    """Make and start a server, which refuses to run as root: then another account runs it."""
    account = _account() if os.name != "nt" and os.geteuid() == 0 else None
    # The path of a socket has at most 107 characters.
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    if account is not None:
        shutil.chown(folder, account)
    with _removed_at_the_end(folder, programs, account):
        server = PostgresServer(folder, programs, account, count())
        server.make()
        server.start()
        yield server


@contextmanager
def _removed_at_the_end(folder: Path, programs: Path, account: str | None) -> Iterator[None]:
    """Stop the server in a folder and delete the folder, even if the tests are killed.

    A program of its own does that, once the pipe to it is closed.
    """
    guard = subprocess.Popen(
        ["/bin/sh", "-c", _GUARD, "guard", programs / "pg_ctl", folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        user=account,
        cwd="/",
        start_new_session=True,  # so that Ctrl+C does not end it
    )
    try:
        yield
    finally:
        guard.communicate()


def _account() -> str:
    import pwd  # not on Windows

    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)
