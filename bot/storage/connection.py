"""Open the store: SQLite in a folder, or Postgres at a URL."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from bot.shards import ALL_SERVERS, Shards
from bot.storage.fence import Fence
from bot.storage.postgres import open_postgres
from bot.storage.sqlite import DATABASE, LOCK, locked_folder, open_sqlite
from bot.storage.store import Store
from bot.tasks import cancel
from bot.timings import Timings

log = logging.getLogger(__name__)

__all__ = ["DATABASE", "LOCK", "open_fenced_store", "open_store"]


@asynccontextmanager
async def open_fenced_store(
    url: SecretStr, shards: Shards, locked_seconds: float = Timings.locked_seconds
) -> AsyncGenerator[tuple[Store, int]]:
    """Open the store at a URL of Postgres for the program that paints for several processes.

    It has none of the `shards`, but counts them as they do. Once another program opens the store in
    this way, this one writes nothing any more, and `Store.until_lost` says so. The number that
    is returned is higher than those of earlier programs. Raises
    `SettingsError` as `open_store`.
    """
    none = replace(shards, ids=())
    async with open_postgres(url.get_secret_value(), locked_seconds, none) as (database, lock):
        await lock.sign()
        dialect = database.dialect
        fence = Fence(dialect.take)
        database.dialect = replace(
            dialect, take=fence.take, is_ours=lambda: lock.is_held and not fence.is_passed
        )
        await fence.begin(database)
        watching = asyncio.create_task(_first_of(lock.watch(), fence.watch(database)))
        try:
            yield Store(database, watching), fence.epoch
        finally:
            watching.cancel()
            await asyncio.wait([watching])


async def _first_of(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run coroutines until one ends; raise what it raised, and cancel the others."""
    tasks = [asyncio.create_task(each) for each in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for each in done:
            each.result()
    finally:
        for each in tasks:
            if not each.done():
                await cancel(each)


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
            path = {"path": str(folder / DATABASE)}
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
