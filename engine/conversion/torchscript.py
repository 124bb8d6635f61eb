"""Read the tensors of a TorchScript archive, such as OpenAI's CLIPs, without running its code.

Loading such an archive would run the code inside. All that is needed lies beside that code:
`data.pkl` says which tensor belongs to which module, and `data/` holds the numbers. A pickle can
call only what `find_class` returns, so the unpickler here returns inert classes of this file and
refuses every other name.
"""

import io
import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import torch
from torch import Tensor

from engine.errors import ModelError

_MAX_PICKLE = 64 * 2**20
_MAX_DEPTH = 32
_MAX_PARTS = 100_000
"""The limit on modules and tensors; the largest published CLIP has about 2,000."""

_DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


class _Module:
    """Stands for a module, or for another object whose class is never looked up."""

    parts: dict[Any, Any]

    def __new__(cls, *_: object) -> "_Module":
        module = super().__new__(cls)
        module.parts = {}
        return module

    def __setstate__(self, state: object) -> None:
        if isinstance(state, dict):
            self.parts = state


class _Storage(NamedTuple):
    """The record in which a tensor's numbers lie."""

    dtype: torch.dtype
    key: str


class _StoredTensor(NamedTuple):
    """A tensor by its location, with the arguments of `torch._utils._rebuild_tensor_v2`."""

    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]
    requires_grad: bool = False
    hooks: object = None

    def __setstate__(self, state: object) -> NoReturn:
        # Without this method, a pickle could set attributes of the class itself.
        raise pickle.UnpicklingError("a tensor has no state")


# The unpickler written in C reserves 64 GiB for a file of ten bytes; this one does not.
class _Unpickler(pickle._Unpickler):
    """Unpickle modules and tensors as the inert classes above; `file` is named in errors."""

    def __init__(self, content: bytes, file: str) -> None:
        super().__init__(io.BytesIO(content), fix_imports=False)
        self._file_name = file

    def find_class(self, module: str, name: str) -> Any:
        """Return the stand-in for a class or function; refuse those that no tensor needs."""
        is_inert = module == "torch.jit._pickle" or (module, name) == ("collections", "OrderedDict")
        if is_inert or f"{module}.".startswith("__torch__."):
            return _Module
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _StoredTensor
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        raise ModelError(
            f"the archive {self._file_name} asks for {f'{module}.{name}':.200}, which is not a "
            "tensor, and nothing in it was run"
        )

    def persistent_load(self, pid: Any) -> _Storage:
        """Return where the numbers of a storage lie."""
        kind, dtype, key, *_ = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype) or not str(key).isalnum():
            raise pickle.UnpicklingError("this is not a storage")
        return _Storage(dtype, str(key))


def is_torchscript(path: Path) -> bool:
    """Return True if the zip file at `path` is a TorchScript archive, by torch's own test."""
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def read_torchscript(path: Path) -> dict[str, Tensor]:
    """Return every tensor in the modules of a TorchScript archive, by its dotted name.

    Raises `ModelError` if the archive asks for anything that a module of tensors does not need, and
    nearly any exception if it is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        description = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
        if archive.getinfo(description).file_size > _MAX_PICKLE:
            raise ModelError(f"the archive {path.name} has too long a description of its tensors")
        root = _Unpickler(archive.read(description), path.name).load()
        folder = description.removesuffix(".pkl")
        storages: dict[_Storage, Tensor] = {}
        tensors: dict[str, Tensor] = {}
        for name, (storage, offset, size, stride, *_) in _tensors(root, path.name):
            if storage not in storages:
                storages[storage] = _read_storage(archive, folder, storage)
            tensors[name] = storages[storage].as_strided(size, stride, offset)
        return tensors


def _read_storage(archive: zipfile.ZipFile, folder: str, storage: _Storage) -> Tensor:
    """Read a record in one go, so that zipfile compares it with its checksum."""
    entry = archive.getinfo(f"{folder}/{storage.key}")
    if entry.compress_type != zipfile.ZIP_STORED:
        raise ValueError("a compressed record could expand without limit")
    return torch.frombuffer(bytearray(archive.read(entry)), dtype=storage.dtype)


def _tensors(root: object, file: str) -> Iterator[tuple[str, _StoredTensor]]:
    """Yield all tensors below a module with their names; modules may contain themselves."""
    waiting: list[tuple[tuple[str, ...], object]] = [((), root)]
    count = 0
    while waiting:
        names, value = waiting.pop()
        count += 1
        if len(names) > _MAX_DEPTH or count > _MAX_PARTS:
            raise ModelError(f"the archive {file} nests its modules without end")
        if isinstance(value, _StoredTensor):
            yield ".".join(names), value
        elif isinstance(value, _Module):
            waiting += [((*names, str(name)), part) for name, part in value.parts.items()]
