"""Postgres' own programs, `pg_dump` and `pg_restore`, which write and read the dump of a backup.

No password is among their arguments, which others on the machine can see.
"""

import asyncio
import os
import re
import shutil
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from engine.config_file import hide_logins
from engine.errors import SettingsError
from engine.files import MEBIBYTE

PROGRAMS = Path("/usr/lib/postgresql")
"""Where Debian and Ubuntu keep the programs of each version."""
_LIBPQ_KEYS = {
    *("host", "hostaddr", "port", "dbname", "user", "passfile", "channel_binding"),
    *("connect_timeout", "sslmode", "sslcert", "sslkey", "sslrootcert", "sslcrl", "sslsni"),
    *("requirepeer", "krbsrvname", "gsslib", "gssencmode", "service", "target_session_attrs"),
}
"""What a URL may say to these programs; the driver takes other keys as settings of the server."""
_LOCK_MILLISECONDS = 60_000
"""How long `pg_dump` waits for a table that somebody has locked."""
_LEAST_COMPRESSION = "1"
"""Pictures cannot be compressed, only the digits that a dump writes them in."""


async def find_program(name: str, version: int) -> tuple[str, int]:
    """Return the path and version of the oldest program of at least this version.

    Raises `SettingsError` if there is none.
    """
    on_path = shutil.which(name)
    paths = [*([on_path] if on_path else []), *map(str, PROGRAMS.glob(f"*/bin/{name}"))]
    found = {path: await _version(path) for path in paths}
    fitting = [(number, path) for path, number in found.items() if number >= version]
    if fitting:
        newer, path = min(fitting, key=lambda each: each[0])
        return path, newer
    if found:
        newest = max(found.values())
        problem = f"{name} {version} or newer is needed, and only {newest} is installed"
    else:
        problem = f"{name} is needed, and not installed"
    raise SettingsError(
        f"{problem}: install the client programs of Postgres {version} (on Debian the package "
        f"postgresql-client-{version}), or add their folder to PATH"
    )


async def _version(path: str) -> int:
    """Return the first number of a program's version; 0 if it does not say."""
    try:
        process = await asyncio.create_subprocess_exec(path, "--version", stdout=PIPE, stderr=PIPE)
    except OSError:
        return 0
    said, _ = await process.communicate()
    number = re.search(rb"\) (\d+)", said)
    return int(number[1]) if number else 0


async def dump(
    url: str, program: str, snapshot: str, tables: Iterable[str]
) -> AsyncGenerator[bytes]:
    """Yield what `pg_dump` writes about tables at the moment of a snapshot.

    Raises `SettingsError` with its words if it fails.
    """
    arguments = [
        *("--format=custom", f"--compress={_LEAST_COMPRESSION}", "--encoding=UTF8"),
        *("--no-owner", "--no-privileges", "--no-tablespaces", "--no-password"),
        f"--lock-wait-timeout={_LOCK_MILLISECONDS}",
        *(f"--snapshot={snapshot}", *(f"--table={table}" for table in tables)),
    ]
    address, secrets = _address(url)
    async with _running([program, *arguments, f"--dbname={address}"], secrets) as process:
        assert process.stdout is not None
        while chunk := await process.stdout.read(MEBIBYTE):
            yield chunk


async def script(program: str, chunks: Iterable[bytes]) -> AsyncGenerator[bytes]:
    """Yield the SQL that `pg_restore` makes of a dump.

    Raises `SettingsError` with its words if it fails.
    """
    command = [program, "--no-owner", "--no-privileges", "--file=-"]
    async with _running(command, {}) as process:
        feeding = asyncio.create_task(_feed(process, chunks))
        try:
            assert process.stdout is not None
            while chunk := await process.stdout.read(MEBIBYTE):
                yield chunk
        finally:
            feeding.cancel()
            await asyncio.wait([feeding])


async def _feed(process: Process, chunks: Iterable[bytes]) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError, ConnectionResetError):  # it says itself why it ended
        for chunk in chunks:
            process.stdin.write(chunk)
            await process.stdin.drain()
        process.stdin.close()


@asynccontextmanager
async def _running(command: Sequence[str], environment: dict[str, str]) -> AsyncGenerator[Process]:
    """Run a program, and end it with the block; raise `SettingsError` if it fails."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env={**os.environ, **environment}
    )
    assert process.stderr is not None
    complaints = asyncio.create_task(process.stderr.read())
    try:
        yield process
        code = await process.wait()
        if code:
            said = " ".join((await complaints).decode(errors="replace").split())[-1000:]
            name = Path(command[0]).name
            raise SettingsError(hide_logins(f"{name} failed: {said or f'exit code {code}'}"))
    finally:
        if process.returncode is None:
            process.kill()
            assert process.stdout is not None
            while await process.stdout.read(MEBIBYTE):  # its end is not noticed before that
                pass
            await process.wait()
        await complaints


def _address(url: str) -> tuple[str, dict[str, str]]:
    """Return a URL without its password and what only the driver knows; and the password."""
    parts = urlsplit(url)
    login, at, hosts = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    query = dict(parse_qsl(parts.query))
    secret = query.get("password") or unquote(password)
    known = {key: value for key, value in query.items() if key in _LIBPQ_KEYS}
    address = parts._replace(netloc=f"{user}{at}{hosts}", query=urlencode(known, quote_via=quote))
    return urlunsplit(address), {"PGPASSWORD": secret} if secret else {}
