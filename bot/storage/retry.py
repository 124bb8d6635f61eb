"""Repeat database operations that fail temporarily (locked file, full disk), with backoff."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from sqlalchemy.exc import DBAPIError

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between the first two attempts, and at most; each pause is twice the one before."""


def retrying(
    operation: Callable[P, Coroutine[Any, Any, T]],
) -> Callable[P, Coroutine[Any, Any, T]]:
    """Repeat an operation whose result must not be lost until the database accepts it.

    Only cancelling the call ends it earlier.
    """

    @wraps(operation)
    async def repeated(*args: P.args, **kwargs: P.kwargs) -> T:
        pause = FIRST_PAUSE
        while True:
            try:
                return await operation(*args, **kwargs)
            except DBAPIError as error:
                cause = {"operation": operation.__qualname__, "cause": str(error.orig)}
                log.warning("the database is unavailable, trying again", extra=cause)
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, 2 * pause)

    return repeated
