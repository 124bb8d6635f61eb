"""Open the store."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.storage.sqlite import DATABASE, LOCK, locked_folder, open_sqlite
from bot.storage.store import Store
from bot.timings import Timings

__all__ = ["DATABASE", "LOCK", "open_store"]


@asynccontextmanager
async def open_store(
    folder: Path, locked_seconds: float = Timings.locked_seconds
) -> AsyncGenerator[Store]:
    """Open the store in `folder`, which is made if it does not exist, with migrated tables.

    A call waits up to `locked_seconds` for a database that another program has locked.

    Raises `SettingsError` if another program uses the folder, it cannot be written, or its database
    is damaged or belongs to a newer program.
    """
    with locked_folder(folder):
        async with open_sqlite(folder, locked_seconds) as database:
            yield Store(database)
