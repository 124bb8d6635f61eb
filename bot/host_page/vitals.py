"""What takes a moment to find out: the store's answer and size, the memory and the disk.

A task finds it out now and then, so that no request has to wait, and none can make more work.
"""

import asyncio
import logging
import sys
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import psutil
from sqlalchemy.exc import DBAPIError

from bot.storage import Store
from engine.models.memory_limits import usable_memory

log = logging.getLogger(__name__)

PAUSE, SIZE_PAUSE = 5.0, 300.0
"""Seconds between two looks, and between two measurements of the store, which may be slow."""
_ANSWER_SECONDS = 5.0
"""Seconds after which the store counts as out of reach."""


@dataclass
class Vitals:
    """What was found last; nothing is known before the first look."""

    is_store_reachable: bool = False
    store_bytes: int | None = None
    resident_bytes: int = 0
    """The memory of the bot's process."""
    available_bytes: int = 0
    """The memory that is free, on the machine or within the limit of the container or service."""
    disk_free_bytes: int = 0
    """The free space where the bot's folder is; 0 too if the folder cannot be reached."""
    cuda_bytes: dict[str, int] = field(default_factory=dict[str, int])
    """The memory that torch holds on each GPU, by the name of the device."""


class VitalsWatch:
    """Keeps the vitals up to date."""

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._sized_at = 0.0
        self.latest = Vitals()

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(PAUSE)

    async def look(self) -> None:
        """Look once."""
        latest = self.latest
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await self._store.jobs.count_open()
            latest.is_store_reachable = True
        except (DBAPIError, TimeoutError):
            latest.is_store_reachable = False
        if latest.is_store_reachable and monotonic() - self._sized_at > SIZE_PAUSE:
            self._sized_at = monotonic()
            try:
                latest.store_bytes = await self._store.retention.used_bytes()
            except DBAPIError as error:
                log.warning("the store was not measured", extra={"cause": str(error.orig)})
        await asyncio.to_thread(_look_around, latest, self._folder)


def _look_around(latest: Vitals, folder: Path) -> None:
    latest.resident_bytes = psutil.Process().memory_info().rss
    latest.available_bytes = usable_memory()
    try:
        latest.disk_free_bytes = psutil.disk_usage(str(folder)).free
    except OSError:  # the disk was taken away
        latest.disk_free_bytes = 0
    if "torch" in sys.modules:  # the painters import it
        latest.cuda_bytes = _cuda_bytes()


def _cuda_bytes() -> dict[str, int]:
    import torch

    if not torch.cuda.is_initialized():
        return {}
    devices = range(torch.cuda.device_count())
    return {f"cuda:{each}": torch.cuda.memory_reserved(each) for each in devices}
