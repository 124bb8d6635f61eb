"""A published checkpoint as tensors by name, whatever it was packed in.

Of a pickle only tensors and plain values are read, by torch's restricted unpickler. One class is
known beyond that: Lightning's `ModelCheckpoint`, which the published ImageNet checkpoint mentions
and which stands for nothing here. TorchScript archives, as OpenAI publishes its CLIPs, are read by
`torchscript`.
"""

import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import safe_open
from torch import Tensor

from engine.conversion.torchscript import is_torchscript, read_torchscript
from engine.errors import ModelError

Form = Literal["pickle", "torchscript", "safetensors"]

_LIGHTNING_CALLBACK = "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint"
_REFUSED = re.compile(r"GLOBAL (\S+) (?:was not an allowed global|whose module)")
_PARALLEL = "module."
"""What training on several devices puts before every name."""
_SAFETENSORS_OPENING = b"{"
"""The ninth byte of a safetensors file, after the length of its header."""


class _Nothing:
    """Stands for an object of which nothing is needed; whatever is done to it, it stays empty."""

    __slots__ = ()

    def __new__(cls, *_: object) -> "_Nothing":
        return super().__new__(cls)

    def __setstate__(self, state: object) -> None:
        pass


def checkpoint_form(path: Path) -> Form:
    """What a published file is packed in, by its first and last bytes.

    Raises `ModelError` if it is missing or cannot be read.
    """
    with _told(path):
        with path.open("rb") as file:
            opening = file.read(9)
        if zipfile.is_zipfile(path):
            return "torchscript" if is_torchscript(path) else "pickle"
        return "safetensors" if opening[8:] == _SAFETENSORS_OPENING else "pickle"


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The tensors in a published file by name, on the CPU, where possible mapped.

    Raises `ModelError`: it is missing, damaged, of no known form, or would have to run code.
    """
    form = checkpoint_form(path)
    with _told(path):
        match form:
            case "torchscript":
                tensors = read_torchscript(path)
            case "safetensors":
                tensors = _read_safetensors(path)
            case "pickle":
                tensors = _state(_unpickled(path), path)
    return _without_prefix(tensors)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say of which file it was that the block could make nothing, and why."""
    try:
        yield
    except ModelError:
        raise
    except FileNotFoundError as error:
        raise ModelError(f"the checkpoint {path.name} is missing") from error
    except Exception as error:
        # What a file of unknown origin makes a reader do can be nearly anything.
        raise _refusal(path, error) from error


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def _unpickled(path: Path) -> Any:
    # A file of before 2020 is one stream, in which nothing can be mapped.
    mapped = zipfile.is_zipfile(path)
    with torch.serialization.safe_globals([(_Nothing, _LIGHTNING_CALLBACK)]):
        return torch.load(path, map_location="cpu", mmap=mapped, weights_only=True)


def _state(content: Any, path: Path) -> dict[str, Tensor]:
    """The model's own tensors; beside them lie the optimiser's and what training noted down."""
    state = content.get("state_dict", content) if isinstance(content, dict) else content
    if not isinstance(state, dict) or not state:
        raise ModelError(f"the checkpoint {path.name} holds no tensors by name")
    for name, value in state.items():
        if not isinstance(name, str) or not _is_plain(value):
            raise ModelError(
                f"the checkpoint {path.name} holds {name!r:.80}, which is not a tensor"
            )
    return {name: value.detach() for name, value in state.items()}


def _is_plain(value: object) -> bool:
    return (
        isinstance(value, Tensor)
        and value.layout is torch.strided
        and value.device.type == "cpu"
        and not value.is_quantized
    )


def _without_prefix(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    if all(name.startswith(_PARALLEL) for name in tensors):
        return {name.removeprefix(_PARALLEL): tensor for name, tensor in tensors.items()}
    return tensors


def _refusal(path: Path, error: Exception) -> ModelError:
    refused = _REFUSED.search(str(error))
    if refused:
        return ModelError(
            f"the checkpoint {path.name} asks for {refused[1]:.200}, which is not a tensor, "
            "and nothing in it was run"
        )
    return ModelError(f"the checkpoint {path.name} is damaged or of an unknown form")
