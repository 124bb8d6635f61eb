"""A run of Open-Edit: some steps that fit the decoder to the picture, and one that edits it."""

from typing import Any

import torch
from torch import Tensor

from engine.errors import CheckpointError, DivergedError
from engine.models.painter import check_tensors
from engine.open_edit.picture_edit import PictureEdit, size_loss
from engine.recipes.open_edit_recipe import OpenEditRecipe

LEARNING_RATE = 0.002
DECAY = 0.9
"""Decay rate of the mean square of the gradient in Adam; that of the mean gradient is 0."""
EPSILON = 1e-8
"""Adam's summand that avoids a division by 0."""
_MOMENT = ".exp_avg_sq"
"""End of the name of a map's mean square gradient in the state of a run."""


class OpenEditRun:
    """A picture in progress, advanced one `step()` at a time; see `engine.models.painter.Run`.

    No step draws a random number.
    """

    def __init__(self, recipe: OpenEditRecipe, edit: PictureEdit) -> None:
        self._recipe = recipe
        self._edit = edit
        self._steps_done = 0
        device = edit.source.device
        self._rng = torch.Generator(device).manual_seed(recipe.seed)
        shapes = edit.models.decoder.map_shapes()
        self._maps = {name: torch.zeros(shape, device=device) for name, shape in shapes.items()}
        self._moments = {name: torch.zeros_like(each) for name, each in self._maps.items()}
        self._last_seen: Tensor | None = None
        self._image: Tensor | None = None

    @property
    def recipe(self) -> OpenEditRecipe:
        """The recipe."""
        return self._recipe

    @property
    def steps_done(self) -> int:
        """Number of steps that led to the current picture."""
        return self._steps_done

    @property
    def done(self) -> bool:
        """True once all steps of the recipe are taken."""
        return self._steps_done >= self._recipe.total_steps

    @property
    def last_seen(self) -> Tensor:
        """The edited picture (1, 3, S, S) in [0, 1] as the last step saw it.

        Raises ValueError before the first step.
        """
        if self._last_seen is None:
            raise ValueError("no step has been taken yet")
        return self._last_seen

    def step(self) -> None:
        """Optimize the maps once or, as the last step, edit the picture.

        Raises:
            DivergedError: The loss or its gradient is not finite. The maps are as before.
        """
        if self._steps_done < self._recipe.optimization_steps:
            self._optimize()
        else:
            self._last_seen = self.image()
        self._steps_done += 1

    def image(self) -> Tensor:
        """Return the edited picture (1, 3, S, S) in [0, 1], with the maps as they are."""
        if self._image is None:
            with torch.no_grad():
                self._image = self._edit.result(self._maps)
        return self._image

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of all that changes during a run, about 11 MB at the published size."""
        tensors = {name: each.clone() for name, each in self._tensors().items()}
        return {"steps_done": self._steps_done, "random": self._rng.get_state()} | tensors

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from the `state_dict` of a run of the same recipe.

        Raises `CheckpointError` if it does not fit.
        """
        tensors = self._tensors()
        steps = state.get("steps_done")
        if type(steps) is not int or not 0 <= steps <= self._recipe.total_steps:
            raise CheckpointError("the checkpoint has an impossible number of steps")
        check_tensors(state, tensors)
        if any(state[name + _MOMENT].min() < 0 for name in self._moments):
            raise CheckpointError("the checkpoint's exp_avg_sq has a negative value")
        self._set_random(state.get("random"))
        for name, tensor in tensors.items():
            tensor.copy_(state[name])
        self._steps_done = steps
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

    def _tensors(self) -> dict[str, Tensor]:
        """Return the maps and their moments, by their names in the state."""
        return self._maps | {name + _MOMENT: each for name, each in self._moments.items()}

    def _set_random(self, random: object) -> None:
        try:
            self._rng.set_state(random)  # pyright: ignore[reportArgumentType]
        except (RuntimeError, TypeError, AttributeError) as error:
            raise CheckpointError(
                "the checkpoint's random state is damaged, or from another kind of device"
            ) from error


def _gradients(loss: Tensor, leaves: dict[str, Tensor]) -> dict[str, Tensor]:
    found = torch.autograd.grad(loss, list(leaves.values()))
    return dict(zip(leaves, found, strict=True))
