"""The file of a backup: a tar archive of three files, which `tar` unpacks too.

`backup.json` says what it is; then comes the database, as SQLite's own file or as `pg_dump` writes
it; `SHA256SUMS` is the last one, so a file that ends too early has none.
"""

import hashlib
import json
import tarfile
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.private_files import FILE_MODE
from bot.storage.digests import Digest
from engine.errors import SettingsError
from engine.files import MEBIBYTE, quoted

PROGRAM, FORMAT = "vqgan-clip-bot", 1
_ABOUT, _SUMS = "backup.json", "SHA256SUMS"
_CONTENT = {"sqlite": "bot.sqlite", "postgres": "database.dump"}
_BLOCK = tarfile.BLOCKSIZE
_MAX_TEXT_BYTES = 65_536
_NAME = r"^[0-9A-Za-z_.+-]{0,60}$"
"""What is printed as it is, so that no file can write to the terminal what it likes."""


class About(BaseModel):
    """What a backup says about itself."""

    model_config = ConfigDict(frozen=True)

    program: Literal["vqgan-clip-bot"] = PROGRAM
    format: int = FORMAT
    version: Annotated[str, Field(pattern=_NAME)]
    """The version of the program that wrote it."""
    revision: Annotated[str, Field(pattern=_NAME)]
    """The revision of the database; "" from before there were revisions."""
    created_at: datetime
    database: Literal["sqlite", "postgres"]
    namespace: str = ""
    """The schema of Postgres that the tables are in."""
    pg_dump: int = 0
    """The version of `pg_dump`, without what follows the first dot."""
    tables: dict[
        Annotated[str, Field(pattern=_NAME)],
        tuple[int, Annotated[str, Field(pattern="^[0-9a-f]{1,64}$")]],
    ]
    """The rows of each table, and the sum of their digests in hexadecimal."""

    def digests(self) -> dict[str, Digest]:
        """Return what each table held."""
        return {name: Digest(rows, int(total, 16)) for name, (rows, total) in self.tables.items()}


class ArchiveWriter:
    """Writes the files of a backup one after the other."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sums: list[str] = []

    @contextmanager
    def content(self, about: About) -> Generator[Callable[[bytes], None]]:
        """Write all that belongs to a backup around the database, which the block writes."""
        with self._member(_ABOUT) as write:
            write(about.model_dump_json(indent=1).encode())
        with self._member(_CONTENT[about.database]) as write:
            yield write
        sums = "".join(self._sums).encode()
        with self._member(_SUMS) as write:
            write(sums)
        self._file.write(bytes(2 * _BLOCK))

    @contextmanager
    def _member(self, name: str) -> Generator[Callable[[bytes], None]]:
        start = self._file.tell()
        self._file.write(bytes(_BLOCK))  # the header follows when the size is known
        digest = hashlib.sha256()

        def write(chunk: bytes) -> None:
            digest.update(chunk)
            self._file.write(chunk)

        yield write
        end = self._file.tell()
        info = tarfile.TarInfo(name)
        info.size, info.mode = end - start - _BLOCK, FILE_MODE
        self._file.write(bytes(-end % _BLOCK))
        self._file.seek(start)
        self._file.write(info.tobuf(tarfile.GNU_FORMAT))
        self._file.seek(0, 2)
        self._sums.append(f"{digest.hexdigest()}  {name}\n")


@dataclass(frozen=True)
class Archive:
    """A backup whose digests are right."""

    about: About
    _file: BinaryIO
    _start: int
    _size: int

    def chunks(self) -> Iterator[bytes]:
        """Yield the content of the database."""
        self._file.seek(self._start)
        yield from _chunks(self._file, self._size)


@contextmanager
def open_archive(path: Path) -> Generator[Archive]:
    """Open a backup and compare its digests.

    Raises `SettingsError` if it is damaged, no backup of this program, or one of a newer program.
    """
    if not path.is_file():
        raise SettingsError(f"there is no file {quoted(path)}: name a backup")
    with ExitStack() as stack:
        try:
            archive = _read(stack.enter_context(path.open("rb")), path)
        except OSError as error:
            raise SettingsError(f"cannot read {quoted(path)}: {error.strerror}") from error
        yield archive


def _read(file: BinaryIO, path: Path) -> Archive:
    size = _header(file, _ABOUT)
    if size is None:
        raise SettingsError(
            f"{quoted(path)} is no backup of this program: name a file that "
            "`python -m bot.storage backup` wrote"
        )
    damaged = SettingsError(
        f"the backup {quoted(path)} is damaged: restore another one; nothing was changed"
    )
    text = _text(file, size)
    about = _about(text, path) if text is not None else None
    if about is None:
        raise damaged
    name = _CONTENT[about.database]
    size = _header(file, name)
    if size is None:
        raise damaged
    start, digest = file.tell(), hashlib.sha256()
    for chunk in _chunks(file, size):
        digest.update(chunk)
    file.seek(-size % _BLOCK, 1)
    expected = (
        f"{hashlib.sha256(text or b'').hexdigest()}  {_ABOUT}\n{digest.hexdigest()}  {name}\n"
    )
    sums_size = _header(file, _SUMS)
    if sums_size is None or _text(file, sums_size) != expected.encode():
        raise damaged
    return Archive(about, file, start, size)


def _header(file: BinaryIO, name: str) -> int | None:
    """Read a header; return the size of its file, or None unless it is this regular file."""
    try:
        info = tarfile.TarInfo.frombuf(file.read(_BLOCK), "utf-8", "strict")
    except (tarfile.HeaderError, ValueError):
        return None
    return info.size if info.name == name and info.isreg() and info.size >= 0 else None


def _text(file: BinaryIO, size: int) -> bytes | None:
    """Read a small file; return None if it is longer."""
    if size > _MAX_TEXT_BYTES:
        return None
    text = file.read(size)
    file.seek(-size % _BLOCK, 1)
    return text


def _about(text: bytes, path: Path) -> About | None:
    """Return what a backup says about itself; None if that is unreadable."""
    try:
        values = json.loads(text)
        found, program = int(values["format"]), str(values["program"])
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    if program != PROGRAM:
        raise SettingsError(
            f"{quoted(path)} is a backup of another program, {program[:80]!r}: name one of this bot"
        )
    if found > FORMAT:
        raise SettingsError(
            f"the backup {quoted(path)} was written by a newer program: update this one, or "
            "restore another backup"
        )
    try:
        return About.model_validate(values)
    except ValidationError:
        return None


def _chunks(file: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield so many bytes of a file, fewer if it ends."""
    while size > 0 and (chunk := file.read(min(size, MEBIBYTE))):
        size -= len(chunk)
        yield chunk
