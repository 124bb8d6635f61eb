"""Estimate a run's peak memory, so that it is refused with a reason instead of being killed.

The estimate is a plain formula. Its figures are measured for each pair of models, see
`engine.models.catalogue`; `engine.vqgan_clip.cuda_memory` has the formula for CUDA. A run gets the
fastest memory plan with which it fits (`engine.vqgan_clip.memory_plan`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod, sqrt

from engine.errors import RecipeError
from engine.models.memory import Budget, estimate_fixed, is_out_of_memory
from engine.models.model_entry import ModelEntry
from engine.recipes.augmentations import supersampling
from engine.recipes.checks import MAX_SIDE, MIN_SIDE
from engine.recipes.kinds import AnyRecipe
from engine.recipes.recipe import Recipe
from engine.text import Text
from engine.vqgan_clip.cuda_memory import estimate_activations, estimate_pool
from engine.vqgan_clip.memory_plan import PLANS, MemoryPlan

_CHECKPOINTED = 0.8
"""Share of the pixels' memory that remains with a checkpointed decoder: the inputs of its parts,
and the activations of one part. Measured with the paper's pair: 0.72."""
_BF16 = 0.6
"""Share of the pixels' and cutouts' memory that remains in bfloat16. Activations take half, except
for vision transformers with many patches on a CPU, which keep their attention matrices and with
them up to 0.65. Measured with the paper's pair: 0.49 for pixels, 0.56 for cutouts."""
_VIEW_BYTES, _SAMPLE_BYTES = 60, 27
"""Bytes per pixel of a cutout, and per sample of the picture that goes into it: the cutout in
float32, and what its resampling needs. Measured: 4.4 MB for a cutout of 224 pixels with one sample
per pixel, and 2.0 MB for one of 64 pixels with 16 samples per pixel."""
_CLIP_BYTES = 400
"""Bytes per pixel of what a restyled clip keeps of its frames: two constraints with the weights of
their palettes, the flow between two frames, and the frames themselves."""
_OUTPUT_BYTES = 8
"""Bytes per pixel of the enlarged picture: the picture, and what its enlargement needs."""
_LARGE_BYTES = 40
"""Bytes per pixel of the large picture of an enlargement: it and its source in bytes, and for a
moment in float32, with what placing a tile and rounding need."""


def estimate_run(
    recipe: Recipe,
    entry: ModelEntry,
    plan: MemoryPlan,
    *,
    is_bf16: bool = False,
    is_cuda: bool = False,
) -> int:
    """Estimate the bytes that a run takes at its peak, without those of the models."""
    return _estimate_run(recipe.width * recipe.height, recipe, entry, plan, is_bf16, is_cuda)


def estimate_graph(
    recipe: Recipe, entry: ModelEntry, plan: MemoryPlan, *, is_bf16: bool = False
) -> int:
    """Estimate the bytes that the CUDA graph of a run's step keeps, without those of the models."""
    run = estimate_run(recipe, entry, plan, is_bf16=is_bf16, is_cuda=True)
    return round(estimate_pool(run))


def estimate_peak(
    recipe: Recipe,
    entry: ModelEntry,
    plan: MemoryPlan = PLANS[0],
    *,
    is_bf16: bool = False,
    is_cuda: bool = False,
) -> int:
    """Estimate the bytes that the models and a run take together at its peak."""
    run = estimate_run(recipe, entry, plan, is_bf16=is_bf16, is_cuda=is_cuda)
    return estimate_fixed(entry, is_bf16=is_bf16, is_cuda=is_cuda) + run


def _estimate_run(
    pixels: int, recipe: Recipe, entry: ModelEntry, plan: MemoryPlan, is_bf16: bool, is_cuda: bool
) -> int:
    """Estimate a run like `recipe`, but with another number of pixels."""
    of_clip = 0 if recipe.clip is None else pixels * _CLIP_BYTES
    if is_cuda:
        memory = entry.cuda_memory
        activations = estimate_activations(pixels, recipe, memory, plan, is_bf16=is_bf16)
        return round(of_clip + activations + _large_bytes(recipe))
    memory = entry.memory
    # The decoder's activations grow with the pixels, the perceptors' with the cutouts.
    batch = min(recipe.cutouts, plan.cutout_batch_size or recipe.cutouts)
    activations = memory.per_cutout * batch
    activations += memory.per_pixel * pixels * (_CHECKPOINTED if plan.checkpoint_decoder else 1)
    activations *= _BF16 if is_bf16 else 1
    views = recipe.cutouts * sum(_view_bytes(pixels, side, recipe) for side in memory.view_sides)
    shown = pixels if recipe.enlargement is None else prod(recipe.size)
    output = shown * recipe.enlarge**2 * _OUTPUT_BYTES
    return round(of_clip + activations + views + output + _large_bytes(recipe))


def _large_bytes(recipe: Recipe) -> int:
    """Estimate the bytes that an enlargement takes beside its tile."""
    return 0 if recipe.enlargement is None else prod(recipe.size) * _LARGE_BYTES


def _view_bytes(pixels: int, side: int, recipe: Recipe) -> int:
    """Estimate the bytes of cutting a square of `side` pixels out of a picture."""
    samples = supersampling(sqrt(pixels), side, recipe.augmentations) ** 2
    return side**2 * (_VIEW_BYTES + samples * _SAMPLE_BYTES)


def choose_plan(recipe: Recipe, entry: ModelEntry, budget: Budget) -> MemoryPlan:
    """Return the fastest plan with which a run fits into `budget`.

    Raises `RecipeError`, with the largest square that fits, if it fits with none.
    """
    fixed = estimate_fixed(entry, is_bf16=budget.is_bf16, is_cuda=budget.is_cuda)

    def needed(plan: MemoryPlan, pixels: int = recipe.width * recipe.height) -> int:
        run = _estimate_run(pixels, recipe, entry, plan, budget.is_bf16, budget.is_cuda)
        return fixed + run

    plan = next((plan for plan in PLANS if needed(plan) <= budget.bytes), None)
    if plan is not None:
        return plan
    sides = range(MAX_SIDE - MAX_SIDE % entry.factor, MIN_SIDE - 1, -entry.factor)
    side = next((side for side in sides if needed(PLANS[-1], side**2) <= budget.bytes), None)
    fitting = Text("no size fits")
    if side is not None:
        fitting = Text("at most {size} fits", size=f"{side}x{side}")
    raise RecipeError(
        "{size} pixels with {cutouts} cutouts need about {needed} of memory, and {free} are free: "
        "{fitting}",
        size=f"{recipe.width}x{recipe.height}",
        cutouts=recipe.cutouts,
        needed=_gigabytes(needed(PLANS[-1])),
        free=_gigabytes(budget.bytes),
        fitting=fitting,
    )


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"


@contextmanager
def oom_as_recipe_error(recipe: AnyRecipe) -> Iterator[None]:
    """Turn the errors by which torch reports that memory ran out into a `RecipeError`."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        if not isinstance(recipe, Recipe):
            raise RecipeError(
                "more memory than there is was needed by {painter}: choose another painter",
                painter=recipe.shown_name,
            ) from error
        raise RecipeError(
            "{size} pixels with {cutouts} cutouts took more memory than there is: choose a "
            "smaller size",
            size=f"{recipe.width}x{recipe.height}",
            cutouts=recipe.cutouts,
        ) from error
