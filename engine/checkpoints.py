"""Checkpoints of runs of any painter: the state as bytes, for another process to resume the run.

VQGAN-CLIP has a format of its own (`engine.vqgan_clip.checkpoints`). The state of every other run
is flat: a number of steps, the state of its random generator, and tensors that the run checks.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from engine.errors import CheckpointError
from engine.models.checkpoint_file import (
    RANDOM,
    check_random,
    fingerprint,
    is_step_count,
    read,
    write,
)
from engine.recipes.kinds import AnyRecipe
from engine.recipes.recipe import Recipe
from engine.vqgan_clip import checkpoints as vqgan_clip

VERSION = 1
"""Version of the format of flat states."""


def dump(state: Mapping[str, Any], recipe: AnyRecipe) -> bytes:
    """Write a checkpoint of the `state_dict()` of a run of `recipe`."""
    if isinstance(recipe, Recipe):
        return vqgan_clip.dump(dict(state), recipe)
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    values = {
        "version": VERSION,
        "recipe": fingerprint(recipe.to_json()),
        "steps_done": state["steps_done"],
    }
    return write(tensors, values)


def load(
    content: bytes, recipe: AnyRecipe, device: torch.device | str | None = None
) -> dict[str, Any]:
    """Read a checkpoint, for `load_state_dict()` of a run of `recipe`.

    `device` is that of the run, by default the CPU; it must be of the same kind as before.

    Raises:
        CheckpointError: the checkpoint is damaged, or does not belong to such a run.
    """
    device = torch.device(device or "cpu")
    if isinstance(recipe, Recipe):
        return vqgan_clip.load(content, recipe, device)
    tensors, values = read(content, VERSION)
    if values.get("recipe") != fingerprint(recipe.to_json()):
        raise CheckpointError("the checkpoint belongs to another recipe")
    if not is_step_count(values.get("steps_done"), recipe.total_steps):
        raise CheckpointError("the checkpoint has an impossible number of steps")
    if RANDOM not in tensors:
        raise CheckpointError("the checkpoint's tensors are not those of a run")
    check_random(tensors[RANDOM], device)
    # The random state stays in main memory, on every device.
    moved = {name: each.to(device) for name, each in tensors.items() if name != RANDOM}
    return {**moved, RANDOM: tensors[RANDOM], "steps_done": values["steps_done"]}
