"""What painters of plain recipes, and the runs that they begin, have in common.

Plain recipes are those of the painters beside VQGAN-CLIP (`engine.recipes.plain_recipe`).
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from engine.errors import CheckpointError, RecipeError
from engine.models.checkpoint_file import RANDOM, check_random, is_step_count
from engine.recipes.kinds import AnyRecipe
from engine.recipes.plain_recipe import PlainRecipe

RecipeT = TypeVar("RecipeT", bound=PlainRecipe)
"""The kind of recipe that a painter paints."""


def check_recipe(recipe: AnyRecipe, kind: type[RecipeT], models: str, side: int) -> RecipeT:
    """Return a recipe, which is for these models.

    Args:
        recipe: Any recipe.
        kind: The kind that the models paint.
        models: Name of the models.
        side: Width and height of their pictures in pixels.

    Raises:
        RecipeError: The recipe is of another kind, or for other models or another size.
    """
    if not isinstance(recipe, kind):
        raise RecipeError(
            "the models {models} carry out recipes of {painter} only, not of {other}",
            models=repr(models),
            painter=kind.painter,
            other=recipe.painter,
        )
    if recipe.models != models:
        raise RecipeError(
            "the recipe is for the models {wanted}, not {given}",
            wanted=repr(recipe.models),
            given=repr(models),
        )
    if recipe.side != side:
        raise RecipeError(
            "the models {models} make pictures of {side} pixels per side, not {given}",
            models=repr(models),
            side=side,
            given=recipe.side,
        )
    return recipe


class PlainRun(ABC, Generic[RecipeT]):
    """A `Run` of `engine.models.painter` that counts its steps and names the tensors it changes.

    Subclasses say what a step does (`_advance`), which tensors it changes (`_tensors`), which
    values these can have (`_check`) and how they are set again (`_restore`).
    """

    def __init__(self, recipe: RecipeT, device: torch.device) -> None:
        """Begin at step 0, with a random generator on the device, seeded by the recipe."""
        self._recipe = recipe
        self._steps_done = 0
        self._random = torch.Generator(device).manual_seed(recipe.seed)

    @property
    def recipe(self) -> RecipeT:
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
        """The current picture (1, 3, H, W) in [0, 1].

        Raises ValueError before the first step.
        """
        if self._steps_done == 0:
            raise ValueError("no step has been taken yet")
        return self.image()

    def step(self) -> None:
        """Take one step.

        Raises:
            DivergedError: A value is not finite. The last good picture stays.
            ValueError: All steps are taken.
        """
        if self.done:
            raise ValueError("the run is done: all steps are taken")
        self._advance()
        self._steps_done += 1

    @abstractmethod
    def image(self) -> Tensor:
        """Return the current picture: (1, 3, H, W), floats in [0, 1]."""

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of all that changes during a run, for `load_state_dict`."""
        tensors = {name: each.clone() for name, each in self._tensors().items()}
        return {"steps_done": self._steps_done, RANDOM: self._random.get_state()} | tensors

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from the `state_dict` of a run of the same recipe.

        Raises `CheckpointError` if it does not fit. The run is then as it was.
        """
        steps, random = state.get("steps_done"), state.get(RANDOM)
        if not is_step_count(steps, self._recipe.total_steps):
            raise CheckpointError("the checkpoint has an impossible number of steps")
        tensors = _fitting(state, self._tensors_after(steps))
        self._check(tensors)
        if not isinstance(random, Tensor):
            raise CheckpointError("the checkpoint has no state of a random generator")
        check_random(random, self._random.device)
        self._random.set_state(random)
        self._steps_done = steps
        device = self._random.device
        self._restore({name: each.to(device, copy=True) for name, each in tensors.items()})

    @abstractmethod
    def _advance(self) -> None:
        """Take the step that follows `steps_done`. Raises `DivergedError` as `step` does."""

    @abstractmethod
    def _tensors(self) -> Mapping[str, Tensor]:
        """Return all tensors that change during a run, by their names in its state."""

    def _tensors_after(self, steps: int) -> Mapping[str, Tensor]:  # noqa: ARG002 (where it matters)
        """Return tensors like those of a state after some steps, in name, shape and type."""
        return self._tensors()

    @abstractmethod
    def _check(self, tensors: Mapping[str, Tensor]) -> None:
        """Raise `CheckpointError` unless finite tensors of a state have possible values."""

    @abstractmethod
    def _restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Continue from the tensors of a state, which are the run's own from now on."""


def _fitting(state: Mapping[str, Any], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a state, without that of the random generator.

    Raises `CheckpointError` unless they are finite and like the expected ones.
    """
    tensors = {k: v for k, v in state.items() if isinstance(v, Tensor) and k != RANDOM}
    if tensors.keys() != expected.keys():
        raise CheckpointError("the checkpoint's tensors are not those of a run")
    for name, like in expected.items():
        tensor = tensors[name]
        if tensor.shape != like.shape or tensor.dtype != like.dtype:
            raise CheckpointError(f"the checkpoint's {name} has a wrong shape or type")
        if not tensor.isfinite().all():
            raise CheckpointError(f"the checkpoint's {name} has a value that is not finite")
    return tensors
