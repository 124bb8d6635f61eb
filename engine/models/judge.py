"""What compares finished pictures with prompts: a perceptor that guided none, or the guides.

A picture is optimized until its guide likes it, so the guide's opinion of it is worth little
(Goodhart's law). A judge took no part.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from engine.models.protocols import Perceptor


@dataclass(frozen=True)
class Judge:
    """Perceptors that compare finished pictures with prompts."""

    name: str
    """Name of the perceptor, or of the models whose guides these are."""
    perceptors: Sequence[Perceptor]
    shares: Sequence[float]
    """Share of each perceptor, in sum 1."""
    device: torch.device
    """Device that they compute on."""
    is_guide: bool
    """True if the perceptors also steer the pictures of these models."""
