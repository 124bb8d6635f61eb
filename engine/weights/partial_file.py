"""A file that is being downloaded: its bytes so far, their hash, and where they came from."""

import errno
import hashlib
import io
import json
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import Self

from engine.errors import WeightsError
from engine.files import quoted, read_bounded
from engine.weights.cache import CacheEntry

_CHUNK = 2**20
_MAX_SOURCE = 65536
_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class DownloadSource:
    """The address that a partial file was downloaded from."""

    url: str
    """Without a name and a password."""
    validator: str | None
    """The server's name for this version of the file: a strong ETag or a date of change."""


class PartialFile:
    """The partial download of one file, open for writing in a `with` block.

    The bytes stay on disk for another attempt, however the block ends. Methods raise `WeightsError`
    if the disk refuses.
    """

    entry: CacheEntry
    """The file and its paths."""
    length: int
    """The number of bytes present."""
    is_resumed: bool
    """Whether the bytes come from more than one response."""
    source: DownloadSource | None
    """Where the newest bytes came from; None if unknown."""

    def __init__(self, entry: CacheEntry) -> None:
        self.entry = entry
        self._forget()
        with self._disk():
            # Unbuffered, so that all that was written stays if the disk is full.
            self._file = io.FileIO(entry.partial, "a+")
            self._file.seek(0)
            while chunk := self._file.read(_CHUNK):
                self._digest(chunk)
        self.is_resumed = self.length > 0
        self.source = self._read_source()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if not self.length:
            with suppress(OSError):
                self.entry.partial.unlink(missing_ok=True)
                self.entry.source.unlink(missing_ok=True)

    @property
    def sha256(self) -> str:
        """The hash of the bytes present."""
        return self._hash.hexdigest()

    @property
    def md5(self) -> str:
        """The MD5 of the bytes present."""
        return self._md5.hexdigest()

    def restart(self) -> None:
        """Discard all bytes."""
        with self._disk():
            self._file.seek(0)
            self._file.truncate()
            self.entry.source.unlink(missing_ok=True)
        self._forget()
        self.is_resumed, self.source = False, None

    def begin_response(self, source: DownloadSource) -> None:
        """Note where the bytes that follow come from."""
        self.is_resumed = self.length > 0
        if source != self.source:
            with self._disk():
                self.entry.source.write_text(json.dumps(asdict(source)), encoding="utf-8")
            self.source = source

    def write(self, chunk: bytes) -> None:
        """Append bytes."""
        rest = memoryview(chunk)
        with self._disk():
            while rest:
                count = self._file.write(rest) or 0
                self._digest(rest[:count])
                rest = rest[count:]

    def finish(self) -> None:
        """Flush the file to the disk and give it its final name."""
        with self._disk():
            os.fsync(self._file.fileno())
            self._file.close()
            self.entry.partial.replace(self.entry.path)
            self.entry.source.unlink(missing_ok=True)

    def _forget(self) -> None:
        self._hash, self._md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        self.length = 0

    def _digest(self, chunk: bytes | memoryview) -> None:
        self._hash.update(chunk)
        if self.entry.file.md5 is not None:
            self._md5.update(chunk)
        self.length += len(chunk)

    def _read_source(self) -> DownloadSource | None:
        # The note may be damaged in any way; it is then as good as missing.
        with suppress(Exception):
            return DownloadSource(**json.loads(read_bounded(self.entry.source, limit=_MAX_SOURCE)))
        return None

    @contextmanager
    def _disk(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            name, folder = self.entry.file.file, quoted(self.entry.folder)
            if error.errno in _FULL:
                raise WeightsError(
                    f"the disk of {folder} is full: free some space and try again, the part of "
                    f"{name!r} that was downloaded is kept"
                ) from error
            raise WeightsError(f"cannot write {name!r} into {folder}: {error.strerror}") from error
