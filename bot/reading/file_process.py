"""The process that reads files from people, with limits of memory and time."""

import asyncio
import importlib
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import get_context
from typing import TypeVar, TypeVarTuple

from pebble import ProcessExpired, ProcessPool

from engine.errors import PictureError
from engine.files import MEBIBYTE

log = logging.getLogger(__name__)

MEMORY_BYTES = 512 * MEBIBYTE
"""Memory that reading a file may take, beyond that of the process itself."""
_NICENESS = 10
_PATIENCE = 4
"""Number of time limits after which a call is given up that the process never took."""
_MODULES = ("engine.painting", "bot.reading.file_readers", "bot.reading.clip_readers")
"""What the process imports before its memory is limited."""
_R = TypeVar("_R")
_A = TypeVarTuple("_A")


class FileProcess:
    """Calls functions in another process, one at a time.

    The process starts with the first call. It is ended and replaced if a call takes more than
    `seconds`, or crashes it. Unless it `stays`, it ends after each call, and takes no memory until
    the next one. It calls `prepare` first, such as to write its log as this process does.
    """

    def __init__(
        self,
        seconds: float,
        memory_bytes: int = MEMORY_BYTES,
        *,
        stays: bool = True,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        self._seconds = seconds
        self._prepare = prepare
        self._memory_bytes = memory_bytes
        self._stays = stays
        self._pool: ProcessPool | None = None

    async def call(self, function: Callable[[*_A], _R], *args: *_A) -> _R:
        """Return what a function of a module returns, or raise what it raises.

        Raises `PictureError` if the function takes too much time or memory, or crashes.
        """
        future = self._running_pool().schedule(
            _within_memory, (function, *args), timeout=self._seconds
        )
        try:
            async with asyncio.timeout(_PATIENCE * self._seconds):
                return await asyncio.wrap_future(future)
        except TimeoutError as error:
            log.warning("a file took too long to read", extra={"seconds": self._seconds})
            raise PictureError(
                "Cannot read the file: it takes too much time. Save it anew, and smaller."
            ) from error
        except ProcessExpired as error:
            log.warning(
                "a file ended the process that read it", extra={"exit_code": error.exitcode}
            )
            raise PictureError("Cannot read the file: it is damaged.") from error
        finally:
            if not self._stays:
                await asyncio.to_thread(self.close)

    def close(self) -> None:
        """End the process."""
        if self._pool is not None:
            self._pool.stop()
            self._pool.join()

    def _running_pool(self) -> ProcessPool:
        if self._pool is None or not self._pool.active:
            self._pool = ProcessPool(
                max_workers=1,
                initializer=_limit,
                initargs=(self._memory_bytes, self._prepare),
                context=get_context("spawn"),
            )
        return self._pool


def _limit(memory_bytes: int, prepare: Callable[[], None] | None) -> None:
    """Limit this process, where that is possible: to so many bytes more than it has taken by now.

    It also yields to the painting, which files from people should not hold up.
    """
    if prepare is not None:
        prepare()
    for name in _MODULES:
        importlib.import_module(name)
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    with suppress(ImportError, ValueError, OSError):  # Windows and macOS have no such limit
        import resource

        import psutil

        limit = psutil.Process().memory_info().vms + memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _within_memory(function: Callable[[*_A], _R], *args: *_A) -> _R:
    try:
        return function(*args)
    except MemoryError as error:
        raise PictureError(
            "Cannot read the file: it takes too much memory. Save it anew, and smaller."
        ) from error
