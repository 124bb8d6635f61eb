"""Delete old images, and keep the database within its disk budget.

Checkpoints are deleted first, then frames, pictures and uploads. A job that has not ended, or whose
end was not announced, is never touched.
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
_TARGET = 0.95
"""Share of the budget, from 0 to 1, to which a database that exceeds it is reduced."""


class RetentionService:
    """Deletes old content, once an hour."""

    def __init__(self, store: Store, settings: StorageSettings) -> None:
        self._store = store
        self._days = settings.keep_days
        self._budget = settings.disk_mib * MEBIBYTE

    async def run(self) -> None:
        """Delete old content now and every hour, until cancelled."""
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
            while count := await self._store.retention.remove_oldest(kind, before):
                log.info("deleted old content", extra={"kind": kind, "jobs": count})
                await asyncio.sleep(_REST_SECONDS)
        if self._budget and await self._store.retention.used_bytes() > self._budget:
            await self._shrink(round(_TARGET * self._budget))
        await self._store.retention.vacuum()

    async def _shrink(self, max_bytes: int) -> None:
        """Delete content until the database has at most `max_bytes`, if that is possible."""
        retention = self._store.retention
        for kind in BlobKind:
            while (excess := await retention.used_bytes() - max_bytes) > 0:
                if not (count := await retention.remove_oldest(kind, max_bytes=excess)):
                    break
                log.info("freed space", extra={"kind": kind, "jobs": count})
                await asyncio.sleep(_REST_SECONDS)
        if (used := await retention.used_bytes()) > max_bytes:
            mebibytes = round(used / MEBIBYTE)
            log.warning("storage.disk_mib is too small", extra={"mib": mebibytes})
