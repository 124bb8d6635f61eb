"""Repeat database operations that fail temporarily, with backoff.

Temporary are a locked file, a full disk, a lost connection, a deadlock. What would fail again in
the same way, such as a statement that breaks a constraint, is raised at once.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between the first two attempts, and at most; each pause is twice the one before."""
_LASTING_STATES = ("0A", "21", "22", "23", "42", "44")
"""The classes of Postgres' error codes that blame the statement or its values."""
_LASTING_CODES = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH)
"""SQLite's codes for the same; the first one stands for a wrong statement."""
_CHANGED_TABLES = "0A000"
"""The code for a prepared statement whose table has changed, which is prepared again."""


def retrying(
    operation: Callable[P, Coroutine[Any, Any, T]],
) -> Callable[P, Coroutine[Any, Any, T]]:
    """Repeat an operation whose result must not be lost until the database accepts it.

    Only cancelling the call, or an error that is not temporary, ends it earlier.
    """

    @wraps(operation)
    async def repeated(*args: P.args, **kwargs: P.kwargs) -> T:
        pause = FIRST_PAUSE
        while True:
            try:
                return await operation(*args, **kwargs)
            except DBAPIError as error:
                if _is_lasting(error):
                    raise
                cause = {"operation": operation.__qualname__, "cause": str(error.orig)}
                log.warning("the database is unavailable, trying again", extra=cause)
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, 2 * pause)

    return repeated


def _is_lasting(error: DBAPIError) -> bool:
    """Return True if a statement or its values are to blame, so that it would fail again."""
    if isinstance(error, (IntegrityError, ProgrammingError, DataError)):
        return True
    state = getattr(error.orig, "sqlstate", None)
    if state is not None:
        return state != _CHANGED_TABLES and state[:2] in _LASTING_STATES
    code = getattr(error.orig, "sqlite_errorcode", None)
    # The driver of Postgres checks values itself, and raises these from errors of its own.
    return code in _LASTING_CODES or isinstance(getattr(error.orig, "__cause__", None), ValueError)
