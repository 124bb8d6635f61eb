"""The cache folder: where files lie, whether they are intact, and how they are removed.

Beside a file NAME lies NAME.sha256, in the form of `sha256sum`, with the hash that was found when
it was checked. A file that is no newer than that is not read again at the next start. If the
publisher names no hash, the first one found is compared with all later ones.
"""

import hashlib
import re
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engine.errors import EngineError, WeightsError
from engine.files import atomic_write, quoted, read_bounded
from engine.weights.registry_entries import WeightsFile

ProgressCallback = Callable[[int, int], None]
"""Called often with the bytes done and the total bytes, 0 for unknown. An exception that it raises
ends the work; the bytes so far are kept."""

_CHUNK = 2**20
_MAX_RECORD = 4096


@dataclass(frozen=True)
class CacheEntry:
    """A file of the registry and its paths in the cache folder."""

    file: WeightsFile
    folder: Path

    @property
    def path(self) -> Path:
        """The path of the complete file."""
        return self.folder / self.file.file if self.file.path is None else self.file.path

    @property
    def partial(self) -> Path:
        """The path of an incomplete download."""
        return self.folder / f"{self.file.file}.part"

    @property
    def source(self) -> Path:
        """The path of the note that says where an incomplete download came from."""
        return self.folder / f"{self.file.file}.origin"

    @property
    def record(self) -> Path:
        """The path of the hash that was found."""
        return self.folder / f"{self.file.file}.sha256"

    @property
    def exists(self) -> bool:
        """Whether anything has the complete file's name."""
        return self.path.exists() or self.path.is_symlink()

    @property
    def recorded(self) -> str | None:
        """The hash that was found when the file was last checked; None if unknown."""
        with suppress(EngineError, ValueError):
            text = read_bounded(self.record, limit=_MAX_RECORD).decode("ascii")
            if match := re.match("([0-9a-f]{64})[ \n]", text):
                return match[1]
        return None

    @property
    def expected(self) -> str | None:
        """The hash that the file must have: the published one, or the first one found."""
        return self.file.sha256 or self.recorded

    @property
    def is_checked(self) -> bool:
        """Whether the file is complete and unchanged since it was checked."""
        found = self.recorded
        if found is None or found != self.expected or not self.path.is_file():
            return False
        state = self.path.stat()
        is_complete = self.file.bytes in (None, state.st_size)
        return is_complete and state.st_mtime_ns <= self.record.stat().st_mtime_ns

    @property
    def size(self) -> int:
        """The number of bytes present, of the complete file or of its partial download."""
        for path in (self.path, self.partial):
            if path.is_file():
                return path.stat().st_size
        return 0

    def write_record(self, sha256: str) -> None:
        """Write the hash that was found; raises `PictureError` if that is not possible."""
        with atomic_write(self.record, force=True) as path:
            path.write_text(f"{sha256}  {self.file.file}\n", encoding="ascii")


def check(entry: CacheEntry, progress: ProgressCallback) -> str:
    """Read the complete file, record its hash and return it.

    Raises `WeightsError` if the file is missing or is not the right one.
    """
    file, path = entry.file, entry.path
    if not path.is_file():
        what = "is not a file" if entry.exists else "is not there"
        raise WeightsError(f"{quoted(path)} {what}{_how_to_get(file)}")
    try:
        size = path.stat().st_size
        if file.bytes not in (None, size):
            raise WeightsError(
                f"{quoted(path)} has {size} bytes instead of {file.bytes}{_how_to_replace(file)}"
            )
        found, md5 = _hash(entry, size, progress)
    except OSError as error:
        raise WeightsError(f"cannot read {quoted(path)}: {error.strerror}") from error
    expected = entry.expected
    if expected not in (None, found):
        raise WeightsError(
            f"the SHA-256 of {quoted(path)} is {found} instead of {expected}{_how_to_replace(file)}"
        )
    if md5 != file.md5:
        raise WeightsError(
            f"the MD5 of {quoted(path)} is {md5} instead of {file.md5}{_how_to_replace(file)}"
        )
    # If the folder cannot be written, the file is only checked again at the next start.
    with suppress(EngineError, OSError):
        entry.folder.mkdir(parents=True, exist_ok=True)
        entry.write_record(found)
    return found


def remove(entries: Iterable[CacheEntry], components: Iterable[str], folder: Path) -> list[Path]:
    """Remove files with all that belongs to them, and the converted weights of `components`.

    `components` are names of generators and perceptors. Local files outside the cache folder are
    never removed. Returns the removed paths; raises `WeightsError` for what cannot be removed.
    """
    removed: list[Path] = []
    try:
        for entry in entries:
            complete = [] if entry.file.path is not None else [entry.path]
            for path in (*complete, entry.partial, entry.source, entry.record):
                if path.is_file() or path.is_symlink():
                    path.unlink()
                    removed.append(path)
        for name in components:
            converted = folder / name
            if converted.is_dir() and not converted.is_symlink():
                shutil.rmtree(converted)
                removed.append(converted)
    except OSError as error:
        raise WeightsError(f"cannot remove {error.filename!r}: {error.strerror}") from error
    return removed


def _hash(entry: CacheEntry, size: int, progress: ProgressCallback) -> tuple[str, str | None]:
    """Return the SHA-256 of the complete file, and its MD5 if one was published."""
    digest = hashlib.sha256()
    md5 = None if entry.file.md5 is None else hashlib.md5(usedforsecurity=False)
    done = 0
    with entry.path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            if md5 is not None:
                md5.update(chunk)
            done += len(chunk)
            progress(done, size)
    return digest.hexdigest(), None if md5 is None else md5.hexdigest()


def _how_to_get(file: WeightsFile) -> str:
    if file.path is not None:
        return f": config.toml gives this path, [weights.files.{file.name}]"
    return f": download it with `python -m engine weights get {file.name}`"


def _how_to_replace(file: WeightsFile) -> str:
    if file.path is not None:
        return f": it is not the file that config.toml describes, [weights.files.{file.name}]"
    return (
        f": remove it with `python -m engine weights remove {file.name}`, then download it again "
        f"with `python -m engine weights get {file.name}`"
    )
