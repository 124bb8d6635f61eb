"""Convert a published checkpoint to this program's weights, once.

Weights are written in float32 and with channels last, as the models compute with them, so that the
file can be memory-mapped and used without a copy. VQGANs were published in float32 and lose
nothing; OpenAI's float16 is converted exactly.

The architecture and the checkpoint's SHA-256 are stored as metadata. The same checkpoint gives the
same file, byte for byte, and a checkpoint that was converted before is recognised.

A tokenizer that is a file is copied beside the weights, which hold its SHA-256. Inside them, its
tens of megabytes would be read whenever the metadata is read.
"""

import shutil
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from engine.conversion.architecture import read_architecture
from engine.conversion.checkpoint import checkpoint_form, read_checkpoint
from engine.conversion.perceptor import check_quick, clip_config
from engine.conversion.state_dict_keys import (
    check_tensors,
    generator_tensors,
    is_openais,
    perceptor_tensors,
)
from engine.conversion.weights_file import atomic_write, locked, write_once
from engine.errors import ModelError
from engine.models.clip import build_towers, tokenizer_hash
from engine.models.loading import tokenizer_path
from engine.models.tokenizer import read_tokenizer, tokenizer_sha256
from engine.models.vqgan import VQGAN


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
    convert_module(
        checkpoint,
        architecture.to_dict(),
        to,
        build=lambda: VQGAN(architecture),
        select=generator_tensors,
    )


def convert_module(
    checkpoint: Path,
    config: Mapping[str, Any],
    to: Path,
    *,
    build: Callable[[], nn.Module],
    select: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]] = dict,
    read: Callable[[Path], Mapping[str, Tensor]] = read_checkpoint,
) -> None:
    """Convert a published checkpoint to weights for `engine.models.loading.load_module`.

    Args:
        checkpoint: the published file.
        config: the architecture as JSON values, which becomes metadata.
        to: the path of the weights, in a folder that exists. The file stays if it was made from
            this checkpoint.
        build: builds the module, here on the meta device, whose tensors are to be there.
        select: returns the tensors under the module's names, without those that are not needed.
        read: reads the tensors of the checkpoint.

    Raises:
        ModelError: as in `convert_vqgan`.
    """
    checkpoint_form(checkpoint)  # raises at once if it is missing

    def own_tensors() -> dict[str, Tensor]:
        tensors = dict(select(read(checkpoint)))
        with torch.device("meta"):
            expected = build().state_dict()
        check_tensors(tensors, expected, checkpoint.name)
        return tensors

    write_once(checkpoint, config, to, own_tensors)


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
        write_once(checkpoint, config, to, own_tensors)


@contextmanager
def _tokenizer_beside(to: Path, tokenizer: Path | None, config: dict[str, Any]) -> Generator[None]:
    """Copy the tokenizer beside the weights after the block has written them."""
    copy, sha256 = tokenizer_path(to), tokenizer_hash(config)
    if tokenizer is None or sha256 is None or _is_copy(copy, sha256):
        yield
        return
    read_tokenizer(tokenizer, config["text_cfg"], sha256)  # raises if it is unusable
    yield
    with locked(copy), tokenizer.open("rb") as source, atomic_write(copy) as file:
        shutil.copyfileobj(source, file)


def _is_copy(path: Path, sha256: str) -> bool:
    try:
        return tokenizer_sha256(path) == sha256
    except ModelError:  # missing or not a tokenizer
        return False
