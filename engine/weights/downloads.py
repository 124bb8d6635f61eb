"""What is still to be downloaded for some models: how much, under which licences, and how long.

The speed of the last download is noted in the cache folder, so that the next one can be estimated.
"""

import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from engine.errors import EngineError
from engine.files import atomic_write, read_bounded
from engine.weights.cache import CacheEntry
from engine.weights.registry_entries import WeightsFile

_SPEED_FILE = ".speed"
_LONGEST_NOTE = 64
_ENOUGH_BYTES, _ENOUGH_SECONDS = 2**23, 2.0
"""Bytes and seconds of a download from which its speed can be told."""
_FASTEST = 1e12
"""Maximum speed in bytes per second that is believed."""


@dataclass(frozen=True)
class Missing:
    """The files of some models that are not there yet."""

    entries: tuple[CacheEntry, ...]
    folder: Path

    @classmethod
    def of(cls, files: Iterable[WeightsFile], folder: Path) -> Self:
        """Return which of `files` are to be downloaded into `folder`."""
        entries = (CacheEntry(each, folder) for each in files if each.path is None)
        return cls(tuple(each for each in entries if not each.exists), folder)

    @property
    def bytes(self) -> int:
        """Number of bytes that are missing, as far as lengths are known."""
        return sum(max(0, (each.file.expected_bytes or 0) - each.size) for each in self.entries)

    @property
    def licences(self) -> tuple[str, ...]:
        """What is known about the licences of the files, each once."""
        return tuple(dict.fromkeys(e.file.licence for e in self.entries if e.file.licence))

    @property
    def size_text(self) -> str:
        """How much is missing, in words."""
        files = [each.file for each in self.entries]
        return f"{about(files)}{self.bytes / 1e6:,.0f} MB"

    @property
    def time_text(self) -> str:
        """How long the download takes, in words, at the speed of the last one if there was one."""
        speed = _last_speed(self.folder)
        if speed is None:
            return "nothing was downloaded here before, so how long that takes is unknown"
        minutes = max(1, round(self.bytes / speed / 60))
        return f"about {minutes} min at the speed of the last download, {speed / 1e6:.1f} MB/s"

    @property
    def licence_text(self) -> str:
        """What is known about the licences, in words."""
        return "; ".join(self.licences) or "no licence is stated"


@dataclass
class DownloadProgress:
    """How far the download of some files is; one thread writes, others may read."""

    missing: Missing
    _done: dict[str, int] = field(init=False)
    """Bytes of each file that are there."""
    _began: float | None = None
    _received: int = 0
    """Bytes that came since then."""

    def __post_init__(self) -> None:
        self._done = {each.file.name: each.size for each in self.missing.entries}

    @property
    def has_begun(self) -> bool:
        """Whether bytes were asked for."""
        return self._began is not None

    @property
    def share(self) -> float | None:
        """The share of all bytes that are there, from 0 to 1; None if a length is unknown."""
        files = [each.file for each in self.missing.entries]
        total = sum(each.expected_bytes or 0 for each in files)
        if not total or any(each.expected_bytes is None for each in files):
            return None
        return min(1.0, sum(self._done.values()) / total)

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes at the speed so far; None if unknown."""
        share, speed = self.share, self.speed
        if share is None or speed is None:
            return None
        total = sum(each.file.expected_bytes or 0 for each in self.missing.entries)
        return (1 - share) * total / speed

    @property
    def speed(self) -> float | None:
        """Bytes per second since the beginning; None while it is too early to tell."""
        seconds = 0.0 if self._began is None else time.monotonic() - self._began
        is_enough = self._received >= _ENOUGH_BYTES and seconds >= _ENOUGH_SECONDS
        return self._received / seconds if is_enough else None

    def update(self, file: WeightsFile, done: int) -> None:
        """Note how many bytes of a file are there; files that are only checked count not."""
        if file.name not in self._done:
            return
        if self._began is None:
            self._began = time.monotonic()
        if done:  # 0 also means that another program is waited for
            self._received += max(0, done - self._done[file.name])
            self._done[file.name] = done

    def note_speed(self) -> None:
        """Note the speed for the next estimate, if it is known."""
        speed = self.speed
        if speed is not None:
            note = self.missing.folder / _SPEED_FILE
            with suppress(EngineError, OSError), atomic_write(note, force=True) as path:
                path.write_text(f"{speed:.0f}\n", encoding="ascii")


def about(files: Sequence[WeightsFile]) -> str:
    """Return the word before the sum of some files' lengths; none if all were published."""
    if any(each.expected_bytes is None for each in files):
        return "at least "
    return "about " if any(each.bytes is None for each in files) else ""


def _last_speed(folder: Path) -> float | None:
    """Return the bytes per second of the last download; None if unknown."""
    with suppress(EngineError, ValueError):
        speed = float(read_bounded(folder / _SPEED_FILE, limit=_LONGEST_NOTE))
        if 0 < speed < _FASTEST:
            return speed
    return None
