"""The optimizer of demo models: Muon for matrices, AdamW for all other weights.

Muon (Jordan et al., 2024) makes the update of each matrix orthogonal, so that all its directions
are learned at the same pace. `docs/scenes.md` compares it with AdamW alone.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

MATRIX_FACTOR = 10.0
"""Usual learning rate of Muon, in units of AdamW's."""
LARGEST_NORM = 1.0
"""Norm of all gradients above which they are scaled down."""
WARM_UP = 0.03
"""Share of a training in which the learning rate rises; after that it falls along half a cosine."""


def is_no_embedding(name: str) -> bool:
    """Return if a parameter's name is not that of a table, whose rows are no directions."""
    return "embedding" not in name


class Optimizer:
    """Muon and AdamW behind one interface.

    Args:
        named: Names and parameters, as `nn.Module.named_parameters` gives them.
        matrix_rate: Highest learning rate of Muon.
        other_rate: Highest learning rate of AdamW.
        matrix_decay: Weight decay of Muon.
        other_decay: Weight decay of AdamW.
        betas: Decays of AdamW's moments.
        is_matrix: Tells by the name which of the parameters with rows and columns Muon gets. A
            convolution is a matrix with a row for each output.
    """

    def __init__(
        self,
        named: Iterable[tuple[str, nn.Parameter]],
        *,
        matrix_rate: float,
        other_rate: float,
        matrix_decay: float = 0.05,
        other_decay: float = 0.02,
        betas: tuple[float, float] = (0.9, 0.98),
        is_matrix: Callable[[str], bool] = is_no_embedding,
    ) -> None:
        self.parameters: list[nn.Parameter] = []
        self._matrices: list[tuple[nn.Parameter, Tensor]] = []
        others: list[nn.Parameter] = []
        for name, parameter in named:
            self.parameters.append(parameter)
            if parameter.dim() > 1 and parameter[0].numel() > 1 and is_matrix(name):
                self._matrices.append((parameter, _matrix(parameter.detach())))
            else:
                others.append(parameter)
        self._muon = torch.optim.Muon(
            [matrix for _, matrix in self._matrices], matrix_rate, weight_decay=matrix_decay
        )
        self._adam = torch.optim.AdamW(
            others, other_rate, betas=betas, weight_decay=other_decay, fused=True
        )
        self._rates = ((self._muon, matrix_rate), (self._adam, other_rate))

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def step(self, factor: float) -> None:
        """Take a step with the highest learning rates times `factor`."""
        nn.utils.clip_grad_norm_(self.parameters, LARGEST_NORM)
        for parameter, matrix in self._matrices:
            matrix.grad = None if parameter.grad is None else _matrix(parameter.grad)
        for optimizer, highest in self._rates:
            for group in optimizer.param_groups:
                group["lr"] = factor * highest
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
