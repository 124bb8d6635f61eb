"""The modules have exactly the tensors of the published files, as far as painting needs them."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn

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

LIST = Path(__file__).with_name("published_tensors.txt")
LINE = re.compile(r"(\S+) \[([\d, ]*)\] \w+")
PICTURE_HALF, TEXT_HALF = "'model'][0]", "'model'][1]"
NOT_NEEDED = re.compile(
    r"features\.conv5_.*|msblock5_.*|conv5_._down.*|score_dsn5.*|score_dsn._1\..*"
    r"|upsample_8_5\..*|fuse\..*"
)
"""What is left of BDCN without its fifth stage and its second direction."""


def published(name: str) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the tensors of the file whose title has `name`."""
    _, after = LIST.read_text().split(f"{name}", 1)
    section = after.split("\n#")[0]
    found = [LINE.fullmatch(line) for line in section.splitlines()[1:]]
    return {
        each[1]: tuple(map(int, filter(None, each[2].split(", ")))) for each in filter(None, found)
    }


def shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(each.shape) for name, each in module.state_dict().items()}


def without_spectral_norm(tensors: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    kept = {k: v for k, v in tensors.items() if not k.endswith(("weight_u", "weight_v"))}
    return {name.removesuffix("_orig"): shape for name, shape in kept.items()}


def test_the_joint_embedding():
    expected = published(PICTURE_HALF) | published(TEXT_HALF)
    with torch.device("meta"):
        found = shapes(JointEmbedding(EmbeddingConfig(words=10_000)))
    assert found == expected


def test_the_edges():
    everything = published("bdcn_pretrained_on_bsds500.pth")
    expected = {k: v for k, v in everything.items() if not NOT_NEEDED.fullmatch(k)}
    assert len(everything) - len(expected) == 51
    with torch.device("meta"):
        assert shapes(Edges(EdgesConfig())) == expected


def test_the_decoder_after_its_spectral_norm_is_part_of_the_weights():
    with torch.device("meta"):
        found = shapes(Decoder(DecoderConfig()))
    assert found == without_spectral_norm(published("latest_net_G.pth"))


def test_the_maps_that_fit_the_decoder_to_a_picture():
    with torch.device("meta"):
        found = Decoder(DecoderConfig()).map_shapes()
    assert found == published("PerturbationNet")


def test_the_perceptual_features():
    everything = published("vgg19.pth")
    number = re.compile(r"features\.(\d+)\.")
    expected = {k: v for k, v in everything.items() if (n := number.match(k)) and int(n[1]) <= 28}
    with torch.device("meta"):
        assert shapes(PerceptualFeatures(PerceptualConfig())) == expected


@pytest.mark.parametrize("file", [PICTURE_HALF, TEXT_HALF, "latest_net_G.pth", "vgg19.pth"])
def test_the_list_is_read(file: str):
    assert published(file)
