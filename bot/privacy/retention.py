"""Retention: what is old goes, and the database stays within its budget.

Checkpoints go first, then frames, then pictures, then what people uploaded. A job that has not
ended, or of whose end nobody was told yet, is never touched.
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
"""Between two looks."""
_REST_SECONDS = 0.02
"""Between two transactions, in which others may write."""
_ROOM = 0.95
"""Share of the budget that is left filled, so that the next look finds little to do."""


class RetentionService:
    """Removes what is old, once an hour."""

    def __init__(self, store: Store, settings: StorageSettings) -> None:
        self._store = store
        self._days = settings.keep_days
        self._budget = settings.disk_mib * MEBIBYTE

    async def run(self) -> None:
        """Look at once and every hour, until cancelled."""
        while True:
            try:
                await self.tidy()
            except DBAPIError as error:
                log.warning("nothing could be tidied up", extra={"cause": str(error.orig)})
            except Exception:
                log.exception("nothing could be tidied up")
            await asyncio.sleep(PAUSE_SECONDS)

    async def tidy(self) -> None:
        """Remove what is too old or too much, and make the file smaller."""
        await self._store.drafts.delete_expired()
        before = datetime.now(UTC) - timedelta(days=self._days)
        for bulk in BlobKind if self._days else ():
            while count := await self._store.retention.remove_oldest(bulk, before):
                log.info("removed what is old", extra={"what": bulk, "count": count})
                await asyncio.sleep(_REST_SECONDS)
        if self._budget and await self._store.retention.used_bytes() > self._budget:
            await self._shrink(round(_ROOM * self._budget))
        await self._store.retention.vacuum()

    async def _shrink(self, most: int) -> None:
        """Remove until the database holds at most so many bytes, as far as that is possible."""
        for bulk in BlobKind:
            while (excess := await self._store.retention.used_bytes() - most) > 0:
                if not (count := await self._store.retention.remove_oldest(bulk, most=excess)):
                    break
                log.info("made room", extra={"what": bulk, "count": count})
                await asyncio.sleep(_REST_SECONDS)
        if (used := await self._store.retention.used_bytes()) > most:
            mebibytes = round(used / MEBIBYTE)
            log.warning("storage.disk_mib is too little", extra={"mib": mebibytes})
