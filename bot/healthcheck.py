"""A file that the event loop touches regularly, for a container's health check."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from bot.private_files import FILE_MODE

ALIVE = "alive"
BEAT_SECONDS, STALE_SECONDS = 10.0, 60.0
"""Seconds between two touches, and after which an untouched file means that the bot hangs."""


async def beat(folder: Path, is_healthy: Callable[[], bool]) -> None:
    """Touch the file while the loop runs and `is_healthy` returns True, until cancelled."""
    while True:
        if is_healthy():
            await asyncio.to_thread((folder / ALIVE).touch, FILE_MODE)
        await asyncio.sleep(BEAT_SECONDS)


def is_alive(folder: Path) -> bool:
    """Return True if the file in `folder` was touched within `STALE_SECONDS`."""
    try:
        return time.time() - (folder / ALIVE).stat().st_mtime < STALE_SECONDS
    except OSError:
        return False
