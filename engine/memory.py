"""Memory: whether a run fits, said before it starts and not by the system that kills it.

The estimate is a plain formula. Its four figures belong to each pair of models, are measured,
and stand in `engine.catalogue`. A run gets the fastest plan by which it fits (`engine.plan`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil

from engine.catalogue import ModelEntry
from engine.errors import RecipeError
from engine.plan import PLANS, Plan
from engine.recipe import MAX_SIDE, MIN_SIDE, Recipe

if TYPE_CHECKING:
    from torch import device

_FLOAT_BYTES = 4
_KEPT = 0.4
"""Share of what pixels and cutouts take that stays where activations are computed once more: the
borders between the parts, and one part in full. Measured with the paper's pair: 0.37 of what the
pixels take."""
_HALVED = 0.75
"""Share of the activations that stays in bfloat16: what is outside the layers has 32 bits."""
_SHOWN_BYTES = 8
"""Per pixel of the enlarged picture: itself and what enlarging it takes beside it."""


def step_memory(recipe: Recipe, entry: ModelEntry, plan: Plan = PLANS[0]) -> int:
    """Estimate the bytes that a run takes at its peak, the models' weights included.

    The decoder's activations grow with the pixels, those of the perceptors with the cutouts, and
    the attention with the square of the latent cells.
    """
    return _memory_of(recipe.width * recipe.height, recipe, entry, plan)


def shared_step_memory(recipe: Recipe, entry: ModelEntry, plan: Plan) -> int:
    """Estimate the bytes that a run takes at its peak in a step with others, beside the weights."""
    return step_memory(recipe, entry, plan) - round(entry.memory.fixed)


def _memory_of(pixels: int, recipe: Recipe, entry: ModelEntry, plan: Plan) -> int:
    """What a run takes that is as `recipe` says, but for its size."""
    memory = entry.memory
    cells = pixels // entry.factor**2
    at_once = min(recipe.cutouts, plan.cutouts_at_once or recipe.cutouts)
    cutouts = at_once + _KEPT * (recipe.cutouts - at_once)
    activations = memory.per_cutout * cutouts
    activations += memory.per_pixel * pixels * (_KEPT if plan.recomputes else 1)
    attention = memory.attention_matrices * cells**2 * _FLOAT_BYTES
    shown = pixels * recipe.enlarge**2 * _SHOWN_BYTES
    halved = _HALVED if plan.halves else 1
    return round(memory.fixed + activations * halved + attention + shown)


def choose_plan(recipe: Recipe, entry: ModelEntry, memory: int) -> Plan:
    """The fastest plan by which a run fits into `memory` bytes.

    Raises `RecipeError`, naming the largest square that fits, if it fits by none.
    """
    fitting = (plan for plan in PLANS if step_memory(recipe, entry, plan) <= memory)
    plan = next(fitting, None)
    if plan is not None:
        return plan
    sides = range(MAX_SIDE - MAX_SIDE % entry.factor, MIN_SIDE - 1, -entry.factor)
    fits = (side for side in sides if _memory_of(side**2, recipe, entry, PLANS[-1]) <= memory)
    side = next(fits, None)
    way_out = "no size fits" if side is None else f"at most {side}x{side} fits"
    needed = step_memory(recipe, entry, PLANS[-1])
    raise RecipeError(
        f"{recipe.width}x{recipe.height} pixels with {recipe.cutouts} cutouts need about "
        f"{_gigabytes(needed)} of memory, and {_gigabytes(memory)} are free: {way_out}"
    )


def available_memory(device: "device") -> int:
    """Bytes that a run on `device` can take without anything being swapped out or killed."""
    if device.type == "cuda":
        import torch

        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + kept  # what torch keeps for its next use
    return psutil.virtual_memory().available


@contextmanager
def running_out_is_an_error(recipe: Recipe) -> Iterator[None]:
    """Turn torch's ways of saying that memory ran out into a `RecipeError`."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not tells_of_memory(error):
            raise
        raise RecipeError(
            f"{recipe.width}x{recipe.height} pixels with {recipe.cutouts} cutouts took more memory "
            "than there is: choose a smaller size"
        ) from error


def tells_of_memory(error: MemoryError | RuntimeError) -> bool:
    """Whether it is torch's way of saying that memory ran out."""
    # On the CPU torch raises a plain RuntimeError, on CUDA an OutOfMemoryError.
    message = str(error)
    told = "allocate memory" in message or "out of memory" in message
    return told or isinstance(error, MemoryError)


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
