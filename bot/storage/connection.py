"""Open the store: SQLite in a folder, or Postgres at a URL."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import SecretStr

from bot.shards import ALL_SERVERS, Shards
from bot.storage.postgres import open_postgres
from bot.storage.sqlite import DATABASE, LOCK, locked_folder, open_sqlite
from bot.storage.store import Store
from bot.timings import Timings
from engine.files import quoted

log = logging.getLogger(__name__)

__all__ = ["DATABASE", "LOCK", "open_store"]


@asynccontextmanager
async def open_store(
    folder: Path,
    locked_seconds: float = Timings.locked_seconds,
    url: SecretStr = SecretStr(""),  # noqa: B008 (it is immutable)
    shards: Shards = ALL_SERVERS,
) -> AsyncGenerator[Store]:
    """Open the store in `folder`, which is made if it does not exist, with migrated tables.

    With a `url` of Postgres, the store is there; the folder is still the program's own, and
    programs with other `shards` may use the same URL. A call waits up to `locked_seconds` for a
    database that another program has locked.

    Raises `SettingsError` if another program uses the folder, the database or one of the shards,
    either cannot be written, or the database is damaged or belongs to a newer program.
    """
    with locked_folder(folder):
        if not url.get_secret_value():
            async with open_sqlite(folder, locked_seconds) as database:
                yield Store(database)
            return
        if (folder / DATABASE).exists():
            path = {"path": quoted(folder / DATABASE)}
            log.warning("storage.url is set, so another database is not used", extra=path)
        opening = open_postgres(url.get_secret_value(), locked_seconds, shards)
        async with opening as (database, lock):
            await lock.sign()
            watching = asyncio.create_task(lock.watch())
            try:
                yield Store(database, watching)
            finally:
                watching.cancel()
                await asyncio.wait([watching])  # whoever waits until the store is lost is told
