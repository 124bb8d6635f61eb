"""Estimate the peak of torch's allocator on CUDA, where memory is given back at once.

A step has two peaks. When the gradient of the perceptors begins, all that decoder, cutouts and
perceptors keep for it is in memory. Later the cutouts are gone, and the gradient of the decoder's
largest layers comes on top of what the decoder keeps. `engine.vqgan_clip.memory_estimate` has the
figures of a CPU, whose memory the C library keeps longer.

The figures are fitted to the allocator's peaks in steps of the paper's and of the demo pair, for
sides of 64 to 1,024 pixels, 8 to 256 cutouts, both precisions and all memory plans.
"""

from math import sqrt

from engine.models.model_entry import CUDA_LIBRARIES, RunMemory
from engine.recipes.augmentations import supersampling
from engine.recipes.recipe import Recipe
from engine.vqgan_clip.memory_plan import MemoryPlan

_BF16 = 0.5
"""Share of the activations' memory that remains in bfloat16."""
_DECODER_GRADIENT = 1.3
"""Peak of the decoder's gradient, as a multiple of what the decoder keeps for it."""
_CHECKPOINTED, _CHECKPOINTED_GRADIENT = 0.6, 0.99
"""Multiples of the same memory that a checkpointed decoder keeps, and that its gradient takes."""
_VIEW_BYTES, _SAMPLE_BYTES = 27, 26
"""Bytes per pixel of a cutout, and per sample of the picture that goes into it."""
_NOISE_BYTES = 12
"""Bytes per pixel of the noise of a cutout that is taken in its turn, and again."""
_MARGIN = 1.05
"""Factor for what the formula leaves out, such as the wrapped edges of a tile: up to 2 %."""
_POOL_GAPS, _POOL_BLOCKS = 1.25, 40e6
"""Factor for gaps between the blocks of a graph's memory, and bytes of blocks that it begins. The
pools of the same steps take 0.98 to 1.49 times as much as activations and work space."""


def estimate_activations(
    pixels: int, recipe: Recipe, memory: RunMemory, plan: MemoryPlan, *, is_bf16: bool
) -> float:
    """Estimate the bytes of a step of a run like `recipe`, but with another number of pixels."""
    share = _BF16 if is_bf16 else 1.0
    decoder = memory.per_pixel * pixels * share
    kept, gradient = 1.0, _DECODER_GRADIENT
    if plan.checkpoint_decoder:
        kept, gradient = _CHECKPOINTED, _CHECKPOINTED_GRADIENT
    batch = min(recipe.cutouts, plan.cutout_batch_size or recipe.cutouts)
    perceptors = batch * memory.per_cutout * share
    for side in memory.view_sides:
        samples = supersampling(sqrt(pixels), side, recipe.augmentations) ** 2
        perceptors += batch * side**2 * (_VIEW_BYTES + samples * _SAMPLE_BYTES)
        if plan.cutout_batch_size is not None:
            perceptors += recipe.cutouts * side**2 * _NOISE_BYTES
    return _MARGIN * max(kept * decoder + perceptors, gradient * decoder)


def estimate_pool(activations: float) -> float:
    """Estimate the bytes that a CUDA graph keeps of a step with these activations, in bytes.

    The graph's memory is its own, as long as the graph is there, and holds another work space of
    matrix products.
    """
    return _POOL_GAPS * (activations + CUDA_LIBRARIES) + _POOL_BLOCKS
