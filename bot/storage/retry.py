"""Patience with the store: it may be locked by another program, or its disk be full for a while."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

log = logging.getLogger(__name__)

T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between two tries; the pause doubles."""


async def with_retry(act: Callable[[], Awaitable[T]], what: str) -> T:
    """Do something with the store that must not be lost, as often as it takes."""
    pause = FIRST_PAUSE
    while True:
        try:
            return await act()
        except DBAPIError as error:
            cause = {"what": what, "cause": str(error.orig)}
            log.warning("the store refuses, trying again", extra=cause)
        await asyncio.sleep(pause)
        pause = min(LONGEST_PAUSE, 2 * pause)
