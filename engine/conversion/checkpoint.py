"""Read the tensors of a published checkpoint, by name, from any of its file formats.

Torch's restricted unpickler reads pickles, and allows only tensors and plain values. The classes of
settings that trainers store beside the tensors, such as omegaconf's, become empty stubs, so nothing
of them is run. TorchScript archives, the format of OpenAI's CLIPs, are read by `torchscript`.
"""

import pickle
import re
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import safe_open
from torch import Tensor

from engine.conversion.torchscript import is_torchscript, read_torchscript
from engine.errors import ModelError

Form = Literal["pickle", "torchscript", "safetensors"]
PartOfFile = tuple[str | int, ...]
"""Keys and indices that lead from a checkpoint's top to a dictionary of tensors."""

_DEFAULT_DICT = "collections.defaultdict"
_SETTINGS = re.compile(
    rf"argparse\.Namespace|{re.escape(_DEFAULT_DICT)}|(typing|pathlib|datetime)\.\w+"
    r"|(omegaconf|pytorch_lightning|lightning|lightning_fabric)(\.\w+)+"
    r"|numpy\.(dtype|ndarray|dtypes\.\w+|_?core\.multiarray\.(scalar|_reconstruct))"
    r"|(__builtin__|builtins)\.(bool|bytes|complex|dict|float|int|list|object|set|str|tuple)"
)
"""The names of classes whose objects are left out."""
_MOST_CLASSES = 200
"""The limit on such classes in a file."""
_REFUSED = re.compile(r"GLOBAL (\S+) (?:was not an allowed global|whose module)")
_PARALLEL = "module."
"""The prefix of every name after training on several devices."""
_SAFETENSORS_OPENING = b"{"
"""The ninth byte of a safetensors file, after the length of its header."""


class _OpaqueStub:
    """Stands for an object whose content is not needed, and stays empty."""

    __slots__ = ()

    def __new__(cls, *_: object) -> "_OpaqueStub":
        return super().__new__(cls)

    def __setstate__(self, state: object) -> None:
        pass


def checkpoint_form(path: Path) -> Form:
    """Return the format of a published file, by its first and last bytes.

    Raises `ModelError` if it is missing or cannot be read.
    """
    with _naming_file(path):
        with path.open("rb") as file:
            opening = file.read(9)
        if zipfile.is_zipfile(path):
            return "torchscript" if is_torchscript(path) else "pickle"
        return "safetensors" if opening[8:] == _SAFETENSORS_OPENING else "pickle"


def read_checkpoint(path: Path, part: PartOfFile = ()) -> dict[str, Tensor]:
    """Read the tensors of a published file by name, on the CPU, memory-mapped where possible.

    `part` says where they are in a pickle of several models; by default they are at its top, or
    under `state_dict`.

    Raises `ModelError` if the file is missing, damaged, of an unknown format, or needs to run code.
    """
    form = checkpoint_form(path)
    with _naming_file(path):
        match form:
            case "torchscript":
                tensors = read_torchscript(path)
            case "safetensors":
                tensors = _read_safetensors(path)
            case "pickle":
                tensors = _state(_part_of(_unpickled(path), part, path), path)
    return _without_prefix(tensors)


@contextmanager
def _naming_file(path: Path) -> Generator[None]:
    """Turn errors of the block into a `ModelError` that names the file."""
    try:
        yield
    except ModelError:
        raise
    except FileNotFoundError as error:
        raise ModelError(f"the checkpoint {path.name} is missing") from error
    except Exception as error:
        # A file that is not trusted can raise nearly anything.
        raise _refusal(path, error) from error


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def _unpickled(path: Path) -> Any:
    # Files from before 2020 are one stream, which cannot be memory-mapped.
    mapped = zipfile.is_zipfile(path)
    stubs: list[Any] = []
    while True:
        try:
            with torch.serialization.safe_globals(stubs):
                return torch.load(path, map_location="cpu", mmap=mapped, weights_only=True)
        except pickle.UnpicklingError as error:
            # The description is read before the tensors, so that another attempt takes no time.
            refused = _REFUSED.search(str(error))
            # Torch names builtins without their module.
            name = "" if refused is None else refused[1]
            name = name if "." in name else f"builtins.{name}"
            if not _SETTINGS.fullmatch(name) or len(stubs) > _MOST_CLASSES:
                raise
            stubs.append((_empty_dict if name == _DEFAULT_DICT else _OpaqueStub, name))


def _empty_dict(*_: object) -> dict[object, object]:
    """Stand for a dictionary with a default, which torch could not fill as a stub."""
    return {}


def _part_of(content: Any, part: PartOfFile, path: Path) -> Any:
    for key in part:
        try:
            content = content[key]
        except (KeyError, IndexError, TypeError) as error:
            raise ModelError(
                f"the checkpoint {path.name} lacks the entry {key!r} of the published form"
            ) from error
    return content


def _state(content: Any, path: Path) -> dict[str, Tensor]:
    """Return the model's tensors without the state of the optimizer and of training."""
    state = content.get("state_dict", content) if isinstance(content, dict) else content
    if not isinstance(state, dict) or not state:
        raise ModelError(f"the checkpoint {path.name} has no tensors by name")
    tensors = {name: value for name, value in state.items() if not _is_setting(value)} or state
    for name, value in tensors.items():
        if not isinstance(name, str) or not _is_plain(value):
            raise ModelError(f"the checkpoint {path.name} has {name!r:.80}, which is not a tensor")
    return {name: value.detach() for name, value in tensors.items()}


def _is_setting(value: object) -> bool:
    return value is None or isinstance(value, _OpaqueStub | bool | int | float | str)


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
    return ModelError(f"the checkpoint {path.name} is damaged or of an unknown format")
