"""Where to compute, in what precision, and on how many threads."""

import os
from typing import Any

import torch

from engine.errors import ModelError

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}
"""By the names that settings give them."""


def choose_device(name: str) -> torch.device:
    """The device called `name`; "auto" takes CUDA, else Apple's MPS, else the CPU."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
        torch.Generator(device)
    except (RuntimeError, AssertionError, ImportError) as error:
        # Without CUDA torch asserts, and for some devices it looks for a package.
        raise ModelError(
            f"the device {name!r} is not available here: use auto, cpu, cuda or mps"
        ) from error
    return device


def choose_precision(name: str, device: torch.device, *, gains: bool = True) -> torch.dtype:
    """What layers compute in: `name`, or for "auto" bfloat16 where `device` is made for it.

    Not so for models without `gains` by it. Raises `ModelError` for another name.
    """
    if name == "auto":
        name = "bfloat16" if gains and _is_made_for_halves(device) else "float32"
    if name not in PRECISIONS:
        raise ModelError(f"there is no precision {name!r}: use auto, {' or '.join(PRECISIONS)}")
    return PRECISIONS[name]


def _is_made_for_halves(device: torch.device) -> bool:
    """Whether matrix products in bfloat16 have circuits of their own."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # AMX. With AVX-512 BF16 alone a step took longer than in float32.
    cpu: Any = torch.cpu
    return device.type == "cpu" and cpu._is_amx_tile_supported()


def set_threads(threads: int) -> None:
    """Compute on `threads` threads; 0 leaves it to OMP_NUM_THREADS or else takes all cores."""
    if threads:
        torch.set_num_threads(threads)
    elif "OMP_NUM_THREADS" not in os.environ:
        # Those that this process may use, which in a container can be fewer than there are.
        affinity = getattr(os, "sched_getaffinity", None)
        torch.set_num_threads(len(affinity(0)) if affinity else os.cpu_count() or 1)
