"""Run the SQL of `pg_restore` in a transaction of one's own, so that all of it counts or nothing.

`pg_restore` itself would commit before anybody has compared what it restored.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

_COPY = re.compile(r'COPY ("[^"]+"|\w+)\.("[^"]+"|\w+) \((.*)\) FROM stdin;')
_SKIPPED = (b"\\", b"--", b"\n", b"SET ", b"SELECT pg_catalog.set_config(")
"""Beginnings of lines that are not run: commands of psql, comments, settings of a connection."""
_END = b"\n\\.\n"
"""The end of the rows of a table."""


class ScriptReader:
    """Divides a script into statements and the rows that some of them copy."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._text = b""

    async def run(self, connection: Any, seconds: float) -> None:
        """Run the script on a connection of the driver.

        Raises `ValueError` if it is not a script that `pg_restore` writes, and the driver's errors.
        """
        statements: list[bytes] = []
        while (line := await self._line()) is not None:
            if line.startswith(b"COPY "):
                await _execute(connection, statements, seconds)
                statements = []
                await self._copy(connection, line.decode(), seconds)
            elif not line.startswith(_SKIPPED):
                statements.append(line)
        await _execute(connection, statements, seconds)

    async def _copy(self, connection: Any, line: str, seconds: float) -> None:
        found = _COPY.fullmatch(line.rstrip())
        if found is None:
            raise ValueError(f"unknown statement {line[:80]!r}")
        schema, table, columns = found.groups()
        await connection.copy_to_table(
            _plain(table),
            schema_name=_plain(schema),
            columns=[_plain(name) for name in columns.split(", ")],
            source=self._rows(),
            format="text",
            timeout=seconds,
        )

    async def _rows(self) -> AsyncGenerator[bytes]:
        """Yield the rows up to their end."""
        self._text = b"\n" + self._text  # there may be no rows
        told = 1
        while (end := self._text.find(_END)) < 0:
            ready = len(self._text) - len(_END)
            if ready > told:
                yield self._text[told:ready]
                self._text, told = self._text[ready:], 0
            if not await self._more():
                raise ValueError("the dump ends in the middle of a table")
        if end + 1 > told:
            yield self._text[told : end + 1]
        self._text = self._text[end + len(_END) :]

    async def _line(self) -> bytes | None:
        while (end := self._text.find(b"\n")) < 0:
            if not await self._more():
                line, self._text = self._text, b""
                return line or None
        line, self._text = self._text[: end + 1], self._text[end + 1 :]
        return line

    async def _more(self) -> bool:
        chunk = await anext(self._chunks, b"")
        self._text += chunk
        return bool(chunk)


async def _execute(connection: Any, statements: list[bytes], seconds: float) -> None:
    if statements:
        await connection.execute(b"".join(statements).decode(), timeout=seconds)


def _plain(name: str) -> str:
    return name.strip('"')
