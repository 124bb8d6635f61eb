"""Checkpoints: the state of a run as bytes, from which it can be resumed by another process.

A checkpoint is a safetensors file, so reading one cannot run code. Its tensors are those that
change during a run. Its metadata holds the number of steps, a fingerprint of the recipe, and a
SHA-256 of everything, so that a damaged checkpoint is never used. A run that is resumed on the same
device ends in the same bytes as the uninterrupted one.
"""

import hashlib
import json
from dataclasses import replace
from itertools import accumulate
from typing import Any

import safetensors
import torch
from safetensors.torch import load as read_tensors
from safetensors.torch import save as write_tensors
from torch import Tensor

from engine.errors import CheckpointError
from engine.recipes.recipe import Recipe
from engine.vqgan_clip.generation import make_optimizer
from engine.vqgan_clip.memory_plan import PLANS

VERSION = 3
"""Version of the format. Another version is refused, and its picture is painted from the start."""
KEY = "vqgan-clip-checkpoint"
"""Key of the metadata that holds everything but the tensors, as JSON."""

_LATENTS = ("latent", "last_good")
_MOMENTS = ("exp_avg", "exp_avg_sq")
_RANDOM = "random"
_OTHER_FAULTS = (AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What the reading of a file from an unknown source can raise, besides safetensors' own error."""
_MAX_COUNT = 2**24
"""Maximum number of steps: up to here the optimizer's own count, a float, is exact."""


def dump(state: dict[str, Any], recipe: Recipe) -> bytes:
    """Write a checkpoint of the `Generation.state_dict()` of a run of `recipe`."""
    adam = state["optimizer"]["state"].get(0, {})  # empty before the first step
    tensors = {name: state[name] for name in (*_LATENTS, _RANDOM)}
    tensors |= {name: adam[name] for name in _MOMENTS if adam}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    values = {
        "version": VERSION,
        "recipe": _fingerprint(recipe, state["steps_done"]),
        "plan": state["plan"],
        "steps_done": state["steps_done"],
        "last_good_steps": state["last_good_steps"],
        # The optimizer's other scalars are constant, or follow from the recipe and the step.
        "optimizer_steps": int(adam["step"]) if adam else 0,
    }
    return _written(tensors, values | {"sha256": _digest(tensors, values)})


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
    tensors, values = _read(content)
    _check_values(values, recipe)
    begun = values["optimizer_steps"] > 0
    _check_tensors(tensors, begun=begun)
    _check_random(tensors[_RANDOM], device)
    # Random state and step count stay in main memory, on every device.
    moved = {name: each.to(device) for name, each in tensors.items() if name != _RANDOM}
    adam = make_optimizer(moved["latent"]).state_dict()
    if begun:
        steps = torch.tensor(float(values["optimizer_steps"]))
        adam["state"][0] = {"step": steps, **{name: moved[name] for name in _MOMENTS}}
    state = {name: values[name] for name in ("plan", "steps_done", "last_good_steps")}
    state |= {name: moved[name] for name in _LATENTS}
    return state | {"optimizer": adam, "random": tensors[_RANDOM]}


def _fingerprint(recipe: Recipe, steps_done: int) -> str:
    """Hash what determines a run up to a step: the recipe without the rounds that come later."""
    begins = accumulate(recipe.rounds)  # first step of each round in `more`
    more = (
        length for length, begin in zip(recipe.more, begins, strict=False) if begin < steps_done
    )
    begun = replace(recipe, more=tuple(more))
    return hashlib.sha256(begun.to_json().encode()).hexdigest()


def _digest(tensors: dict[str, Tensor], values: dict[str, Any]) -> str:
    return hashlib.sha256(_written(tensors, values)).hexdigest()


def _written(tensors: dict[str, Tensor], values: dict[str, Any]) -> bytes:
    # Under a single key: safetensors writes several keys in any order.
    return write_tensors(tensors, {KEY: json.dumps(values, sort_keys=True)})


def _read(content: bytes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and values of a checkpoint, whose SHA-256 is checked."""
    try:
        tensors = read_tensors(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        values = json.loads(header["__metadata__"][KEY])
        digest = values.pop("sha256")
        intact = digest == _digest(tensors, values)
    except (safetensors.SafetensorError, *_OTHER_FAULTS) as error:
        raise CheckpointError("the file is damaged, or not a checkpoint") from error
    if not intact:
        raise CheckpointError("the checkpoint is damaged: its SHA-256 is wrong")
    return tensors, values


def _check_values(values: dict[str, Any], recipe: Recipe) -> None:
    if values.get("version") != VERSION:
        raise CheckpointError("the checkpoint was made by another version of this program")
    for name in ("steps_done", "last_good_steps", "optimizer_steps"):
        value = values.get(name)
        if type(value) is not int or not 0 <= value <= _MAX_COUNT:
            raise CheckpointError("the checkpoint has an impossible number of steps")
    if type(values.get("plan")) is not int or not 0 <= values["plan"] < len(PLANS):
        raise CheckpointError("the checkpoint has an unknown memory plan")
    if values.get("recipe") != _fingerprint(recipe, values["steps_done"]):
        raise CheckpointError("the checkpoint belongs to another recipe")
    if not values["last_good_steps"] <= values["steps_done"] <= recipe.total_steps:
        raise CheckpointError("the checkpoint has an impossible number of steps")


def _check_tensors(tensors: dict[str, Tensor], *, begun: bool) -> None:
    """Check that all tensors of a run are there; only the run itself knows their shape."""
    floats = (*_LATENTS, *(_MOMENTS if begun else ()))
    if set(tensors) != {*floats, _RANDOM}:
        raise CheckpointError("the checkpoint's tensors are not those of a run")
    for name in floats:
        tensor = tensors[name]
        if tensor.dtype != torch.float32 or tensor.shape != tensors["latent"].shape:
            raise CheckpointError(f"the checkpoint's {name} has a wrong shape or type")
        if not tensor.isfinite().all():
            raise CheckpointError(f"the checkpoint's {name} has a value that is not finite")
    if begun and tensors["exp_avg_sq"].numel() and tensors["exp_avg_sq"].min() < 0:
        raise CheckpointError("the checkpoint's exp_avg_sq has a negative value")


def _check_random(random: Tensor, device: torch.device) -> None:
    try:
        torch.Generator(device).set_state(random)
    except (RuntimeError, TypeError) as error:
        raise CheckpointError(
            "the checkpoint's random state is damaged, or from another kind of device"
        ) from error
