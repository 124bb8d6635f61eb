"""The seam between whatever paints and whoever asks for pictures.

A painter is a set of frozen models on a device; a run is one picture in progress. VQGAN-CLIP is one
painter of several: queue, progress, checkpoints, recipes in pictures and the bot hold for all.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from engine.recipes.kinds import AnyRecipe


class Run(Protocol):
    """A picture in progress: all that changes. It can be paused between any two steps.

    Runs can be interleaved, saved and resumed at any step, with the same bytes in the end: every
    random number comes from a generator of the run's own, seeded by its recipe.
    """

    @property
    def recipe(self) -> AnyRecipe:
        """The recipe."""
        ...

    @property
    def steps_done(self) -> int:
        """Number of steps that led to the current picture."""
        ...

    @property
    def done(self) -> bool:
        """True once all steps of the recipe are taken."""
        ...

    @property
    def last_seen(self) -> Tensor:
        """A picture (1, 3, H, W) in [0, 1] of the progress that costs next to nothing.

        Raises ValueError before the first step.
        """
        ...

    def step(self) -> None:
        """Take one step: a fraction of a second, or some seconds with large models."""
        ...

    def image(self) -> Tensor:
        """Return the current picture: (1, 3, H, W), floats in [0, 1]."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return a copy of all that changes during a run, for `load_state_dict`.

        It holds `steps_done`, tensors, and the state of the random generator as `random`.
        """
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from the `state_dict` of a run of the same recipe.

        Raises `CheckpointError` if it does not fit.
        """
        ...


class Painter(Protocol):
    """Frozen models on one device, shared by all runs."""

    @property
    def name(self) -> str:
        """Name of the models, as recipes call them."""
        ...

    @property
    def device(self) -> torch.device:
        """Device that holds the models and computes the runs."""
        ...

    @property
    def digests(self) -> Mapping[str, str]:
        """SHA-256 of each weights file by its name."""
        ...

    @property
    def precision(self) -> str:
        """Name of the precision of the layers that it can be chosen for, such as "float32"."""
        ...

    def begin(self, recipe: AnyRecipe) -> Run:
        """Begin a run at step 0. Raises `RecipeError` if the recipe does not fit the models."""
        ...
