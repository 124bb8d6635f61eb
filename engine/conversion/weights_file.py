"""Write weights once: safetensors in float32, with the architecture as metadata.

The same checkpoint gives the same file, byte for byte, and a checkpoint that was converted before
is recognised.
"""

import hashlib
import json
import os
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import torch
from filelock import FileLock
from torch import Tensor

from engine.errors import ModelError
from engine.models.loading import CHANNELS_LAST, CONFIG_KEY, ORDER_KEY, SOURCE_KEY, read_config

_ALIGNMENT = 8
"""The header of a safetensors file ends at a multiple of this many bytes."""


def write_once(
    checkpoint: Path,
    config: Mapping[str, Any],
    to: Path,
    own_tensors: Callable[[], dict[str, Tensor]],
) -> None:
    """Write the result of `own_tensors` to `to`, unless that was made from `checkpoint` before.

    Args:
        checkpoint: the published file, whose hash is stored.
        config: the architecture as JSON values.
        to: the path of the weights, in a folder that exists.
        own_tensors: returns the tensors by name, in torch's memory order; called only if needed.

    Raises:
        ModelError: the weights cannot be written. A file at `to` is then unchanged.
    """
    wanted = json.loads(json.dumps({**config, ORDER_KEY: CHANNELS_LAST}))
    if _is_up_to_date(to, wanted, checkpoint):
        return
    with locked(to):
        if _is_up_to_date(to, wanted, checkpoint):  # another process made it meanwhile
            return
        # The date before reading, so that a change while it is read is noticed next time.
        found = checkpoint.stat()
        tensors = own_tensors()
        source = {"bytes": found.st_size, "sha256": sha256_of(checkpoint)}
        metadata = json.dumps(wanted | {SOURCE_KEY: source})
        with atomic_write(to) as file:
            _write(file, tensors, metadata)
        _stamp(to, found)


def _is_up_to_date(to: Path, wanted: Mapping[str, Any], checkpoint: Path) -> bool:
    """Return True if `to` has the architecture `wanted` and was made from `checkpoint`."""
    try:
        made = read_config(to)
    except Exception:  # missing or damaged
        return False
    source = made.pop(SOURCE_KEY, None)
    if made != wanted or not isinstance(source, dict) or not checkpoint.is_file():
        return False
    found, converted = checkpoint.stat(), to.stat()
    if source.get("bytes") != found.st_size:
        return False
    if converted.st_mtime_ns == found.st_mtime_ns:
        return True  # hashing a gigabyte at every start would take too long
    if source.get("sha256") != sha256_of(checkpoint):
        return False
    _stamp(to, found)
    return True


def _stamp(to: Path, checkpoint: os.stat_result) -> None:
    """Give the weights the checkpoint's date, so that they are recognised without a hash."""
    with suppress(OSError):
        os.utime(to, ns=(to.stat().st_atime_ns, checkpoint.st_mtime_ns))


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def locked(to: Path) -> Generator[None]:
    """Keep other programs from writing `to`, and raise `ModelError` if it cannot be written."""
    if not to.parent.is_dir():  # the lock would create the folder
        raise ModelError(
            f"the weights {to.name} cannot be written: the folder {str(to.parent)!r} does not exist"
        )
    try:
        with FileLock(to.with_name(f".{to.name}.lock")):
            yield
    except OSError as error:
        why = error.strerror or "the disk refuses it"
        raise ModelError(f"the weights {to.name} cannot be written: {why}") from error


@contextmanager
def atomic_write(to: Path) -> Generator[BinaryIO]:
    """Yield a file that replaces `to` once it is complete and on the disk.

    Unlike that of `engine.files.atomic_write`, its name is always the same, so that a killed
    program leaves at most one such file, of a gigabyte, behind.
    """
    part = to.with_name(f".{to.name}.part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(to)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _write(file: BinaryIO, tensors: Mapping[str, Tensor], config: str) -> None:
    """Write a safetensors file tensor by tensor, so that memory holds only one converted tensor.

    Integers, which are longer, come first, so that every number is aligned to its length.
    """
    names = sorted(tensors, key=lambda name: (tensors[name].is_floating_point(), name))
    header: dict[str, Any] = {"__metadata__": {CONFIG_KEY: config}}
    end = 0
    for name in names:
        start, end = end, end + _length(tensors[name])
        header[name] = {
            "dtype": "F32" if tensors[name].is_floating_point() else "I64",
            "shape": list(_stored(tensors[name]).shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(header).encode()
    text += b" " * (-(8 + len(text)) % _ALIGNMENT)
    file.write(len(text).to_bytes(8, "little") + text)
    for name in names:
        tensor = _stored(tensors[name])
        tensor = tensor.float() if tensor.is_floating_point() else tensor.long()
        file.write(tensor.contiguous().view(-1).view(torch.uint8).numpy().data)


def _length(tensor: Tensor) -> int:
    return tensor.numel() * (4 if tensor.is_floating_point() else 8)


def _stored(tensor: Tensor) -> Tensor:
    """Return a tensor with channels last in its shape, since safetensors stores no strides."""
    return tensor.permute(0, 2, 3, 1) if tensor.dim() == 4 else tensor


def write_bytes(to: Path, content: bytes) -> None:
    """Write a small file whole or not at all. Raises `ModelError` if that is not possible."""
    with locked(to), atomic_write(to) as file:
        file.write(content)
