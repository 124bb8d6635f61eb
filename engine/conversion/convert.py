"""Convert a published checkpoint to this program's weights, once.

Weights are written in float32 and with channels last, as the models compute with them, so that the
file can be memory-mapped and used without a copy. VQGANs were published in float32 and lose
nothing; OpenAI's float16 is converted exactly.

The architecture and the checkpoint's SHA-256 are stored as metadata. The same checkpoint gives the
same file, byte for byte, and a checkpoint that was converted before is recognised.

A tokenizer that is a file is copied beside the weights, which hold its SHA-256. Inside them, its
tens of megabytes would be read whenever the metadata is read.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import torch
from filelock import FileLock
from torch import Tensor

from engine.conversion.architecture import read_architecture
from engine.conversion.checkpoint import checkpoint_form, read_checkpoint
from engine.conversion.perceptor import check_quick, clip_config
from engine.conversion.state_dict_keys import (
    check_tensors,
    generator_tensors,
    is_openais,
    perceptor_tensors,
)
from engine.errors import ModelError
from engine.models.clip import build_towers, tokenizer_hash
from engine.models.loading import (
    CHANNELS_LAST,
    CONFIG_KEY,
    ORDER_KEY,
    SOURCE_KEY,
    read_config,
    tokenizer_path,
)
from engine.models.tokenizer import read_tokenizer, tokenizer_sha256
from engine.models.vqgan import VQGAN

_ALIGNMENT = 8
"""The header of a safetensors file ends at a multiple of this many bytes."""


def convert_vqgan(checkpoint: Path, config: Path, to: Path) -> None:
    """Convert a published VQGAN to weights for `engine.models.loading.load_vqgan`.

    `checkpoint` is of taming's `VQModel` or `GumbelVQ`, or of a transformer with one, and `config`
    the yaml published beside it. The folder of `to` must exist. A file that was made from these two
    stays.

    Raises:
        ModelError: a file is missing, damaged, refused or of another architecture, or the weights
            cannot be written. A file at `to` is then unchanged.
    """
    architecture = read_architecture(config)
    checkpoint_form(checkpoint)  # raises at once if it is missing

    def own_tensors() -> dict[str, Tensor]:
        tensors = generator_tensors(read_checkpoint(checkpoint))
        with torch.device("meta"):
            expected = VQGAN(architecture).state_dict()
        check_tensors(tensors, expected, checkpoint.name)
        return tensors

    _convert(checkpoint, asdict(architecture), to, own_tensors)


def convert_clip(
    checkpoint: Path, architecture: str, to: Path, tokenizer: Path | None = None
) -> None:
    """Convert a published CLIP to weights for `engine.models.loading.load_clip`.

    Args:
        checkpoint: one of OpenAI's archives, or a checkpoint or safetensors file of open_clip.
        architecture: open_clip's name for it, such as `ViT-B-32-quickgelu`, followed by a colon and
            the name of the weights if weights of this architecture differ in their normalisation.
        to: the path of the weights, in a folder that exists. The file stays if it was made from
            these.
        tokenizer: `tokenizer.json`, for an architecture whose tokenizer open_clip lacks.

    Raises:
        ModelError: as in `convert_vqgan`; also for an unknown or unsupported architecture.
    """
    form = checkpoint_form(checkpoint)
    sha256 = None if tokenizer is None else tokenizer_sha256(tokenizer)
    config = clip_config(architecture, form, sha256)

    def own_tensors() -> dict[str, Tensor]:
        with torch.device("meta"):
            expected = build_towers(config).state_dict()
        published = read_checkpoint(checkpoint)
        if is_openais(published):
            check_quick(architecture, config)
        tensors = perceptor_tensors(published, expected)
        check_tensors(tensors, expected, checkpoint.name)
        return tensors

    with _tokenizer_beside(to, tokenizer, config):
        _convert(checkpoint, config, to, own_tensors)


@contextmanager
def _tokenizer_beside(to: Path, tokenizer: Path | None, config: dict[str, Any]) -> Generator[None]:
    """Copy the tokenizer beside the weights after the block has written them."""
    copy, sha256 = tokenizer_path(to), tokenizer_hash(config)
    if tokenizer is None or sha256 is None or _is_copy(copy, sha256):
        yield
        return
    read_tokenizer(tokenizer, config["text_cfg"], sha256)  # raises if it is unusable
    yield
    with _locked(copy), tokenizer.open("rb") as source, _atomic_write(copy) as file:
        shutil.copyfileobj(source, file)


def _is_copy(path: Path, sha256: str) -> bool:
    try:
        return tokenizer_sha256(path) == sha256
    except ModelError:  # missing or not a tokenizer
        return False


def _convert(
    checkpoint: Path,
    config: Mapping[str, Any],
    to: Path,
    own_tensors: Callable[[], dict[str, Tensor]],
) -> None:
    """Write the result of `own_tensors` to `to`, unless that is up to date."""
    wanted = json.loads(json.dumps({**config, ORDER_KEY: CHANNELS_LAST}))
    if _is_up_to_date(to, wanted, checkpoint):
        return
    with _locked(to):
        if _is_up_to_date(to, wanted, checkpoint):  # another process made it meanwhile
            return
        # The date before reading, so that a change while it is read is noticed next time.
        found = checkpoint.stat()
        tensors = own_tensors()
        source = {"bytes": found.st_size, "sha256": _sha256(checkpoint)}
        metadata = json.dumps(wanted | {SOURCE_KEY: source})
        with _atomic_write(to) as file:
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
    if source.get("sha256") != _sha256(checkpoint):
        return False
    _stamp(to, found)
    return True


def _stamp(to: Path, checkpoint: os.stat_result) -> None:
    """Give the weights the checkpoint's date, so that they are recognised without a hash."""
    with suppress(OSError):
        os.utime(to, ns=(to.stat().st_atime_ns, checkpoint.st_mtime_ns))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _locked(to: Path) -> Generator[None]:
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
def _atomic_write(to: Path) -> Generator[BinaryIO]:
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
