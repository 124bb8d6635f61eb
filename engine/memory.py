"""Memory: whether a run fits, said before it starts and not by the system that kills it.

The estimate is a plain formula. Its four figures belong to each pair of models, are measured,
and stand in `engine.catalogue`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil

from engine.catalogue import ModelEntry
from engine.errors import RecipeError
from engine.recipe import MAX_SIDE, MIN_SIDE, Recipe

if TYPE_CHECKING:
    from torch import device

_FLOAT_BYTES = 4
_SHOWN_BYTES = 8
"""Per pixel of the enlarged picture: itself and what enlarging it takes beside it."""


def step_memory(recipe: Recipe, entry: ModelEntry) -> int:
    """Estimate the bytes that a run takes at its peak, the models' weights included.

    The decoder's activations grow with the pixels, those of the perceptors with the cutouts, and
    the attention with the square of the latent cells.
    """
    memory = entry.memory
    pixels = recipe.width * recipe.height
    cells = pixels // entry.factor**2
    attention = memory.attention_matrices * cells**2 * _FLOAT_BYTES
    shown = pixels * recipe.enlarge**2 * _SHOWN_BYTES
    return round(
        memory.fixed
        + memory.per_pixel * pixels
        + memory.per_cutout * recipe.cutouts
        + attention
        + shown
    )


def check_memory(recipe: Recipe, entry: ModelEntry, device: "device") -> None:
    """Raise `RecipeError`, naming the largest square that fits, if a run takes too much memory."""
    needed, available = step_memory(recipe, entry), available_memory(device)
    if needed <= available:
        return
    sides = range(MAX_SIDE - MAX_SIDE % entry.factor, MIN_SIDE - 1, -entry.factor)
    squares = (replace(recipe, width=side, height=side) for side in sides)
    fitting = next((s.width for s in squares if step_memory(s, entry) <= available), None)
    way_out = "no size fits" if fitting is None else f"at most {fitting}x{fitting} fits"
    raise RecipeError(
        f"{recipe.width}x{recipe.height} pixels with {recipe.cutouts} cutouts need about "
        f"{_gigabytes(needed)} of memory, and {_gigabytes(available)} are free: {way_out}"
    )


def available_memory(device: "device") -> int:
    """Bytes that a run on `device` can take without anything being swapped out or killed."""
    if device.type == "cuda":
        import torch

        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available


@contextmanager
def running_out_is_an_error(recipe: Recipe) -> Iterator[None]:
    """Turn torch's ways of saying that memory ran out into a `RecipeError`."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        # On the CPU torch raises a plain RuntimeError, on CUDA an OutOfMemoryError.
        if not isinstance(error, MemoryError) and not _tells_of_memory(str(error)):
            raise
        raise RecipeError(
            f"{recipe.width}x{recipe.height} pixels with {recipe.cutouts} cutouts took more memory "
            "than there is: choose a smaller size"
        ) from error


def _tells_of_memory(message: str) -> bool:
    return "allocate memory" in message or "out of memory" in message


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
