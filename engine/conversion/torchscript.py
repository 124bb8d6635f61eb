"""Tensors out of a TorchScript archive, such as OpenAI's CLIPs, without running any of it.

Loading such an archive would run the code that it carries. All that is needed lies beside the code:
`data.pkl`, which says what tensor lies where in which module, and `data/`, the numbers. A pickle is
a program for a small stack machine. Here its instructions are read one by one as `pickletools`
names them, those that TorchScript writes and no others, and none of them calls anything: a class is
its name, an object what was put into it, a tensor a note of where its numbers lie.
"""

import pickletools
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from engine.errors import ModelError

_MAX_PICKLE = 64 * 2**20
_MAX_DEPTH = 32
_MAX_PARTS = 100_000
"""Of modules and tensors; the largest CLIP published has about 2,000."""

_REBUILD = "torch._utils _rebuild_tensor_v2"
_INERT = ("collections OrderedDict", "torch.jit._pickle ")
"""What may be called and gives nothing: hooks, which are empty, and lists of numbers."""
_CODE = ("__torch__ ", "__torch__.")
_DTYPES = {
    "torch DoubleStorage": torch.float64,
    "torch FloatStorage": torch.float32,
    "torch HalfStorage": torch.float16,
    "torch BFloat16Storage": torch.bfloat16,
    "torch LongStorage": torch.int64,
    "torch IntStorage": torch.int32,
    "torch ShortStorage": torch.int16,
    "torch CharStorage": torch.int8,
    "torch ByteStorage": torch.uint8,
    "torch BoolStorage": torch.bool,
}


@dataclass(frozen=True)
class _Name:
    """A class or function that the archive speaks of; nobody looks it up."""

    text: str


@dataclass(frozen=True)
class _Storage:
    """Where a tensor's numbers lie."""

    dtype: torch.dtype
    key: str


@dataclass(frozen=True)
class _Rebuilt:
    """A tensor by its place: storage, offset, size, stride."""

    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


class _Part:
    """A module, or another object; `parts` is what it was given."""

    def __init__(self) -> None:
        self.parts: dict[Any, Any] = {}


_MARK = object()


def is_torchscript(path: Path) -> bool:
    """Whether the zip file at `path` is a TorchScript archive, as torch itself tells."""
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def read_torchscript(path: Path) -> dict[str, Tensor]:
    """Every tensor that the modules of a TorchScript archive hold, by its dotted name.

    Raises `ModelError` if the archive asks for anything that a module of tensors does not need, and
    nearly anything if it is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        description = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
        if archive.getinfo(description).file_size > _MAX_PICKLE:
            raise ModelError(f"the archive {path.name} describes its tensors at too great length")
        root = _interpret(archive.read(description), path.name)
        folder = description.removesuffix(".pkl")
        storages: dict[_Storage, Tensor] = {}
        tensors: dict[str, Tensor] = {}
        for name, place in _tensors(root, path.name):
            if place.storage not in storages:
                storages[place.storage] = _numbers(archive, folder, place.storage)
            tensors[name] = storages[place.storage].as_strided(
                place.size, place.stride, place.offset
            )
        return tensors


def _numbers(archive: zipfile.ZipFile, folder: str, storage: _Storage) -> Tensor:
    """Read at one go, and so held against the archive's own check sum."""
    entry = archive.getinfo(f"{folder}/{storage.key}")
    if entry.compress_type != zipfile.ZIP_STORED:
        raise ValueError("numbers are not compressed, or a small file could hold any amount")
    numbers = bytearray(archive.read(entry))
    return torch.frombuffer(numbers, dtype=storage.dtype)


def _tensors(root: object, file: str) -> Iterator[tuple[str, _Rebuilt]]:
    """All tensors below a module, with their names; an archive may be tied into knots."""
    waiting: list[tuple[tuple[str, ...], object]] = [((), root)]
    count = 0
    while waiting:
        names, value = waiting.pop()
        count += 1
        if len(names) > _MAX_DEPTH or count > _MAX_PARTS:
            raise ModelError(f"the archive {file} has no end of modules")
        if isinstance(value, _Rebuilt):
            yield ".".join(names), value
        elif isinstance(value, _Part):
            waiting += [((*names, str(name)), part) for name, part in value.parts.items()]


def _interpret(program: bytes, file: str) -> object:
    """What the pickle `program` describes, in terms of the classes above."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    argument: Any
    for opcode, argument, _ in pickletools.genops(program):
        match opcode.name:
            case "PROTO":
                pass
            case "STOP":
                return stack.pop()
            case "NONE":
                stack.append(None)
            case "NEWTRUE" | "NEWFALSE":
                stack.append(opcode.name == "NEWTRUE")
            case "BININT" | "BININT1" | "BININT2" | "LONG1" | "BINFLOAT" | "BINUNICODE":
                stack.append(argument)
            case "EMPTY_TUPLE":
                stack.append(())
            case "EMPTY_LIST":
                stack.append([])
            case "EMPTY_DICT":
                stack.append({})
            case "MARK":
                stack.append(_MARK)
            case "TUPLE":
                stack.append(tuple(_since_mark(stack)))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                length = int(opcode.name[-1])
                stack[-length:] = [tuple(stack[-length:])]
            case "APPENDS":
                items = _since_mark(stack)
                _top(stack).extend(items)
            case "APPEND":
                item = stack.pop()
                _top(stack).append(item)
            case "SETITEMS":
                items = _since_mark(stack)
                _top(stack).update(zip(items[::2], items[1::2], strict=True))
            case "SETITEM":
                value, key = stack.pop(), stack.pop()
                _top(stack)[key] = value
            case "BINPUT" | "LONG_BINPUT":
                memo[argument] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "GLOBAL":
                stack.append(_known(argument, file))
            case "BINPERSID":
                stack.append(_storage(stack.pop()))
            case "NEWOBJ":
                stack[-2:] = [_Part()]
            case "REDUCE":
                arguments, function = stack.pop(), stack.pop()
                stack.append(_rebuilt(arguments) if function == _Name(_REBUILD) else _Part())
            case "BUILD":
                state = stack.pop()
                built = _top(stack)
                if isinstance(built, _Part) and isinstance(state, dict):
                    built.parts = state
            case _:
                raise ModelError(
                    f"the archive {file} uses {opcode.name}, which no archive of tensors needs"
                )
    raise ValueError("the pickle has no end")


def _top(stack: list[Any]) -> Any:
    return stack[-1]


def _since_mark(stack: list[Any]) -> list[Any]:
    """Take what lies on the stack above the last mark, and the mark."""
    at = next(i for i in reversed(range(len(stack))) if stack[i] is _MARK)
    taken = stack[at + 1 :]
    del stack[at:]
    return taken


def _known(name: str, file: str) -> _Name:
    if name in _DTYPES or name == _REBUILD or name.startswith((*_INERT, *_CODE)):
        return _Name(name)
    raise ModelError(
        f"the archive {file} asks for {'.'.join(name.split()):.200}, which is no tensor, "
        "and nothing in it was run"
    )


def _storage(identity: Any) -> _Storage:
    kind, dtype, key, *_ = identity
    if kind != "storage" or not str(key).isalnum():
        raise ValueError("no storage")
    return _Storage(_DTYPES[dtype.text], str(key))


def _rebuilt(arguments: Any) -> _Rebuilt:
    storage, offset, size, stride, *_ = arguments
    if not isinstance(storage, _Storage):
        raise TypeError("no storage")
    return _Rebuilt(storage, offset, size, stride)
