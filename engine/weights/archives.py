"""Unpack single files of a published archive, a `.tar.gz` that is not trusted.

The archive is read as a stream, once, and only named members are written, under names that the
caller chooses. Everything is bounded before it is read or written.
"""

import gzip
import shutil
import tarfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO

from engine.errors import WeightsError
from engine.files import quoted
from engine.weights.transfer import FREE_MARGIN

MAX_MEMBERS = 10_000
"""The limit on entries in an archive; minDALL-E's has fewer than ten."""
MAX_MEMBER_BYTES = 16 * 2**30
"""The limit on the length of one member, three times that of minDALL-E's longest."""
MAX_TOTAL_BYTES = 32 * 2**30
"""The limit on what an archive unpacks to, unneeded members included."""
_CHUNK = 2**20

_DAMAGED = (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError, OverflowError)


def unpack(
    archive: Path,
    members: Mapping[str, Path],
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Write members of an archive to the given paths, each by its path in the archive.

    The folders of the paths must exist. `progress` is called often with the bytes unpacked so far;
    an exception that it raises ends the work. If anything fails, none of the files stays.

    Raises:
        WeightsError: the archive is damaged or lacks a member, or one is not an ordinary file, lies
            outside of the archive's folder, is there twice or is too large; or the disk is full.
    """
    try:
        with tarfile.open(archive, "r|gz") as tar:
            _unpack(tar, archive, dict(members), progress)
    except BaseException as error:
        for path in members.values():
            with suppress(OSError):
                path.unlink(missing_ok=True)
        if isinstance(error, _DAMAGED):
            raise WeightsError(f"the archive {archive.name} is damaged: {_why(error)}") from error
        if isinstance(error, OSError):
            why = error.strerror or "the disk refuses it"
            raise WeightsError(f"cannot unpack {quoted(archive)}: {why}") from error
        raise


def _unpack(
    tar: tarfile.TarFile,
    archive: Path,
    members: dict[str, Path],
    progress: Callable[[int], None],
) -> None:
    written: set[str] = set()
    count = total = 0
    for member in tar:
        count, total = count + 1, total + max(0, member.size)
        if count > MAX_MEMBERS or total > MAX_TOTAL_BYTES:
            raise WeightsError(f"the archive {archive.name} holds more than it should")
        _check_place(member, archive)
        name = member.name.removeprefix("./")
        if name in written:
            raise WeightsError(f"the archive {archive.name} holds {name!r} twice")
        if name in members:
            _check_file(member, archive)
            _write(tar, member, members[name], partial(_add, progress, total - member.size))
            written.add(name)
        progress(total)
    for name in members:
        if name not in written:
            raise WeightsError(f"the archive {archive.name} lacks {name!r}")


def _check_place(member: tarfile.TarInfo, archive: Path) -> None:
    """Refuse an archive with a member that would leave its folder, or is a device."""
    try:
        tarfile.data_filter(member, str(archive.parent))
    except tarfile.FilterError as error:
        raise WeightsError(
            f"the archive {archive.name} holds {member.name!r:.200}, which leads out of its folder "
            "or is no file: nothing of it is used"
        ) from error


def _check_file(member: tarfile.TarInfo, archive: Path) -> None:
    if not member.isreg() or member.issparse():
        raise WeightsError(f"in the archive {archive.name}, {member.name!r} is not a plain file")
    if member.size > MAX_MEMBER_BYTES:
        raise WeightsError(f"in the archive {archive.name}, {member.name!r} is too large")


def _write(
    tar: tarfile.TarFile, member: tarfile.TarInfo, to: Path, progress: Callable[[int], None]
) -> None:
    free = shutil.disk_usage(to.parent).free
    if free < member.size + FREE_MARGIN:
        raise WeightsError(
            f"unpacking {member.name!r} needs {member.size / 1e6:.0f} MB in {quoted(to.parent)} "
            f"and {FREE_MARGIN / 1e6:.0f} MB to spare, but only {free / 1e6:.0f} MB are free"
        )
    source = tar.extractfile(member)
    if source is None:
        raise tarfile.ReadError(f"{member.name!r} has no content")
    with source, to.open("wb") as target:
        _copy(source, target, member, progress)


def _copy(
    source: IO[bytes],
    target: IO[bytes],
    member: tarfile.TarInfo,
    progress: Callable[[int], None],
) -> None:
    done = 0
    while chunk := source.read(_CHUNK):
        target.write(chunk)
        done += len(chunk)
        progress(done)
    if done != member.size:
        raise tarfile.ReadError(f"{member.name!r} ends too early")


def _add(progress: Callable[[int], None], before: int, done: int) -> None:
    progress(before + done)


def _why(error: BaseException) -> str:
    return str(error)[:200] or type(error).__name__
