"""The optimizer of the demo models: Muon for matrices, AdamW for all other weights.

Muon (Jordan et al., 2024) makes the update of each matrix orthogonal, so that all its directions
are learned at the same pace. `docs/scenes.md` compares it with AdamW alone.
"""

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

MATRIX_RATE = 10.0
"""Learning rate of Muon, in units of AdamW's."""
MATRIX_DECAY, DECAY = 0.05, 0.02
BETAS = 0.9, 0.98
LARGEST_NORM = 1.0
"""Norm of all gradients above which they are scaled down."""
WARM_UP = 0.03
"""Share of a training in which the learning rate rises; after that it falls along half a cosine."""


class Optimizer:
    """Muon and AdamW behind one interface.

    Args:
        named: Names and parameters, as `nn.Module.named_parameters` gives them.
        learning_rate: Highest learning rate of AdamW.
    """

    def __init__(self, named: Iterable[tuple[str, nn.Parameter]], learning_rate: float) -> None:
        self.parameters: list[nn.Parameter] = []
        self._matrices: list[tuple[nn.Parameter, Tensor]] = []
        others: list[nn.Parameter] = []
        for name, parameter in named:
            self.parameters.append(parameter)
            if parameter.dim() in (2, 4) and "embedding" not in name:
                self._matrices.append((parameter, _matrix(parameter.detach())))
            else:
                others.append(parameter)
        self._rate = learning_rate
        self._muon = torch.optim.Muon(
            [matrix for _, matrix in self._matrices],
            MATRIX_RATE * learning_rate,
            weight_decay=MATRIX_DECAY,
        )
        self._adam = torch.optim.AdamW(others, learning_rate, betas=BETAS, weight_decay=DECAY)

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def step(self, factor: float) -> None:
        """Take a step with the highest learning rates times `factor`."""
        nn.utils.clip_grad_norm_(self.parameters, LARGEST_NORM)
        for parameter, matrix in self._matrices:
            matrix.grad = None if parameter.grad is None else _matrix(parameter.grad)
        for optimizer, rate in ((self._muon, MATRIX_RATE * self._rate), (self._adam, self._rate)):
            for group in optimizer.param_groups:
                group["lr"] = factor * rate
            optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        """Return all that changes but the parameters."""
        return {"muon": self._muon.state_dict(), "adam": self._adam.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state."""
        self._muon.load_state_dict(state["muon"])
        self._adam.load_state_dict(state["adam"])


def rate_factor(progress: float) -> float:
    """Return the learning rate at a `progress` in [0, 1] as a share of the highest."""
    if progress < WARM_UP:
        return max(progress / WARM_UP, 0.02)
    return 0.02 + 0.98 * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP))) / 2


def _matrix(weights: Tensor) -> Tensor:
    """Return weights as a matrix with a row for each output, without a copy where possible."""
    if weights.dim() == 4 and weights.is_contiguous(memory_format=torch.channels_last):
        weights = weights.permute(0, 2, 3, 1)
    return weights.flatten(1)
