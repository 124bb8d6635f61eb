"""The memory of a device, and what models take of it, whatever paints.

`engine.vqgan_clip.memory_estimate` adds what a run of VQGAN-CLIP takes.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from engine.models.memory_limits import usable_memory
from engine.models.model_entry import ModelEntry
from engine.models.painter_entry import PainterEntry

if TYPE_CHECKING:
    from torch import device

CUDA_SHARE = 0.9
"""Share of a CUDA device's memory that is planned with. The rest is for the work spaces of cuDNN,
which vary with the device, and for gaps in the allocator's blocks."""


@dataclass(frozen=True)
class Budget:
    """The memory for the models and a run together."""

    bytes: int
    """Number of bytes."""
    is_bf16: bool = False
    """Whether decoder and image towers compute in bfloat16, which needs less."""
    is_cuda: bool = False
    """Whether it is the memory of a CUDA device, where runs need less."""

    def capped(self, limit: int) -> "Budget":
        """Return the budget, reduced to at most `limit` bytes."""
        return replace(self, bytes=min(self.bytes, limit))


def free_budget(entry: ModelEntry | PainterEntry, device: "device", precision: str) -> Budget:
    """Return the memory that `device` has for models that are not loaded yet, and a run.

    `precision` is an argument of `engine.models.loading.load_models`. Raises `ModelError` for an
    unknown one.
    """
    import torch

    from engine.models.devices import choose_precision

    dtype = choose_precision(precision, device, gains=entry.halves, cache=entry.cache)
    is_cuda = device.type == "cuda"
    free = available_memory(device) * (CUDA_SHARE if is_cuda else 1)
    return Budget(round(free), is_bf16=dtype == torch.bfloat16, is_cuda=is_cuda)


def available_memory(device: "device") -> int:
    """Return the bytes that a run on `device` can use without swapping or being killed."""
    if device.type == "cuda":
        import torch

        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + cached  # torch uses its cache again
    return usable_memory()


def estimate_fixed(
    entry: ModelEntry | PainterEntry, *, is_bf16: bool = False, is_cuda: bool = False
) -> int:
    """Estimate the bytes that the loaded models take, independently of the recipe."""
    memory = entry.memory
    if is_cuda and isinstance(entry, ModelEntry):
        memory = entry.cuda_memory
    return round(memory.fixed - (memory.bf16_bytes / 2 if is_bf16 else 0))


def is_out_of_memory(error: MemoryError | RuntimeError) -> bool:
    """Return True if torch reports by `error` that memory ran out."""
    # On the CPU torch raises a plain RuntimeError, on CUDA an OutOfMemoryError.
    message = str(error)
    reported = "allocate memory" in message or "out of memory" in message
    return reported or isinstance(error, MemoryError)
