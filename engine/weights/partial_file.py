"""A file that is still coming: what there is of it, its hash so far, and where it came from."""

import errno
import hashlib
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from engine.errors import WeightsError
from engine.files import quoted, read_bounded
from engine.weights.cache import Place

_CHUNK = 2**20
_MAX_ORIGIN = 65536
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Origin:
    """Where a part came from."""

    url: str
    validator: str | None
    """What the server calls this version of the file: a strong ETag or a date of change."""


class Part:
    """The part of one file, open for writing. Raises `WeightsError` if the disk refuses.

    Use it in a `with` block. What has been written stays there for another try, whatever happens.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        with self._disk():
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
            descriptor = os.open(place.part, flags, 0o666)
            # Without a buffer: what was written is written, also if the disk is full.
            self._file = io.FileIO(descriptor, "r+")
            self._read_kept()
        self.joined = self.length > 0
        """Whether its bytes come from more than one answer."""
        self.origin = self._read_origin()
        """Where the newest of it came from, if known."""

    length: int
    """Bytes that are there."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if not self.length:
            self._forget()

    @property
    def sha256(self) -> str:
        """The hash of what is there."""
        return self._hash.hexdigest()

    @property
    def folder(self) -> Path:
        """Where it lies."""
        return self._place.folder

    def restart(self) -> None:
        """Throw away what is there."""
        with self._disk():
            self._file.seek(0)
            self._file.truncate()
            self._place.origin.unlink(missing_ok=True)
        self._hash = hashlib.sha256()
        self.length, self.joined, self.origin = 0, False, None

    def begin(self, origin: Origin) -> None:
        """Note where the following bytes come from."""
        self.joined = self.length > 0
        if origin != self.origin:
            with self._disk():
                self._place.origin.write_text(json.dumps(asdict(origin)), encoding="utf-8")
            self.origin = origin

    def write(self, chunk: bytes) -> None:
        """Append bytes."""
        rest = memoryview(chunk)
        with self._disk():
            while rest:
                count = self._file.write(rest) or 0
                self._hash.update(rest[:count])
                self.length += count
                rest = rest[count:]

    def finish(self) -> None:
        """Give the file its final name, once it is safe on the disk."""
        path = self._place.path
        with self._disk():
            os.fsync(self._file.fileno())
            self._file.close()
            self._place.part.replace(path)
            self._place.origin.unlink(missing_ok=True)
            # Not every system lets a folder be flushed; the name is then written a little later.
            with suppress(OSError):
                folder = os.open(path.parent, os.O_RDONLY)
                os.fsync(folder)
                os.close(folder)

    def _read_kept(self) -> None:
        self._hash = hashlib.sha256()
        self.length = 0
        while chunk := self._file.read(_CHUNK):
            self._hash.update(chunk)
            self.length += len(chunk)

    def _read_origin(self) -> Origin | None:
        with suppress(Exception):
            return Origin(**json.loads(read_bounded(self._place.origin, limit=_MAX_ORIGIN)))
        return None

    def _forget(self) -> None:
        with suppress(OSError):
            self._place.part.unlink(missing_ok=True)
            self._place.origin.unlink(missing_ok=True)

    @contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            folder = quoted(self._place.folder)
            if error.errno in _FULL:
                raise WeightsError(
                    f"the disk of {folder} is full: free some space and try again, what has come "
                    f"of {self._place.file.file!r} is kept"
                ) from error
            raise WeightsError(
                f"cannot write {self._place.file.file!r} into {folder}: {error.strerror}"
            ) from error
