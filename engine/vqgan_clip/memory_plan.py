"""How a step saves memory, at the cost of time. This module needs no torch.

Nearly all memory of a step holds activations for the gradient: those of the decoder, which grow
with the pixels, and those of the perceptors, which grow with the cutouts. Activation checkpointing
(Chen et al., 2016) drops them and computes them again in the backward pass, a few cutouts at a
time. The gradient changes only by rounding, but in the end even rounding makes another picture.
Therefore a run keeps its plan as long as memory allows, through checkpoints too.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class MemoryPlan:
    """What a step keeps in memory for the gradient, and what it computes again."""

    cutout_batch_size: int | None
    """Number of cutouts that are taken and embedded at a time; None for all of them."""
    checkpoint_decoder: bool
    """Whether the decoder's activations are computed again in the backward pass."""

    def __str__(self) -> str:
        parts = []
        if self.cutout_batch_size is not None:
            parts.append(f"{self.cutout_batch_size} cutouts at a time")
        if self.checkpoint_decoder:
            parts.append("the decoder twice")
        return ", ".join(parts) or "everything at once"


PLANS = (
    MemoryPlan(None, checkpoint_decoder=False),
    MemoryPlan(8, checkpoint_decoder=False),
    MemoryPlan(8, checkpoint_decoder=True),
)
"""All plans, from the fastest to the one that needs the least memory."""


def next_plan(plan: MemoryPlan) -> MemoryPlan | None:
    """Return the next plan, which needs less memory; None after the last one."""
    rest = PLANS[PLANS.index(plan) + 1 :]
    return rest[0] if rest else None
