"""A CUDA runtime without a card, by which the CUDA path of the engine runs on any machine.

Memory of the device is host memory, copies are copies, and kernels are counted and not run. Torch's
own dispatch, caching allocator, streams, random generators and checks of synchronization are the
real ones: libtorch_cuda looks its runtime up at load, and `LD_PRELOAD` puts this one first. So
nothing can be said about numbers and times, but much about devices, copies, waits and memory.
"""

import ctypes
import os
import shutil
import subprocess
import sys
import sysconfig
from collections import Counter
from pathlib import Path

import torch

SOURCES = Path(__file__).parent / "runtime"
NAME = "libcuda.so.1"
"""Name of the library: that of the driver, which libcaffe2_nvrtc.so asks for, is covered too."""
_PACKAGES = Path(sysconfig.get_path("purelib"))


def obstacle() -> str | None:
    """Say why the runtime cannot be used here, or return None."""
    if sys.platform != "linux" or torch.version.cuda is None:
        return "torch is not a CUDA build for Linux"
    if torch.cuda.is_available():
        return "there is a real GPU"
    if shutil.which("g++") is None:
        return "g++ is not installed"
    return None if _headers() else "the headers of the CUDA runtime are not installed"


def build(folder: Path) -> Path:
    """Compile the runtime into a folder; return the path of the library."""
    library = folder / NAME
    includes = [f"-I{path}" for path in (SOURCES, *(each.parent for each in _headers()))]
    options = ["-std=c++17", "-fPIC", "-shared", f"-Wl,-soname,{NAME}", *includes]
    # As one file, since most of the time goes into reading headers.
    source = "".join(path.read_text() for path in sorted(SOURCES.glob("*.cpp")))
    command = ["g++", *options, "-x", "c++", "-", "-o", str(library)]
    subprocess.run(command, input=source, text=True, check=True)
    return library


def environment(library: Path) -> dict[str, str]:
    """Return the environment of a program that runs on the null runtime."""
    return {**os.environ, "LD_PRELOAD": str(library), "CUDA_VISIBLE_DEVICES": "0"}


def _headers() -> list[Path]:
    """Return the headers of the runtime and, in triton's folder, of the language."""
    patterns = ("nvidia/*/include/cuda_runtime_api.h", "triton/backends/nvidia/include/cuda.h")
    found = [next(_PACKAGES.glob(pattern), None) for pattern in patterns]
    headers = [header for header in found if header is not None]
    return headers if len(headers) == len(patterns) else []


class NullRuntime:
    """The runtime that this program was started with."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        self._library.null_events.restype = ctypes.c_char_p
        self._library.null_set_total.argtypes = [ctypes.c_size_t]

    def reset(self) -> None:
        """Forget all events."""
        self._library.null_reset_events()

    def events(self) -> Counter[str]:
        """Count the events since `reset` by name: launches, copies, allocations, waits."""
        lines = (line.split("\t", 1) for line in self._library.null_events().decode().splitlines())
        return Counter({name: int(number) for number, name in lines})

    def count(self, *parts: str) -> int:
        """Return the number of events since `reset` whose names contain one of `parts`."""
        found = self.events().items()
        return sum(number for name, number in found if any(part in name for part in parts))

    def set_total(self, size: int) -> None:
        """Set the bytes of the device, at most those of before for what is in use."""
        self._library.null_set_total(size)

    def set_value_read(self, byte: int) -> None:
        """Set the byte that every value read from the device consists of; 1 after the start.

        With 1 all flags are true, such as that a value is finite. With 0 all errors are absent,
        such as that a matrix is singular.
        """
        self._library.null_set_value_read(byte)
