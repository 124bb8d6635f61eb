"""Work that writes files, repeated while the disk has no space for them."""

import asyncio
import errno
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bot.timings import Timings

log = logging.getLogger(__name__)

T = TypeVar("T")

_LONGEST_PAUSE = 60.0
"""Maximum seconds between two attempts."""


def is_disk_full(error: BaseException | None) -> bool:
    """Return True if an error, or one that caused it, says that a disk or a quota is full."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__ or error.__context__
    return False


async def once_there_is_space(
    write: Callable[[], T],
    job_id: int,
    timings: Timings,
    on_full: Callable[[], Awaitable[None]] | None = None,
) -> T:
    """Call `write` off the event loop; repeat it as long as the disk is full.

    `on_full` is called after each attempt that fails for that reason.
    """
    pause = timings.store_seconds
    while True:
        try:
            return await asyncio.to_thread(write)
        except Exception as error:
            if not is_disk_full(error):
                raise
            log.warning(
                "the disk is full, trying again", extra={"job": job_id, "cause": str(error)}
            )
        if on_full is not None:
            await on_full()
        await asyncio.sleep(pause)
        pause = min(_LONGEST_PAUSE, 2 * pause)
