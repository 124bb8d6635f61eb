"""Plans: how a step of a run saves memory, at the cost of time. No torch in here.

What a step takes is nearly all for the gradient: the activations of the decoder, which grow with
the pixels, and those of the perceptors, which grow with the cutouts. They can be forgotten and
computed once more when the gradient comes by (activation checkpointing; Chen et al., 2016), some
cutouts after the others. That changes the gradient by no more than rounding, but the rounding is
enough to make another picture in the end: a run keeps its plan wherever memory allows, over
checkpoints too.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """How a step is computed."""

    cutouts_at_once: int | None
    """How many cutouts' activations are held at a time; None for all of them."""
    recomputes: bool
    """Whether the decoder's activations are computed once more for the gradient."""

    def __str__(self) -> str:
        parts = []
        if self.cutouts_at_once is not None:
            parts.append(f"{self.cutouts_at_once} cutouts at a time")
        if self.recomputes:
            parts.append("the decoder twice")
        return ", ".join(parts) or "everything at once"


PLANS = (
    Plan(None, recomputes=False),
    Plan(8, recomputes=False),
    Plan(8, recomputes=True),
)
"""From the fastest to the one that takes the least memory."""


def after(plan: Plan) -> Plan | None:
    """The next plan, which takes less memory; None after the last."""
    rest = PLANS[PLANS.index(plan) + 1 :]
    return rest[0] if rest else None
