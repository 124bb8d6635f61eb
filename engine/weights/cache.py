"""The cache folder: where files lie, whether they are what they should be, and how they go.

Beside a file NAME lies NAME.sha256, the hash that was found when it was checked, as `sha256sum -c`
reads it. As long as the file is no newer than that, it is not read again at every start. Where a
publisher names no hash, the one found first is held against what comes later.
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

Progress = Callable[[int, int], None]
"""Called often with the bytes done and the bytes in all, 0 for unknown. What it raises ends the
work; what has come so far is kept."""

_CHUNK = 2**20
_MAX_RECORD = 4096


@dataclass(frozen=True)
class Place:
    """A file's names in the cache folder."""

    file: WeightsFile
    folder: Path

    @property
    def path(self) -> Path:
        """Where the file lies once it is complete."""
        return self.folder / self.file.file if self.file.path is None else self.file.path

    @property
    def part(self) -> Path:
        """What has come of it so far."""
        return self.folder / f"{self.file.file}.part"

    @property
    def origin(self) -> Path:
        """Where the part came from."""
        return self.folder / f"{self.file.file}.origin"

    @property
    def record(self) -> Path:
        """The hash that was found."""
        return self.folder / f"{self.file.file}.sha256"

    @property
    def is_there(self) -> bool:
        """Whether something has the complete file's name."""
        return self.path.exists() or self.path.is_symlink()

    def recorded(self) -> str | None:
        """The hash that was found when the file was last checked, if that is still known."""
        with suppress(EngineError, ValueError):
            text = read_bounded(self.record, limit=_MAX_RECORD).decode("ascii")
            if match := re.match("([0-9a-f]{64})[ \n]", text):
                return match[1]
        return None

    def write_record(self, sha256: str) -> None:
        """Note the hash that was found; raises `PictureError` if it cannot be written."""
        with atomic_write(self.record, force=True) as path:
            path.write_text(f"{sha256}  {self.file.file}\n", encoding="ascii")

    @property
    def expected(self) -> str | None:
        """The hash that the file must have: the published one, or that which was found first."""
        return self.file.sha256 or self.recorded()

    @property
    def is_checked(self) -> bool:
        """Whether the file is there, has its length, and has not changed since it was checked."""
        found = self.recorded()
        if found is None or found != self.expected or not self.path.is_file():
            return False
        state = self.path.stat()
        is_whole = self.file.bytes in (None, state.st_size)
        return is_whole and state.st_mtime_ns <= self.record.stat().st_mtime_ns

    def kept(self) -> int:
        """The bytes that are here: of the whole file, or of its part."""
        for path in (self.path, self.part):
            if path.is_file():
                return path.stat().st_size
        return 0


def check(place: Place, progress: Progress) -> str:
    """Read the whole file, note its hash and return it.

    Raises `WeightsError` if the file is not there or not what it should be.
    """
    file, path = place.file, place.path
    if not path.is_file():
        what = "is not a file" if place.is_there else "is not there"
        raise WeightsError(f"{quoted(path)} {what}{_how_to_get(file)}")
    try:
        size = path.stat().st_size
        if file.bytes not in (None, size):
            raise WeightsError(
                f"{quoted(path)} has {size} bytes instead of {file.bytes}{_how_to_replace(file)}"
            )
        found = _hash(path, size, progress)
    except OSError as error:
        raise WeightsError(f"cannot read {quoted(path)}: {error.strerror}") from error
    expected = place.expected
    if expected not in (None, found):
        raise WeightsError(
            f"the SHA-256 of {quoted(path)} is {found} instead of {expected}{_how_to_replace(file)}"
        )
    # A folder that cannot be written costs no more than another check at the next start.
    with suppress(EngineError):
        place.folder.mkdir(parents=True, exist_ok=True)
        place.write_record(found)
    return found


def remove(places: Iterable[Place], parts: Iterable[str], folder: Path) -> list[Path]:
    """Remove files and what there is of them, and the folders of what was converted from them.

    `parts` are names of generators and perceptors. Only what lies in the cache folder goes, never
    a local file. Returns what is gone; raises `WeightsError` for what cannot be removed.
    """
    gone = []
    try:
        for place in places:
            whole = [] if place.file.path is not None else [place.path]
            for path in (*whole, place.part, place.origin, place.record):
                if path.is_file() or path.is_symlink():
                    path.unlink()
                    gone.append(path)
        for name in parts:
            converted = folder / name
            if converted.is_dir() and not converted.is_symlink():
                shutil.rmtree(converted)
                gone.append(converted)
    except OSError as error:
        raise WeightsError(f"cannot remove {error.filename!r}: {error.strerror}") from error
    return gone


def _hash(path: Path, size: int, progress: Progress) -> str:
    digest = hashlib.sha256()
    done = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            done += len(chunk)
            progress(done, size)
    return digest.hexdigest()


def _how_to_get(file: WeightsFile) -> str:
    if file.path is not None:
        return f": its place is named in config.toml, [weights.files.{file.name}]"
    return f": get it with `python -m engine weights get {file.name}`"


def _how_to_replace(file: WeightsFile) -> str:
    if file.path is not None:
        return f": it is another file than config.toml says, [weights.files.{file.name}]"
    return (
        f": remove it with `python -m engine weights remove {file.name}`, then get it again with "
        f"`python -m engine weights get {file.name}`"
    )
