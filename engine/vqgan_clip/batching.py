"""Which runs can share a step. The step itself is `engine.vqgan_clip.loop.step`."""

from engine.vqgan_clip.loop import Run


def can_batch(a: Run, b: Run) -> bool:
    """Return True if two runs have the same models, canvas, edges and memory plan.

    Prompts, seeds, cutouts, edits and the steps taken may differ.
    """
    same_canvas = (a.recipe.width, a.recipe.height) == (b.recipe.width, b.recipe.height)
    same_edges = a.tile == b.tile
    return same_canvas and same_edges and a.models is b.models and a.plan == b.plan
