"""A published checkpoint becomes this program's weights, once.

They are written in float32, whatever the checkpoint holds: a file is used where it lies, mapped
into memory, and that works only with the numbers that the models compute with. VQGANs were
published in float32 and lose nothing; OpenAI's halves are widened exactly. Convolutions are
written with their channels last, as the models keep them, for the same reason.

The architecture and the checkpoint's SHA-256 go along. The same checkpoint gives the same file,
byte for byte, and what has been converted already is found again.

A tokenizer that is a file is copied beside the weights, which hold its SHA-256. Within them it
would be read, with its tens of megabytes, whenever it is only looked what they are.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import torch
from filelock import FileLock
from torch import Tensor

from engine.conversion.architecture import read_architecture
from engine.conversion.checkpoint import checkpoint_form, read_checkpoint
from engine.conversion.perceptor import clip_config
from engine.conversion.state_dict_keys import check_tensors, generator_tensors, perceptor_tensors
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
"""Bytes: safetensors has its header end at a multiple of it, so that the numbers begin at one."""


def convert_vqgan(checkpoint: Path, config: Path, to: Path) -> None:
    """Convert a published VQGAN to weights for `engine.models.loading.load_vqgan`.

    Args:
        checkpoint: of taming's `VQModel` or `GumbelVQ`, or of a transformer that holds one.
        config: taming's yaml that was published beside it.
        to: the weights, in a folder that exists. Left alone if they were made of these two.

    Raises:
        ModelError: a file is missing, damaged, refused or of another architecture, or the weights
            cannot be written. What lay at `to` then still does.
    """
    architecture = read_architecture(config)
    checkpoint_form(checkpoint)  # which tells at once that it is missing

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
        checkpoint: one of OpenAI's archives, or a checkpoint or safetensors of open_clip's.
        architecture: open_clip's name for it, as `ViT-B-32-quickgelu`; where weights of the same
            architecture differ in their normalisation, with the name of the weights after a colon.
        to: the weights, in a folder that exists. Left alone if they were made of these.
        tokenizer: `tokenizer.json`, of an architecture whose tokenizer open_clip does not have.

    Raises:
        ModelError: as `convert_vqgan`; also for an architecture that is not known or not supported.
    """
    form = checkpoint_form(checkpoint)
    sha256 = None if tokenizer is None else tokenizer_sha256(tokenizer)
    config = clip_config(architecture, form, sha256)

    def own_tensors() -> dict[str, Tensor]:
        with torch.device("meta"):
            expected = build_towers(config).state_dict()
        tensors = perceptor_tensors(read_checkpoint(checkpoint), expected)
        check_tensors(tensors, expected, checkpoint.name)
        return tensors

    with _tokenizer_beside(to, tokenizer, config):
        _convert(checkpoint, config, to, own_tensors)


@contextmanager
def _tokenizer_beside(to: Path, tokenizer: Path | None, config: dict[str, Any]) -> Iterator[None]:
    """Copy the tokenizer beside the weights, once the block has made them."""
    copy, sha256 = tokenizer_path(to), tokenizer_hash(config)
    if tokenizer is None or sha256 is None or _is_copy(copy, sha256):
        yield
        return
    read_tokenizer(tokenizer, config["text_cfg"], sha256)  # which tells what is wrong with it
    yield
    with _alone(copy), tokenizer.open("rb") as source, _whole_or_not_at_all(copy) as file:
        shutil.copyfileobj(source, file)


def _is_copy(path: Path, sha256: str) -> bool:
    try:
        return tokenizer_sha256(path) == sha256
    except ModelError:  # none, or something else
        return False


def _convert(
    checkpoint: Path,
    config: Mapping[str, Any],
    to: Path,
    own_tensors: Callable[[], dict[str, Tensor]],
) -> None:
    """Write what `own_tensors` gives to `to`, unless that has been done."""
    wanted = json.loads(json.dumps({**config, ORDER_KEY: CHANNELS_LAST}))
    if _is_made(to, wanted, checkpoint):
        return
    with _alone(to):
        if _is_made(to, wanted, checkpoint):  # by another process, while this one waited
            return
        found = (
            checkpoint.stat()
        )  # before it is read: if it changes meanwhile, that will be noticed
        tensors = own_tensors()
        source = {"bytes": found.st_size, "sha256": _sha256(checkpoint)}
        metadata = json.dumps(wanted | {SOURCE_KEY: source})
        with _whole_or_not_at_all(to) as file:
            _write(file, tensors, metadata)
        _date(to, found)


def _is_made(to: Path, wanted: Mapping[str, Any], checkpoint: Path) -> bool:
    """Whether `to` holds weights of the architecture `wanted`, made from `checkpoint`."""
    try:
        made = read_config(to)
    except Exception:  # none, damaged, or something else: made anew
        return False
    source = made.pop(SOURCE_KEY, None)
    if made != wanted or not isinstance(source, dict) or not checkpoint.is_file():
        return False
    found, converted = checkpoint.stat(), to.stat()
    if source.get("bytes") != found.st_size:
        return False
    if converted.st_mtime_ns == found.st_mtime_ns:
        return True  # reading a gigabyte at every start would take longer than all the rest
    if source.get("sha256") != _sha256(checkpoint):
        return False
    _date(to, found)
    return True


def _date(to: Path, checkpoint: os.stat_result) -> None:
    """Give the weights the checkpoint's date, by which they are recognised without reading it."""
    with suppress(OSError):
        os.utime(to, ns=(to.stat().st_atime_ns, checkpoint.st_mtime_ns))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _alone(to: Path) -> Iterator[None]:
    """Keep other programs from writing `to`, and say if it cannot be written."""
    if not to.parent.is_dir():  # a lock would make it, wherever that is
        raise ModelError(
            f"the weights {to.name} cannot be written: the folder {str(to.parent)!r} does not exist"
        )
    with _told(to), FileLock(to.with_name(f".{to.name}.lock")):
        yield


@contextmanager
def _told(to: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = error.strerror or "the disk does not take it"
        raise ModelError(f"the weights {to.name} cannot be written: {why}") from error


@contextmanager
def _whole_or_not_at_all(to: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of `to` once it is complete and on the disk.

    It always has the same name, so that a program that was killed leaves at most one behind.
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
    """Write a safetensors file, one tensor at a time, so that memory holds only one of them.

    The longer integers come first, so that every number begins at a multiple of its length.
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
    """With channels last, also in its shape: safetensors knows no other order."""
    return tensor.permute(0, 2, 3, 1) if tensor.dim() == 4 else tensor
