"""Delete old images, and keep the database and each user within their disk budgets.

Space is taken from the user who holds most. Checkpoints are deleted first, then frames, pictures
and uploads. A job that has not ended, or whose end was not announced, is never touched.
"""

import asyncio
import logging
from datetime import UTC, datetime, timedelta

from sqlalchemy.exc import DBAPIError

from bot.config import StorageSettings
from bot.storage import Store
from bot.storage.retention import BlobKind
from engine.files import MEBIBYTE

log = logging.getLogger(__name__)

PAUSE_SECONDS = 3600.0
"""Seconds between two runs."""
_REST_SECONDS = 0.02
"""Seconds between two transactions, so that others can write."""
_LEAST_TAKEN = MEBIBYTE
"""Bytes that are taken from a user at a time, if nobody else has much less."""
_TARGET = 0.95
"""Share of the budget, from 0 to 1, to which a database that exceeds it is reduced."""


class RetentionService:
    """Deletes old content, once an hour; for the first time after `pause` seconds."""

    def __init__(self, store: Store, settings: StorageSettings, pause: float = 0.0) -> None:
        self._store = store
        self._pause = pause
        self._days = settings.keep_days
        self._budget = settings.disk_mib * MEBIBYTE
        self._budget_per_person = settings.person_mib * MEBIBYTE

    async def run(self) -> None:
        """Delete old content now, or after the pause, and every hour, until cancelled."""
        await asyncio.sleep(self._pause)
        while True:
            try:
                await self.tidy()
            except DBAPIError as error:
                log.warning("retention failed", extra={"cause": str(error.orig)})
            except Exception:
                log.exception("retention failed")
            await asyncio.sleep(PAUSE_SECONDS)

    async def tidy(self) -> None:
        """Delete what is too old or exceeds the budget, and shrink the file."""
        await self._store.drafts.delete_expired()
        before = datetime.now(UTC) - timedelta(days=self._days)
        for kind in BlobKind if self._days else ():
            while count := await self._store.retention.remove_before(kind, before):
                log.info("deleted old content", extra={"kind": kind, "jobs": count})
                await asyncio.sleep(_REST_SECONDS)
        if self._budget_per_person:
            await self._shrink_holders()
        if self._budget and await self._store.retention.used_bytes() > self._budget:
            await self._shrink(round(_TARGET * self._budget))
        await self._store.retention.vacuum()

    async def _shrink_holders(self) -> None:
        """Delete content of users who exceed their budget."""
        target = round(_TARGET * self._budget_per_person)
        for author_id, size in await self._store.retention.holders(self._budget_per_person):
            excess = size - target
            while excess > 0 and await self._remove_from(author_id, excess):
                excess = await self._store.quotas.stored_bytes(author_id) - target

    async def _shrink(self, max_bytes: int) -> None:
        """Delete content until the database has at most `max_bytes`, if that is possible."""
        retention = self._store.retention
        while (excess := await retention.used_bytes() - max_bytes) > 0:
            holders = await retention.holders()
            if not holders:
                mebibytes = round((max_bytes + excess) / MEBIBYTE)
                log.warning("storage.disk_mib is too small", extra={"mib": mebibytes})
                break
            (author_id, most), *others = holders
            lead = most - (others[0][1] if others else 0)
            await self._take(author_id, min(excess, max(lead, _LEAST_TAKEN)))

    async def _take(self, author_id: int, min_bytes: int) -> None:
        """Delete so many bytes of a user, if there are as many."""
        retention = self._store.retention
        target = await retention.used_bytes() - min_bytes
        while (left := await retention.used_bytes() - target) > 0:
            if not await self._remove_from(author_id, left):
                break

    async def _remove_from(self, author_id: int, max_bytes: int) -> bool:
        """Delete some content of a user; return False if nothing is left."""
        removed = await self._store.retention.remove_from(author_id, max_bytes)
        if removed is not None:
            kind, jobs = removed
            log.info("freed space", extra={"kind": kind, "jobs": jobs})
            await asyncio.sleep(_REST_SECONDS)
        return removed is not None
