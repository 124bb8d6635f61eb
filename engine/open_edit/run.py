"""A run of Open-Edit: some steps that fit the decoder to the picture, and one that edits it."""

from collections.abc import Mapping

import torch
from torch import Tensor

from engine.errors import CheckpointError, DivergedError
from engine.models.plain_run import PlainRun
from engine.open_edit.picture_edit import PictureEdit, size_loss
from engine.recipes.open_edit_recipe import OpenEditRecipe

LEARNING_RATE = 0.002
DECAY = 0.9
"""Decay rate of the mean square of the gradient in Adam; that of the mean gradient is 0."""
EPSILON = 1e-8
"""Adam's summand that avoids a division by 0."""
_MOMENT = ".exp_avg_sq"
"""End of the name of a map's mean square gradient in the state of a run."""


class OpenEditRun(PlainRun[OpenEditRecipe]):
    """A run of Open-Edit; its state has about 11 MB at the published size.

    No step draws a random number.
    """

    def __init__(self, recipe: OpenEditRecipe, edit: PictureEdit) -> None:
        device = edit.source.device
        super().__init__(recipe, device)
        self._edit = edit
        shapes = edit.models.decoder.map_shapes()
        self._maps = {name: torch.zeros(shape, device=device) for name, shape in shapes.items()}
        self._moments = {name: torch.zeros_like(each) for name, each in self._maps.items()}
        self._last_seen: Tensor | None = None
        self._image: Tensor | None = None

    @property
    def last_seen(self) -> Tensor:
        """The edited picture (1, 3, S, S) in [0, 1] as the last step saw it.

        Raises ValueError before the first step.
        """
        return super().last_seen if self._last_seen is None else self._last_seen

    def image(self) -> Tensor:
        """Return the edited picture (1, 3, S, S) in [0, 1], with the maps as they are."""
        if self._image is None:
            with torch.no_grad():
                self._image = self._edit.result(self._maps)
        return self._image

    def _advance(self) -> None:
        """Optimize the maps once or, as the last step, edit the picture."""
        if self._steps_done < self._recipe.optimization_steps:
            self._optimize()
        else:
            self._last_seen = self.image()

    def _tensors(self) -> dict[str, Tensor]:
        return self._maps | {name + _MOMENT: each for name, each in self._moments.items()}

    def _check(self, tensors: Mapping[str, Tensor]) -> None:
        if any(tensors[name + _MOMENT].min() < 0 for name in self._moments):
            raise CheckpointError("the checkpoint's exp_avg_sq has a negative value")

    def _restore(self, tensors: Mapping[str, Tensor]) -> None:
        self._moments = {name: tensors[name + _MOMENT] for name in self._maps}
        self._maps = {name: tensors[name] for name in self._maps}
        self._last_seen = self._image = None

    def _optimize(self) -> None:
        """Take one step of Adam on the maps."""
        leaves = {name: each.detach().requires_grad_() for name, each in self._maps.items()}
        cycle, edited = self._edit.cycle_loss(leaves)
        # One part after the other, so that only one has its activations in memory.
        gradients = _gradients(cycle, leaves)
        del cycle
        for part in (self._edit.reconstruction_loss, size_loss):
            further = _gradients(part(leaves), leaves)
            gradients = {name: each + further[name] for name, each in gradients.items()}
        self._check_finite(gradients)
        correction = 1 - DECAY ** (self._steps_done + 1)
        for name, gradient in gradients.items():
            moment = self._moments[name]
            moment.mul_(DECAY).addcmul_(gradient, gradient, value=1 - DECAY)
            root = (moment / correction).sqrt_().add_(EPSILON)
            self._maps[name].addcdiv_(gradient, root, value=-LEARNING_RATE)
        self._last_seen = edited
        self._image = None

    def _check_finite(self, gradients: dict[str, Tensor]) -> None:
        if not all(bool(each.isfinite().all()) for each in gradients.values()):
            raise DivergedError(
                "the edit diverged at step {step}: try a smaller alpha",
                step=self._steps_done + 1,
            )


def _gradients(loss: Tensor, leaves: dict[str, Tensor]) -> dict[str, Tensor]:
    found = torch.autograd.grad(loss, list(leaves.values()))
    return dict(zip(leaves, found, strict=True))
