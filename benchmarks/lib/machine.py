"""The machine that a benchmark runs on: its name, its memory and its peak performance."""

import os
import platform
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

LIBRARIES = ("torch", "open_clip_torch", "kornia", "taming-transformers")
WARM_UPS, TRIES = 2, 7
"""Numbers of warm-up calls and of timed calls of an operation that measures the peak."""


@dataclass(frozen=True)
class Peak:
    """Peak performance in one precision, in floating point operations per second."""

    precision: str
    matrices: float
    """Performance of a product of two square matrices."""
    convolution: float
    """Performance of a convolution like those of decoders."""

    @property
    def best(self) -> float:
        """Larger of the two, to which shares relate."""
        return max(self.matrices, self.convolution)


def describe(device: str, command: Sequence[str]) -> str:
    """Describe the command, the machine and the versions in Markdown."""
    import torch

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cores, threads = _cores(), torch.get_num_threads()
    machine = f"{_processor()}, {cores} cores, {threads} threads, {memory / 2**30:.0f} GiB"
    if torch.device(device).type == "cuda":
        machine = f"{torch.cuda.get_device_name(device)}; {machine}"
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"`{' '.join(command)}`\n\n"
        f"Machine: {machine}. Python {platform.python_version()}, {versions}."
    )


def kept_folder() -> Path:
    """Return the folder in which the engine keeps what it measured of this machine."""
    from engine.weights.settings import read_weights_settings

    return read_weights_settings().folder


def kept_precision(name: str, device: "torch.device") -> "torch.dtype":
    """Return the precision that a name means on a device; a CPU is measured once for it."""
    from engine.models.devices import choose_precision

    return choose_precision(name, device, cache=kept_folder())


def peak_memory(device: "torch.device") -> int:
    """Return the peak memory of this process in bytes: resident, or on CUDA reserved by torch."""
    if device.type == "cuda":
        import torch

        return torch.cuda.max_memory_reserved(device)
    # VmHWM is of this process alone; getrusage would include its parent's memory.
    found = re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())
    assert found is not None
    return 1024 * int(found[1])


def weigh(*modules: object) -> int:
    """Return the size of the modules' weights in bytes."""
    return sum(
        parameter.numel() * parameter.element_size()
        for module in modules
        for parameter in module.parameters()  # pyright: ignore[reportAttributeAccessIssue]
    )


def wait_for(device: "torch.device") -> None:
    """Wait until the device has finished all its work."""
    if device.type == "cuda":
        import torch

        torch.cuda.synchronize(device)


def seconds_of(work: Callable[[], object], device: "torch.device") -> float:
    """Return the seconds that `work` takes, including its work on the device."""
    wait_for(device)
    start = time.perf_counter()
    work()
    wait_for(device)
    return time.perf_counter() - start


def measure_peak(device: "torch.device", precision: "torch.dtype") -> Peak:
    """Measure the machine's peak in `precision` as the fastest of a few calls."""
    import torch
    from torch.nn import functional as F

    large = device.type == "cuda"
    side, batch = (8192, 32) if large else (4096, 4)
    matrix = torch.randn(side, side, device=device).to(precision)
    speeds = [2 * side**3 / _fastest(lambda: matrix @ matrix, device)]
    channels, pixels = 256, 128
    images = torch.randn(batch, channels, pixels, pixels, device=device).to(precision)
    kernel = torch.randn(channels, channels, 3, 3, device=device).to(precision)
    images = images.contiguous(memory_format=torch.channels_last)
    kernel = kernel.contiguous(memory_format=torch.channels_last)
    operations = 2 * batch * pixels**2 * channels**2 * 9
    with torch.no_grad():
        speeds.append(operations / _fastest(lambda: F.conv2d(images, kernel, padding=1), device))
    return Peak(str(precision).removeprefix("torch."), *speeds)


def _fastest(work: Callable[[], object], device: "torch.device") -> float:
    for _ in range(WARM_UPS):
        work()
    return min(seconds_of(work, device) for _ in range(TRIES))


def _processor() -> str:
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
