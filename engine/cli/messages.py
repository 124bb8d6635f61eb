"""Messages and results of the command line: notices on standard error, results on standard output.

A stream that cannot be written (its reader has left, its disk is full, its terminal is closed)
never ends a run: notices are dropped, and callers decide what a lost result means.
"""

import codecs
import io
import os
import sys
from contextlib import suppress
from typing import TextIO

from engine.errors import EngineError


class ResultError(EngineError):
    """Standard output cannot be written."""


class NoticeStream:
    """Standard error, for writers that must not fail: what cannot be written is dropped."""

    def __init__(self) -> None:
        self._stream = sys.stderr

    def write(self, text: str) -> None:
        """Write text, or drop it."""
        try:
            self._stream.write(text)
        except (OSError, ValueError):
            _discard(self._stream)

    def flush(self) -> None:
        """Flush what was written, or drop it."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            _discard(self._stream)

    def isatty(self) -> bool:
        """Return True if standard error is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return the descriptor of standard error; raises OSError or ValueError if it has none."""
        return self._stream.fileno()

    @property
    def encoding(self) -> str:
        """The encoding of standard error, by which progress bars choose their characters."""
        return self._stream.encoding


def print_notice(message: str) -> None:
    """Print a message on one line, with control characters escaped."""
    line = "".join(c if c.isprintable() else repr(c)[1:-1] for c in message)
    print(line, file=NoticeStream(), flush=True)


def print_result(text: object) -> None:
    """Print a result on standard output.

    Raises:
        BrokenPipeError: Its reader has left.
        ResultError: It cannot be written for another reason.
    """
    try:
        print(text, flush=True)
    except BrokenPipeError:
        _discard(sys.stdout)
        raise
    except OSError as error:
        _discard(sys.stdout)
        raise ResultError(f"standard output cannot be written: {error.strerror}") from error


def prepare_streams() -> None:
    """Make the standard streams usable, whatever the shell did to them.

    Closed ones (`>&-`) become the null device; otherwise the next file that is opened would get
    the number of the stream, and everything that libraries print there. A file name that standard
    output's encoding lacks is printed as the bytes that it has on disk.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
    codecs.register_error(_AS_ON_DISK, _encode_as_on_disk)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors=_AS_ON_DISK)  # pyright: ignore[reportUnknownMemberType]


_AS_ON_DISK = "as-on-disk"


def _encode_as_on_disk(error: UnicodeError) -> tuple[bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return os.fsencode(error.object[error.start : error.end]), error.end


def _discard(stream: TextIO) -> None:
    """Lead a broken stream to the null device: the interpreter flushes it again at its end."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(null, stream.fileno())
        finally:
            os.close(null)
