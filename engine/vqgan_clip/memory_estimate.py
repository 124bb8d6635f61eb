"""Memory: whether a run fits, said before it starts and not by the system that kills it.

The estimate is a plain formula. Its figures belong to each pair of models, are measured, and stand
in `engine.models.catalogue`. A run gets the fastest plan by which it fits
(`engine.vqgan_clip.memory_plan`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import psutil

from engine.errors import RecipeError
from engine.models.catalogue import ModelEntry
from engine.recipes.augmentations import supersampling
from engine.recipes.recipe import MAX_SIDE, MIN_SIDE, Recipe
from engine.vqgan_clip.memory_plan import PLANS, Plan

if TYPE_CHECKING:
    from torch import device

_RECOMPUTED = 0.8
"""Share of what the pixels take that stays where the decoder's activations are computed once more:
the borders between its parts, and one part in full. Measured with the paper's pair: 0.72."""
_HALVED = 0.6
"""Share of what pixels and cutouts take that stays in bfloat16. What is kept for the gradient is
half as much, but for towers of many patches on a CPU, which keep the matrices of their attention
and with them up to 0.65. Measured with the paper's pair: 0.49 of what the pixels take, and 0.56
of what the cutouts do."""
_SEEN_BYTES, _SAMPLE_BYTES = 60, 27
"""Per pixel of a cutout, and per sample of the picture that goes into it: the cutout itself, and
what cutting it out keeps and takes beside it, in float32. Measured: with the paper's pair, a sample
to a pixel, 4.4 MB for a cutout of 224 pixels; with the demo pair, 16 samples to a pixel, 2.0 MB for
one of 64 pixels."""
_SHOWN_BYTES = 8
"""Per pixel of the enlarged picture: itself and what enlarging it takes beside it."""


@dataclass(frozen=True)
class Budget:
    """What the models and a run may take together."""

    bytes: int
    halves: bool = False
    """Whether decoder and image towers compute in bfloat16, which takes less of it."""

    def at_most(self, limit: int) -> "Budget":
        """The same, but no more than so many bytes."""
        return Budget(min(self.bytes, limit), self.halves)


def free_budget(entry: ModelEntry, device: "device", precision: str) -> Budget:
    """What models that are not loaded yet, and a run, can take on `device`.

    `precision` is what `engine.models.loading.load_models` takes. Raises `ModelError` for another
    one.
    """
    import torch

    from engine.models.devices import choose_precision

    dtype = choose_precision(precision, device, gains=entry.halves)
    return Budget(available_memory(device), halves=dtype == torch.bfloat16)


def step_memory(
    recipe: Recipe, entry: ModelEntry, plan: Plan = PLANS[0], *, halves: bool = False
) -> int:
    """Estimate the bytes that a run takes at its peak, the models' weights included.

    The decoder's activations grow with the pixels, those of the perceptors with the cutouts. The
    matrices of the decoder's attention are kept only while they are small
    (`engine.models.frozen_layers.attend`). With `halves` decoder and image towers compute in
    bfloat16.
    """
    return _memory_of(recipe.width * recipe.height, recipe, entry, plan, halves)


def fixed_memory(entry: ModelEntry, *, halves: bool = False) -> int:
    """Estimate the bytes that loaded models take whatever is painted."""
    return round(entry.memory.fixed - (entry.memory.lowered / 2 if halves else 0))


def shared_step_memory(
    recipe: Recipe, entry: ModelEntry, plan: Plan, *, halves: bool = False
) -> int:
    """Estimate the bytes that a run takes at its peak in a step with others, beside the models."""
    return step_memory(recipe, entry, plan, halves=halves) - fixed_memory(entry, halves=halves)


def _memory_of(pixels: int, recipe: Recipe, entry: ModelEntry, plan: Plan, halves: bool) -> int:
    """What a run takes that is as `recipe` says, but for its size."""
    memory = entry.memory
    at_once = min(recipe.cutouts, plan.cutouts_at_once or recipe.cutouts)
    activations = memory.per_cutout * at_once
    activations += memory.per_pixel * pixels * (_RECOMPUTED if plan.recomputes else 1)
    views = recipe.cutouts * sum(_view_memory(pixels, side, recipe) for side in memory.view_sides)
    shown = pixels * recipe.enlarge**2 * _SHOWN_BYTES
    halved = _HALVED if halves else 1
    return fixed_memory(entry, halves=halves) + round(activations * halved + views + shown)


def _view_memory(pixels: int, side: int, recipe: Recipe) -> int:
    """What cutting a square of `side` pixels out of a picture takes."""
    samples = supersampling(sqrt(pixels), side, recipe.augmentations) ** 2
    return side**2 * (_SEEN_BYTES + samples * _SAMPLE_BYTES)


def choose_plan(recipe: Recipe, entry: ModelEntry, budget: Budget) -> Plan:
    """The fastest plan by which a run fits into `budget`.

    Raises `RecipeError`, naming the largest square that fits, if it fits by none.
    """

    def needed(plan: Plan, pixels: int = recipe.width * recipe.height) -> int:
        return _memory_of(pixels, recipe, entry, plan, budget.halves)

    plan = next((plan for plan in PLANS if needed(plan) <= budget.bytes), None)
    if plan is not None:
        return plan
    sides = range(MAX_SIDE - MAX_SIDE % entry.factor, MIN_SIDE - 1, -entry.factor)
    side = next((side for side in sides if needed(PLANS[-1], side**2) <= budget.bytes), None)
    way_out = "no size fits" if side is None else f"at most {side}x{side} fits"
    raise RecipeError(
        f"{recipe.width}x{recipe.height} pixels with {recipe.cutouts} cutouts need about "
        f"{_gigabytes(needed(PLANS[-1]))} of memory, and {_gigabytes(budget.bytes)} are free: "
        f"{way_out}"
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
