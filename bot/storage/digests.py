"""What tables hold, as numbers that are compared: rows, and a sum of their SHA-256."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

FETCHED_ROWS = 20
"""Number of rows in memory at a time while they are read; each may have megabytes."""
_MODULUS = 2**256


@dataclass(frozen=True)
class Digest:
    """What a table holds, whatever the order of its rows."""

    rows: int = 0
    total: int = 0
    """The sum of the SHA-256 of the rows, modulo 2^256."""

    def added(self, row: Iterable[object]) -> "Digest":
        """Return the digest with the values of one more row."""
        number = int.from_bytes(hashlib.sha256(_canonical(row)).digest())
        return Digest(self.rows + 1, (self.total + number) % _MODULUS)


async def digest_of(connection: AsyncConnection, table: str) -> Digest:
    """Return the digest of a table of any revision, with values as its kind of database has them.

    It is the same only for databases of one kind and one revision.
    """
    digest = Digest()
    options = {"yield_per": FETCHED_ROWS}
    found = await connection.stream(text(f"SELECT * FROM {table}"), execution_options=options)
    async for row in found:
        digest = digest.added(row)
    return digest


def _canonical(row: Iterable[object]) -> bytes:
    """Return the values of a row in a form that is the same for all databases."""
    return json.dumps([_plain(value) for value in row]).encode()


def _plain(value: object) -> object:
    match value:
        case bytes():
            return hashlib.sha256(value).hexdigest()
        case datetime():
            return value.isoformat()
        case str():
            return value.replace("\0", "")  # as `Words` stores it
        case _:
            return value
