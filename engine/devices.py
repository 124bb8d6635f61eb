"""Where to compute, and on how many threads."""

import os

import torch

from engine.errors import ModelError


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


def set_threads(threads: int) -> None:
    """Compute on `threads` threads; 0 leaves it to OMP_NUM_THREADS or else takes all cores."""
    if threads:
        torch.set_num_threads(threads)
    elif "OMP_NUM_THREADS" not in os.environ:
        # Those that this process may use, which in a container can be fewer than there are.
        affinity = getattr(os, "sched_getaffinity", None)
        torch.set_num_threads(len(affinity(0)) if affinity else os.cpu_count() or 1)
