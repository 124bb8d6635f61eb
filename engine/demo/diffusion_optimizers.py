"""Optimizers that train the demo diffusion models."""

from typing import Any

import torch
from torch import Tensor, nn

from engine.glide.unet import UNet

MATRIX_RATE, OTHER_RATE = 0.012, 1.5e-3
"""Learning rates of the blocks' matrices, with Muon (Jordan et al., 2024), and of all other
weights, with AdamW. At 0.02 and 2e-3, the loss after 300 steps was 0.49; with AdamW alone, 0.66."""
WEIGHT_DECAY = 0.01


class Optimizers:
    """Muon for the matrices of a UNet's blocks, and AdamW for its other weights.

    Muon knows only matrices, so it gets convolutions as matrices with a row for each output, which
    share their memory with the weights.
    """

    def __init__(self, model: UNet) -> None:
        """Take all weights that require a gradient."""
        named = [(name, weights) for name, weights in model.named_parameters()]
        named = [(name, weights) for name, weights in named if weights.requires_grad]
        blocks = ("input_blocks", "middle_block", "output_blocks")
        # The first convolution of all is no matrix of a block: it sees colors.
        inner = [n.startswith(blocks) and n != "input_blocks.0.0.weight" for n, _ in named]
        chosen = [each and w.dim() > 1 for each, (_, w) in zip(inner, named, strict=True)]
        self._weights = [w for each, (_, w) in zip(chosen, named, strict=True) if each]
        others = [w for each, (_, w) in zip(chosen, named, strict=True) if not each]
        self._matrices = [nn.Parameter(_rows_first(w.data).view(len(w), -1)) for w in self._weights]
        self._muon = torch.optim.Muon(
            self._matrices, MATRIX_RATE, weight_decay=WEIGHT_DECAY, momentum=0.95
        )
        self._adam = torch.optim.AdamW(
            others, OTHER_RATE, betas=(0.9, 0.99), weight_decay=WEIGHT_DECAY, fused=True
        )

    def step(self, rate: float) -> None:
        """Change the weights by their gradients, at a share `rate` of the learning rates."""
        for weights, matrix in zip(self._weights, self._matrices, strict=True):
            if weights.grad is not None:
                matrix.grad = _rows_first(weights.grad).reshape(len(weights), -1)
        pairs = ((self._muon, MATRIX_RATE), (self._adam, OTHER_RATE))
        for optimizer, highest in pairs:
            optimizer.param_groups[0]["lr"] = rate * highest
            optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        """Return what the optimizers remember."""
        return {"muon": self._muon.state_dict(), "adam": self._adam.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self._muon.load_state_dict(state["muon"])
        self._adam.load_state_dict(state["adam"])


def _rows_first(weights: Tensor) -> Tensor:
    """Return weights (outputs, ...) in the order of their memory, where channels come last."""
    return weights.permute(0, 2, 3, 1) if weights.dim() == 4 else weights
