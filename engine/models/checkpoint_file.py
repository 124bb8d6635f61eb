"""The file of a checkpoint: named tensors and values, from which a run can be resumed.

It is a safetensors file, so reading one cannot run code. Its metadata holds everything but the
tensors, as JSON, and a SHA-256 of all, so that a damaged checkpoint is never used. What tensors and
values mean is the business of each kind of run.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, TypeGuard

import safetensors
import torch
from safetensors.torch import load as read_tensors
from safetensors.torch import save as write_tensors
from torch import Tensor

from engine.errors import CheckpointError

KEY = "vqgan-clip-checkpoint"
"""Key of the metadata that holds everything but the tensors, as JSON."""
RANDOM = "random"
"""Name of the tensor that holds the state of the run's random generator."""
MAX_STEPS = 2**24
"""Maximum number of steps: up to here Adam's own count, a float, is exact."""
_OTHER_FAULTS = (AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What the reading of a file from an unknown source can raise, besides safetensors' own error."""


def write(tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> bytes:
    """Return a checkpoint of these tensors, and of values that JSON can hold."""
    moved = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return _written(moved, {**values, "sha256": digest(moved, values)})


def read(content: bytes, version: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and values of a checkpoint.

    Raises:
        CheckpointError: it is damaged, or its value `version` is another one.
    """
    try:
        tensors = read_tensors(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        values = json.loads(header["__metadata__"][KEY])
        stated = values.pop("sha256")
        intact = stated == digest(tensors, values)
    except (safetensors.SafetensorError, *_OTHER_FAULTS) as error:
        raise CheckpointError("the file is damaged, or not a checkpoint") from error
    if not intact:
        raise CheckpointError("the checkpoint is damaged: its SHA-256 is wrong")
    if values.get("version") != version:
        raise CheckpointError("the checkpoint was made by another version of this program")
    return tensors, values


def fingerprint(recipe_json: str) -> str:
    """Return the SHA-256 by which a checkpoint names its recipe."""
    return hashlib.sha256(recipe_json.encode()).hexdigest()


def is_step_count(value: object, most: int = MAX_STEPS) -> TypeGuard[int]:
    """Return True if a value from a file can be a number of steps up to `most`."""
    return type(value) is int and 0 <= value <= most


def check_random(random: Tensor, device: torch.device) -> None:
    """Raise `CheckpointError` unless a random generator of the device can take a state."""
    try:
        torch.Generator(device).set_state(random)
    except (RuntimeError, TypeError) as error:
        raise CheckpointError(
            "the checkpoint's random state is damaged, or from another kind of device"
        ) from error


def digest(tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a checkpoint's tensors and values."""
    return hashlib.sha256(_written(tensors, values)).hexdigest()


def _written(tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> bytes:
    # Under a single key: safetensors writes several keys in any order.
    return write_tensors(dict(tensors), {KEY: json.dumps(values, sort_keys=True)})
