"""Checkpoints of VQGAN-CLIP: the state of a run as bytes, for another process to resume it.

Its tensors are those that change during a run: the first of a generator's state is called `latent`,
further ones `latent.1` and so on, and so are those that belong to them. Its values hold the number
of steps and a fingerprint of the recipe. A run that is resumed on the same device ends in the same
bytes as the uninterrupted one. `engine.models.checkpoint_file` is the file.
"""

from dataclasses import replace
from itertools import accumulate
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
from engine.recipes.recipe import Recipe
from engine.vqgan_clip.generation import in_order, make_optimizer, numbered
from engine.vqgan_clip.memory_plan import PLANS

VERSION = 3
"""Version of the format. Another version is refused, and its picture is painted from the start."""

_LATENTS = ("latent", "last_good")
_MOMENTS = ("exp_avg", "exp_avg_sq")
_FIRST_FRAME = "first_frame"
"""Name of the state of the first frame, which only loops have."""
_LAST_FRAME = "last_frame"
"""Name of the frame (1, 3, H, W) before the current one, which only restyled clips have."""
_LARGE = "large"
"""Name of the large picture (1, 3, H, W) in bytes, which only enlargements have."""


def dump(state: dict[str, Any], recipe: Recipe) -> bytes:
    """Write a checkpoint of the `Generation.state_dict()` of a run of `recipe`."""
    adam = state["optimizer"]["state"]  # empty before the first step
    tensors = {RANDOM: state[RANDOM]}
    for name in (*_LATENTS, _FIRST_FRAME, _LAST_FRAME):
        tensors |= numbered(name, in_order(name, state))
    if _LARGE in state:
        tensors[_LARGE] = state[_LARGE]
    for name in _MOMENTS if adam else ():
        tensors |= numbered(name, [adam[index][name] for index in sorted(adam)])
    values = {
        "version": VERSION,
        "recipe": _fingerprint(recipe, state["steps_done"]),
        "plan": state["plan"],
        "steps_done": state["steps_done"],
        "last_good_steps": state["last_good_steps"],
        # The optimizer's other scalars are constant, or follow from the recipe and the step.
        "optimizer_steps": int(adam[0]["step"]) if adam else 0,
    }
    return write(tensors, values)


def load(
    content: bytes, recipe: Recipe, device: torch.device | str | None = None
) -> dict[str, Any]:
    """Read a checkpoint, for `Generation.load_state_dict()` of a run of `recipe`.

    Args:
        content: the checkpoint.
        recipe: the recipe that the checkpoint was made with, or one that differs only in extra
            rounds which the run had not begun by then.
        device: the device of the run, by default the CPU; must be of the same kind as before.

    Raises:
        CheckpointError: the checkpoint is damaged, or does not belong to such a run.
    """
    device = torch.device(device or "cpu")
    tensors, values = read(content, VERSION)
    _check_values(values, recipe)
    begun = values["optimizer_steps"] > 0
    _check_large(tensors, recipe)
    _check_tensors(tensors, begun=begun)
    check_random(tensors[RANDOM], device)
    # Random state and step count stay in main memory, on every device.
    moved = {name: each.to(device) for name, each in tensors.items() if name != RANDOM}
    latents = in_order("latent", moved)
    adam = make_optimizer(latents).state_dict()
    if begun:
        moments = zip(*(in_order(name, moved) for name in _MOMENTS), strict=True)
        for index, each in enumerate(moments):
            steps = torch.tensor(float(values["optimizer_steps"]))
            adam["state"][index] = {"step": steps, **dict(zip(_MOMENTS, each, strict=True))}
    state = {name: values[name] for name in ("plan", "steps_done", "last_good_steps")}
    for name in (*_LATENTS, _FIRST_FRAME, _LAST_FRAME):
        state |= numbered(name, in_order(name, moved))
    if _LARGE in moved:
        state[_LARGE] = moved[_LARGE]
    return state | {"optimizer": adam, "random": tensors[RANDOM]}


def _fingerprint(recipe: Recipe, steps_done: int) -> str:
    """Hash what determines a run up to a step: the recipe without what comes later.

    Those are rounds, and the frames of a film that is no loop.
    """
    begins = accumulate(recipe.rounds)  # first step of each round in `more`
    more = (
        length for length, begin in zip(recipe.more, begins, strict=False) if begin < steps_done
    )
    begun = replace(recipe, more=tuple(more))
    if recipe.film is not None and not recipe.has_fixed_length:
        begun = replace(begun, film=replace(recipe.film, frames=2))
    return fingerprint(begun.to_json())


def _check_values(values: dict[str, Any], recipe: Recipe) -> None:
    for name in ("steps_done", "last_good_steps", "optimizer_steps"):
        if not is_step_count(values.get(name)):
            raise CheckpointError("the checkpoint has an impossible number of steps")
    if type(values.get("plan")) is not int or not 0 <= values["plan"] < len(PLANS):
        raise CheckpointError("the checkpoint has an unknown memory plan")
    if values.get("recipe") != _fingerprint(recipe, values["steps_done"]):
        raise CheckpointError("the checkpoint belongs to another recipe")
    if not values["last_good_steps"] <= values["steps_done"] <= recipe.total_steps:
        raise CheckpointError("the checkpoint has an impossible number of steps")


def _check_large(tensors: dict[str, Tensor], recipe: Recipe) -> None:
    """Check the large picture, which enlargements have and other runs do not."""
    large = tensors.get(_LARGE)
    if (large is None) != (recipe.enlargement is None):
        raise CheckpointError("the checkpoint's tensors are not those of a run")
    shape = (1, 3, *recipe.size[::-1])
    if large is not None and (large.dtype != torch.uint8 or large.shape != shape):
        raise CheckpointError(f"the checkpoint's {_LARGE} has a wrong shape or type")


def _check_tensors(tensors: dict[str, Tensor], *, begun: bool) -> None:
    """Check that all tensors of a run are there; only the run itself knows their shape."""
    like = in_order("latent", tensors)
    film = (_FIRST_FRAME,) if _FIRST_FRAME in tensors else ()
    expected = {
        name: latent
        for kind in (*_LATENTS, *film, *(_MOMENTS if begun else ()))
        for name, latent in numbered(kind, like).items()
    }
    if _LAST_FRAME in tensors:
        expected[_LAST_FRAME] = tensors[_LAST_FRAME]
    if not like or set(tensors) - {_LARGE} != {*expected, RANDOM}:
        raise CheckpointError("the checkpoint's tensors are not those of a run")
    for name, latent in expected.items():
        tensor = tensors[name]
        if tensor.dtype != torch.float32 or tensor.shape != latent.shape:
            raise CheckpointError(f"the checkpoint's {name} has a wrong shape or type")
        if not tensor.isfinite().all():
            raise CheckpointError(f"the checkpoint's {name} has a value that is not finite")
        if name.startswith("exp_avg_sq") and tensor.numel() and tensor.min() < 0:
            raise CheckpointError(f"the checkpoint's {name} has a negative value")
