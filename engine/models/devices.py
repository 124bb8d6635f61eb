"""Choose the device, the precision and the number of threads."""

import os
from collections.abc import Iterable
from pathlib import Path

import torch

from engine.errors import ModelError
from engine.models.calibration import (
    are_onednn_products_faster,
    is_bf16_faster,
    is_faster_on,
)
from engine.models.model_entry import ModelEntry
from engine.models.painter_entry import PainterEntry
from engine.models.processor import count_cores, usable_cpus

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
"""Precisions by their names in the settings."""


def choose_device(name: str) -> torch.device:
    """Return the device called `name`; "auto" prefers CUDA, then Apple's MPS, then the CPU.

    Raises:
        ModelError: The device is not available.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
        torch.Generator(device)
    except (RuntimeError, AssertionError, ImportError) as error:
        # Without CUDA torch raises AssertionError, and some devices need a missing package.
        raise ModelError(
            f"the device {name!r} is not available here: use auto, cpu, cuda or mps"
        ) from error
    return device


def make_of(device: torch.device) -> str:
    """Return the make of a device: devices of one make paint the same bytes."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def choose_precision(
    name: str, device: torch.device, *, gains: bool = True, cache: Path | None = None
) -> torch.dtype:
    """Return the data type that layers compute in.

    Args:
        name: "float32", "bfloat16", or "auto" for the faster one on `device`.
        device: Device that computes. A CPU is measured for "auto", once per machine.
        gains: Whether the models can gain from bfloat16 at all; if not, nothing is measured.
        cache: Folder for the result of the measurement, as for `calibration.is_bf16_faster`.

    Raises:
        ModelError: There is no such precision.
    """
    if name == "auto":
        name = "bfloat16" if gains and _is_bf16_faster(device, cache) else "float32"
    if name not in PRECISIONS:
        raise ModelError(f"there is no precision {name!r}: use auto, {' or '.join(PRECISIONS)}")
    return PRECISIONS[name]


def choose_onednn_products(
    device: torch.device, dtype: torch.dtype, *, gains: bool = True, cache: Path | None = None
) -> bool:
    """Return True if oneDNN should compute the products of image towers.

    Torch decides for itself on other devices than a CPU and in other precisions than float32. A CPU
    is measured once per machine, unless the models are so small that they do not gain.

    Args:
        device: Device that computes.
        dtype: Precision of the image towers.
        gains: Whether the models can gain from a faster way at all; if not, nothing is measured.
        cache: Folder for the result of the measurement, as for `calibration.is_bf16_faster`.
    """
    is_measured = gains and device.type == "cpu" and dtype == torch.float32
    return is_measured and are_onednn_products_faster(cache)


def precision_name(dtype: torch.dtype) -> str:
    """Return the name of a data type, as in `PRECISIONS`."""
    return str(dtype).removeprefix("torch.")


def _is_bf16_faster(device: torch.device, cache: Path | None) -> bool:
    """Return True if the device computes faster in bfloat16: GPUs by their make, CPUs measured."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and is_bf16_faster(cache)


def set_threads(threads: int, share: int = 1) -> None:
    """Compute on `threads` threads; 0 means OMP_NUM_THREADS if it is set, else all processors.

    If `share` painters compute at the same time, each gets as many of all processors as others.
    """
    if threads:
        torch.set_num_threads(threads)
    elif "OMP_NUM_THREADS" not in os.environ:
        # Count those that this process may use, in a container fewer than there are.
        torch.set_num_threads(max(1, len(usable_cpus()) // share))


def set_measured_threads(
    threads: int,
    device: torch.device,
    precision: str,
    entries: Iterable[ModelEntry | PainterEntry],
    share: int = 1,
) -> None:
    """Set the number of threads, and drop hyperthreads where a CPU is faster without them.

    That is measured once per machine, if `threads` is 0 and `precision` "auto" for any of `entries`
    whose precision is measured too; else it is `set_threads`. If `share` painters compute at the
    same time, nothing is measured.
    """
    set_threads(threads, share)
    is_given = share > 1 or threads or precision != "auto" or "OMP_NUM_THREADS" in os.environ
    caches = [each.cache for each in entries if each.halves]
    if is_given or device.type != "cpu" or not caches:
        return
    cores = count_cores(usable_cpus())
    if cores < torch.get_num_threads() and is_faster_on(cores, caches[0]):
        torch.set_num_threads(cores)
