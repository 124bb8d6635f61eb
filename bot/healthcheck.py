"""A sign of life: a file that the event loop touches, for a container's health check."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

ALIVE = "alive"
BEAT_SECONDS, STALE_SECONDS = 10.0, 60.0


async def beat(folder: Path, is_well: Callable[[], bool]) -> None:
    """Touch the file for as long as the loop runs and `is_well` says so, until cancelled."""
    while True:
        if is_well():
            await asyncio.to_thread((folder / ALIVE).touch)
        await asyncio.sleep(BEAT_SECONDS)


def is_alive(folder: Path) -> bool:
    """Whether the file in `folder` was touched within the last minute."""
    try:
        return time.time() - (folder / ALIVE).stat().st_mtime < STALE_SECONDS
    except OSError:
        return False
