"""Fetch and read the files of requests: one at a time for each person, a few at a time in all.

Whoever takes a turn has checked before that the person may ask for what needs the file.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar, TypeVarTuple
from weakref import WeakValueDictionary

from bot.errors import UserError
from bot.languages.message import Message
from bot.reading.file_process import FileProcess
from bot.ui.uploads import Upload, UploadReader

_AT_A_TIME = 2
"""Number of files that are fetched or read at a time: one is read while another one is fetched."""
_MAX_TURNS = 3
"""Maximum number of a person's requests that wait for their files, with the one that is read."""
_R = TypeVar("_R")
_A = TypeVarTuple("_A")


class FileTurn:
    """A person's turn to have files fetched and read."""

    def __init__(
        self,
        uploads: UploadReader,
        process: FileProcess,
        clip_process: FileProcess,
        places: asyncio.Semaphore,
    ) -> None:
        self._uploads = uploads
        self._process = process
        self._clip_process = clip_process
        self._places = places
        self._clip_place = asyncio.Semaphore()

    async def fetch(self, upload: Upload) -> bytes:
        """Return the bytes of a file of the bot's own; raise `UserError`."""
        async with self._places:
            return await self._uploads.read(upload)

    async def read(
        self,
        function: Callable[[bytes, *_A], _R],
        upload: Upload,
        *args: *_A,
        is_text: bool = False,
    ) -> _R:
        """Fetch a file, and return what `function` reads in it in a process of its own.

        Raises `UserError` if it cannot be fetched, and `EngineError` if it cannot be read.
        """
        async with self._places:
            content = await self._uploads.read(upload, is_text=is_text)
            return await self._process.call(function, content, *args)

    async def read_clip(
        self, function: Callable[[bytes, *_A], _R], upload: Upload, *args: *_A
    ) -> _R:
        """Fetch a video, and return what `function` reads in it.

        Videos take longer than pictures, so they are read one at a time in a process of their own,
        and hold up no pictures. Raises `UserError` and `EngineError` as `read` does.
        """
        async with self._clip_place:
            content = await self._uploads.read(upload)
            return await self._clip_process.call(function, content, *args)

    async def read_both(
        self, function: Callable[[bytes, bytes | None], _R], first: Upload, second: Upload | None
    ) -> _R:
        """Fetch a file and perhaps another one, and return what `function` reads in them."""
        async with self._places:
            content = await self._uploads.read(first)
            other = None if second is None else await self._uploads.read(second)
            return await self._process.call(function, content, other)

    async def call(self, function: Callable[[*_A], _R], *args: *_A) -> _R:
        """Return what `function` reads in what was read before."""
        async with self._places:
            return await self._process.call(function, *args)


class FileReader:
    """Gives people turns to have their files read."""

    def __init__(
        self, uploads: UploadReader, process: FileProcess, clip_process: FileProcess
    ) -> None:
        places = asyncio.Semaphore(_AT_A_TIME)
        self._turn = FileTurn(uploads, process, clip_process, places)
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._turns: Counter[int] = Counter()
        """Number of requests by the id of their user, of those who have any."""

    @asynccontextmanager
    async def turn(self, user_id: int) -> AsyncGenerator[FileTurn]:
        """Wait for a person's turn; raise `UserError` if too many of theirs wait already."""
        if self._turns[user_id] >= _MAX_TURNS:
            raise UserError(
                Message(
                    "I am still looking at the files that you sent before. Try again in a minute."
                )
            )
        self._turns[user_id] += 1
        lock = self._locks.setdefault(user_id, asyncio.Lock())
        try:
            async with lock:
                yield self._turn
        finally:
            self._turns[user_id] -= 1
            if not self._turns[user_id]:
                del self._turns[user_id]
