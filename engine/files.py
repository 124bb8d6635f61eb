"""Read untrusted files within limits, and write files so that each appears complete or not at all.

This module does not look at the contents of files; `engine.images` reads and writes pictures.
"""

import json
import os
import secrets
import stat
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from engine.errors import PictureError
from engine.text import Text

MEBIBYTE = 1024 * 1024
Name = Text | str
"""What messages call a file: its path, or words for it."""
THE_PICTURE = Text("the picture")
"""What messages call a file whose path nobody knows."""


def read_bounded(path: Path, *, limit: int) -> bytes:
    """Return all bytes of a regular file of at most `limit` bytes.

    Raises:
        PictureError: The file is missing, not a regular file, empty, too big or unreadable.
    """
    try:
        with _open_regular(path) as file:
            content = file.read(limit + 1)
    except (OSError, ValueError) as error:
        raise PictureError(
            "Cannot read {name}: {why}.", name=quoted(path), why=_reason(error)
        ) from error
    check_length(content, limit=limit, name=quoted(path))
    return content


def check_length(content: bytes, *, limit: int, name: Name) -> None:
    """Raise `PictureError` if the content of a file is empty or has more than `limit` bytes."""
    if not content:
        raise PictureError("Cannot read {name}: the file is empty.", name=name)
    if len(content) > limit:
        raise PictureError(
            "Cannot read {name}: the file is too big, at most {limit} MiB are allowed.",
            name=name,
            limit=limit // MEBIBYTE,
        )


def decode_text(content: bytes) -> str:
    """Decode a text file in UTF-8, or in UTF-16 or UTF-32 as some Windows programs write it.

    A byte order mark is not part of the text.

    Raises:
        UnicodeDecodeError: It is in none of them.
    """
    # As in JSON, the first two characters are ASCII, so zeros among their bytes tell the encoding.
    return content.decode(json.detect_encoding(content))


def check_output(path: Path, *, suffixes: Collection[str], force: bool) -> None:
    """Raise `PictureError` unless a file can be written to `path`, before work is spent on it.

    `suffixes` are the allowed ones, in lower case with the dot. `force` allows an existing file.
    """
    try:
        _check_name(path, suffixes)
        _check_folder(path)
        _check_target(path, force=force)
    except (OSError, ValueError) as error:
        raise _cannot_write(path, _reason(error)) from error


@contextmanager
def atomic_write(path: Path, *, force: bool) -> Iterator[Path]:
    """Yield the path of an empty file beside `path` that replaces it if the block succeeds.

    Other programs see the old file or the complete new one. Without `force` an existing file is
    never replaced, not even one that appears while the block runs.

    Raises:
        PictureError: `path` exists without `force`, or cannot be written.
    """
    part = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        try:
            _check_target(path, force=force)
            part.touch(exist_ok=False)
            yield part
            _flush_to_disk(part)
            if force:
                part.replace(path)
            else:
                _move_to_free_name(part, path)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError as error:
        raise _cannot_write(path, _reason(error)) from error


def quoted(path: Path) -> str:
    """Return a path for a message, on one line and with printable characters only."""
    return repr(str(path))


def _open_regular(path: Path) -> BinaryIO:
    # Without O_NONBLOCK, opening a pipe without a writer would block forever.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    mode = os.fstat(handle).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(handle, "rb")
    os.close(handle)
    raise ValueError("it is a folder" if stat.S_ISDIR(mode) else "it is not a regular file")


def _check_name(path: Path, suffixes: Collection[str]) -> None:
    endings = " or ".join(suffixes)
    if path.is_dir():
        raise _cannot_write(path, f"it is a folder, name a file that ends in {endings}")
    if path.suffix.lower() not in suffixes:
        raise _cannot_write(path, f"the file's name must end in {endings}")


def _check_folder(path: Path) -> None:
    folder = path.parent
    if not folder.exists():
        raise _cannot_write(path, f"the folder {quoted(folder)} does not exist")
    if not folder.is_dir():
        raise _cannot_write(path, f"{quoted(folder)} is not a folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _cannot_write(path, f"the folder {quoted(folder)} does not allow writing")


def _check_target(path: Path, *, force: bool) -> None:
    try:
        state = path.lstat()
    except FileNotFoundError:
        return
    if not force:
        raise _exists(path, is_empty=stat.S_ISREG(state.st_mode) and state.st_size == 0)
    if path.exists() and not path.is_file():
        # Replacing a device or a pipe would destroy it.
        raise _cannot_write(path, "what is there is not a regular file")


def _cannot_write(path: Path, why: str) -> PictureError:
    return PictureError("Cannot write {name}: {why}.", name=quoted(path), why=why)


def _exists(path: Path, *, is_empty: bool = False) -> PictureError:
    doubt = " and is empty: another run may be painting it" if is_empty else ""
    return _cannot_write(
        path, f"it exists already{doubt}, name another file or overwrite it with --force"
    )


def _flush_to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _move_to_free_name(part: Path, path: Path) -> None:
    try:
        path.hardlink_to(part)
    except FileExistsError:
        raise
    except OSError:
        # Some file systems lack hard links: reserve the name, then replace our own empty file.
        path.touch(exist_ok=False)
        part.replace(path)


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    strerror = getattr(error, "strerror", None)
    return strerror or str(error)


def file_bytes(suffix: str, write: Callable[[Path], None]) -> bytes:
    """Return the bytes of the file that `write` creates at the path that it is given."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{suffix}"
        write(path)
        return path.read_bytes()
