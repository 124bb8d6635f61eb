"""Memory of weights that are mapped from files, given back while nothing reads them.

A mapped page takes memory from when it is read first. All are read once to be checked, but a run
without an initial picture never needs the encoder, and the text tower is needed once per prompt.
Pages that are given back are read from the file again when they are needed.
"""

import ctypes
import mmap
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from torch import Tensor

_MAPPINGS = Path("/proc/self/smaps")
_FILE = re.compile(r"([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ (?!0 )\d+ +.*\.safetensors( \(deleted\))?")
_COPIED = re.compile(r"Anonymous: +(\d+) kB")
_ALIGNMENT = 64
"""Number of bytes that may lie between tensors that follow each other."""


def release(tensors: Iterable[Tensor]) -> None:
    """Give back the memory of tensors that are mapped from weights files; others are left alone.

    Only Linux can do it.
    """
    runs = _runs(tensors)
    if not runs or sys.platform != "linux":
        return
    mapped = list(_unchanged_mappings())
    page = mmap.PAGESIZE
    for begin, end in runs:
        if any(first <= begin and end <= last for first, last in mapped):
            whole = range(-(-begin // page) * page, end // page * page)
            if whole:
                _discard(whole.start, len(whole))


def any_mapped(tensors: Iterable[Tensor]) -> bool:
    """Return True if the memory of any of the tensors could be given back."""
    if sys.platform != "linux":
        return False
    mapped = list(_unchanged_mappings())
    places = [each.data_ptr() for each in tensors if each.is_cpu]
    return any(first <= place < last for place in places for first, last in mapped)


def _runs(tensors: Iterable[Tensor]) -> list[tuple[int, int]]:
    """Return the addresses of tensors on the CPU; those of neighbors are one run."""
    runs: list[tuple[int, int]] = []
    for begin, size in sorted((each.data_ptr(), each.nbytes) for each in tensors if each.is_cpu):
        if runs and begin <= runs[-1][1] + _ALIGNMENT:
            runs[-1] = (runs[-1][0], max(runs[-1][1], begin + size))
        else:
            runs.append((begin, begin + size))
    return runs


def _unchanged_mappings() -> Iterator[tuple[int, int]]:
    """Yield the addresses of mapped weights files of which this process has changed nothing.

    Changes are in memory only, and would be lost.
    """
    found: tuple[int, int] | None = None
    try:
        lines = _MAPPINGS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        if match := _FILE.fullmatch(line):
            found = (int(match[1], 16), int(match[2], 16))
        elif found and (match := _COPIED.fullmatch(line)):
            if match[1] == "0":
                yield found
            found = None


def _discard(address: int, length: int) -> None:
    """Tell the system that pages are not needed; if it refuses, they stay."""
    library = ctypes.CDLL(None)
    library.madvise(ctypes.c_void_p(address), ctypes.c_size_t(length), mmap.MADV_DONTNEED)
