"""From the files of Open-Edit, which a host downloaded by hand, to weights.

Facts about the files: names and shapes of their tensors, which the modules of this package have
too. Published are the decoder of Open-Edit, the joint embedding of VSE++ with its vocabulary, BDCN
for edges, and torchvision's VGG-19.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from engine.conversion.checkpoint import read_checkpoint
from engine.conversion.convert import convert_module
from engine.conversion.pickled_words import read_pickled_words
from engine.conversion.weights_file import write_bytes
from engine.errors import ModelError
from engine.open_edit.configs import (
    DecoderConfig,
    EdgesConfig,
    EmbeddingConfig,
    PerceptualConfig,
)
from engine.open_edit.decoder import Decoder
from engine.open_edit.edges import Edges
from engine.open_edit.embedding import JointEmbedding
from engine.open_edit.perceptual import PerceptualFeatures

DECODER, EDGES, PERCEPTUAL = DecoderConfig(), EdgesConfig(), PerceptualConfig()
"""The published sizes; that of the embedding depends on its number of words."""
IMAGE_HALF, TEXT_HALF = ("model", 0), ("model", 1)
"""Where the two halves of the embedding are in their checkpoint."""

_UNNEEDED_EDGES = re.compile(
    r"features\.conv5_.*|msblock5_.*|conv5_\d_down\..*|score_dsn5\..*|score_dsn\d_1\..*"
    r"|upsample_8_5\..*|fuse\..*"
)
"""Tensors of BDCN that the sum of the first four stages does not need."""
_UNNEEDED_FEATURES = re.compile(r"features\.(3\d|29)\..*|classifier\..*")
"""Tensors of VGG-19 behind the first ReLU of its fifth stage."""
_UNNEEDED_IMAGE_HALF = re.compile(r"edgenet\..*")
"""Tensors of the picture's half that are BDCN's, whose own file is used."""
_RESNET = {
    "conv1": "0",
    "bn1": "1",
    "layer1": "4",
    "layer2": "5",
    "layer3": "6",
    "layer4": "7",
}
"""Places in the published sequence by torchvision's names."""


def convert_open_edit(files: Mapping[str, Path], to: Mapping[str, Path]) -> None:
    """Convert the files of Open-Edit; those that were converted before stay.

    Args:
        files: `decoder`, `embedding`, `vocabulary`, `edges` and `perceptual`.
        to: paths of the results under the same names. The folders must exist.

    Raises:
        ModelError: a file is missing, damaged, refused or of another architecture, or a result
            cannot be written.
    """
    words = read_pickled_words(files["vocabulary"])
    convert_module(
        files["decoder"],
        asdict(DECODER),
        to["decoder"],
        build=lambda: Decoder(DECODER),
        select=fold_spectral_norm,
    )
    convert_module(
        files["edges"],
        asdict(EDGES),
        to["edges"],
        build=lambda: Edges(EDGES),
        select=lambda tensors: _without(tensors, _UNNEEDED_EDGES),
    )
    convert_module(
        files["perceptual"],
        asdict(PERCEPTUAL),
        to["perceptual"],
        build=lambda: PerceptualFeatures(PERCEPTUAL),
        select=lambda tensors: _without(tensors, _UNNEEDED_FEATURES),
    )
    embedding = embedding_config(len(words))
    convert_module(
        files["embedding"],
        asdict(embedding),
        to["embedding"],
        build=lambda: JointEmbedding(embedding),
        read=_read_embedding,
    )
    write_bytes(to["vocabulary"], json.dumps(words, ensure_ascii=False).encode())


def embedding_config(words: int) -> EmbeddingConfig:
    """Return the published architecture of the embedding, for a number of words."""
    return EmbeddingConfig(words=words)


def fold_spectral_norm(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Divide each weight with spectral norm by its largest singular value, as it is used.

    Published are the weight `NAME_orig` (O, I, H, W) and the vectors `NAME_u` (O,) and `NAME_v`
    (I H W,) of the power iteration (Miyato et al., 2018): the value is u · W v.

    Raises:
        ModelError: A weight lacks a vector of its size.
    """
    folded: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        base, _, kind = name.rpartition("_")
        if kind in ("u", "v") and f"{base}_orig" in tensors:
            continue
        if kind != "orig":
            folded[name] = tensor
            continue
        u, v = (tensors.get(f"{base}_{vector}") for vector in ("u", "v"))
        matrix = tensor.float().flatten(1)
        if u is None or v is None or (len(u), len(v)) != matrix.shape:
            raise ModelError(f"the tensor {name!r:.120} lacks the vectors of its spectral norm")
        folded[base] = tensor.float() / torch.dot(u.float(), matrix @ v.float())
    return folded


def _read_embedding(path: Path) -> dict[str, Tensor]:
    image = _image_half(read_checkpoint(path, IMAGE_HALF))
    return image | read_checkpoint(path, TEXT_HALF)


def _image_half(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the picture's half under the names of the sequence that Open-Edit makes of it.

    VSE++ itself writes torchvision's names, `module` between after training on several devices, and
    a linear layer `fc` in place of the convolution.
    """
    named: dict[str, Tensor] = {}
    for name, tensor in _without(tensors, _UNNEEDED_IMAGE_HALF).items():
        first, *rest = name.replace("cnn.module.", "cnn.").split(".")
        if first == "cnn" and rest and rest[0] in _RESNET:
            rest[0] = _RESNET[rest[0]]
        is_linear = first == "fc" and tensor.dim() == 2
        first = "conv1x1" if first == "fc" else first
        named[".".join((first, *rest))] = tensor[:, :, None, None] if is_linear else tensor
    return named


def _without(tensors: Mapping[str, Tensor], unneeded: re.Pattern[str]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if not unneeded.fullmatch(name)}
