"""Open-Edit's files in their published form, but small, from a host's paths to models."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.spectral_norm import spectral_norm

from engine.config_file import parse_table
from engine.errors import ModelError
from engine.models import catalogue
from engine.open_edit import published
from engine.open_edit.configs import EmbeddingConfig
from engine.open_edit.decoder import Decoder
from engine.open_edit.edges import Edges
from engine.open_edit.embedding import JointEmbedding
from engine.open_edit.perceptual import PerceptualFeatures
from engine.open_edit.published import fold_spectral_norm
from engine.preparation import prepare_models
from engine.weights.settings import WeightsSettings
from tests.engine.conversion.fake_checkpoints import poison
from tests.engine.conversion.fake_vocabulary import WORDS, write_vocabulary
from tests.engine.open_edit.small import DECODER, EDGES, PERCEPTUAL, filled, load
from tests.engine.rounding import assert_equal_up_to_rounding

EMBEDDING = EmbeddingConfig(words=len(WORDS), width=4, blocks=(1, 2, 1, 1), joint=32, word_width=5)
TORCHVISION = {
    "cnn.0.": "cnn.module.conv1.",
    "cnn.1.": "cnn.module.bn1.",
    "cnn.4.": "cnn.module.layer1.",
    "cnn.5.": "cnn.module.layer2.",
    "cnn.6.": "cnn.module.layer3.",
    "cnn.7.": "cnn.module.layer4.",
    "conv1x1.": "fc.",
}
"""VSE++'s own names of the picture's half."""

Tensors = dict[str, Tensor]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, config in {"DECODER": DECODER, "EDGES": EDGES, "PERCEPTUAL": PERCEPTUAL}.items():
        monkeypatch.setattr(published, name, config)
    monkeypatch.setattr(published, "embedding_config", lambda _: EMBEDDING)
    monkeypatch.setattr(catalogue, "CATALOGUE", {})
    monkeypatch.setattr(catalogue, "PAINTERS", {})


def with_spectral_norm() -> Decoder:
    """Return a decoder as it was trained; torch normalizes the weights."""
    decoder = filled(Decoder(DECODER), 3)
    for name, module in list(decoder.named_modules()):
        if name.rpartition(".")[2] in ("conv_0", "conv_1", "conv_s"):
            assert isinstance(module, nn.Conv2d)
            spectral_norm(module)
            module.eval()
    return decoder


def embedding_state() -> Tensors:
    return filled(JointEmbedding(EMBEDDING), 1).state_dict()


def in_sequence(image: Tensors) -> Tensors:
    return image | {"edgenet.fuse.bias": torch.zeros(1)}


def as_torchvision(image: Tensors) -> Tensors:
    named: Tensors = {}
    for name, tensor in image.items():
        before, after = next(each for each in TORCHVISION.items() if name.startswith(each[0]))
        is_weight = name == "conv1x1.weight"
        named[name.replace(before, after)] = tensor[:, :, 0, 0] if is_weight else tensor
    return named


def write_embedding(path: Path, form: Callable[[Tensors], Tensors], **changes: Any) -> Path:
    """Write both halves as the training did, with its options and a score of numpy."""
    state = embedding_state()
    halves = [
        form({name: t for name, t in state.items() if name.startswith(("cnn.", "conv1x1."))}),
        {name: t for name, t in state.items() if name.startswith(("embed.", "rnn."))},
    ]
    content = {
        "epoch": 3,
        "model": halves,
        "best_rsum": np.float64(3.5),
        "opt": argparse.Namespace(lr=0.1),
        "Eiters": 7,
    }
    torch.save(content | changes, path, _use_new_zipfile_serialization=False)
    return path


def write_files(folder: Path, patch: pytest.MonkeyPatch) -> dict[str, Path]:
    edges = filled(Edges(EDGES), 2).state_dict()
    features = filled(PerceptualFeatures(PERCEPTUAL), 4).state_dict()
    unneeded = (
        "features.conv5_1.weight msblock5_3.conv2.bias conv5_2_down.weight score_dsn5.weight "
        "score_dsn5_1.weight score_dsn1_1.bias upsample_8_5.weight fuse.weight"
    )
    contents = {
        "decoder": with_spectral_norm().state_dict(),
        "edges": edges | {name: torch.zeros(1) for name in unneeded.split()},
        "perceptual": features
        | {name: torch.zeros(1) for name in ("features.30.weight", "classifier.6.bias")},
    }
    for role, content in contents.items():
        torch.save(content, folder / f"{role}.pth")
    paths = {role: folder / f"{role}.pth" for role in contents}
    paths["embedding"] = write_embedding(folder / "embedding.pth.tar", in_sequence)
    return paths | {"vocabulary": write_vocabulary(folder / "words.pkl", patch)}


def settings(folder: Path, files: dict[str, Path]) -> WeightsSettings:
    painter = {"kind": "open-edit", "files": {role: f"my-{role}" for role in files}}
    tables = {
        "folder": str(folder / "weights"),
        "files": {f"my-{role}": {"path": str(path)} for role, path in files.items()},
        "painters": {"mine": painter},
    }
    return parse_table(tables, "weights", WeightsSettings)


@pytest.mark.parametrize("form", [in_sequence, as_torchvision])
def test_a_host_s_files_are_converted_and_paint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: Callable[[Tensors], Tensors]
):
    files = write_files(tmp_path, monkeypatch)
    write_embedding(files["embedding"], form)
    prepare_models("mine", settings(tmp_path, files), fetches=False)
    paths = catalogue.PAINTERS["mine"].files
    made = {path: path.stat().st_ino for path in paths.values() if path.suffix != ".json"}
    prepare_models("mine", settings(tmp_path, files), fetches=False)
    assert {path: path.stat().st_ino for path in made} == made
    models = load(paths).models
    assert list(models.vocabulary.numbers) == WORDS
    for name, tensor in embedding_state().items():
        assert torch.equal(models.embedding.state_dict()[name], tensor), name
    for name, tensor in filled(Edges(EDGES), 2).state_dict().items():
        assert torch.equal(models.edges.state_dict()[name], tensor), name
    assert all(path.exists() for path in files.values())


def test_spectral_norm_is_folded_as_torch_applies_it():
    decoder = with_spectral_norm()
    folded = fold_spectral_norm(decoder.state_dict())
    for name, module in decoder.named_modules():
        if hasattr(module, "weight_orig"):
            assert isinstance(module, nn.Conv2d)
            module(torch.zeros(1, module.in_channels, 4, 4))  # which sets the weight
            assert_equal_up_to_rounding(folded.pop(f"{name}.weight"), module.weight)
    plain = filled(Decoder(DECODER), 3).state_dict()
    assert folded
    for name, tensor in folded.items():
        assert torch.equal(tensor, plain[name])


def test_a_weight_without_its_vectors_is_refused():
    state = with_spectral_norm().state_dict()
    del state["head_0.conv_0.weight_u"]
    with pytest.raises(ModelError, match=r"'head_0\.conv_0\.weight_orig' lacks the vectors"):
        fold_spectral_norm(state)
    state["head_0.conv_0.weight_u"] = torch.zeros(3)
    with pytest.raises(ModelError, match=r"'head_0\.conv_0\.weight_orig' lacks the vectors"):
        fold_spectral_norm(state)


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ([], "lacks the entry 0"),
        ({}, "lacks the entry 0"),
        ([{"cnn.0.weight": torch.zeros(2)}], "lacks the entry 1"),
        ([{"cnn.0.weight": torch.zeros(2)}, {"embed.weight": torch.zeros(2)}], "lacks 'cnn.1."),
        ([[], {}], "has no tensors by name"),
    ],
)
def test_an_embedding_of_another_form_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: object, told: str
):
    files = write_files(tmp_path, monkeypatch)
    write_embedding(files["embedding"], in_sequence, model=model)
    with pytest.raises(ModelError) as error:
        prepare_models("mine", settings(tmp_path, files), fetches=False)
    assert told in str(error.value)
    assert "embedding.pth.tar" in str(error.value)


@pytest.mark.parametrize("role", ["decoder", "embedding", "vocabulary", "edges", "perceptual"])
def test_nothing_in_a_file_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str):
    files = write_files(tmp_path, monkeypatch)
    files[role].write_bytes(poison(tmp_path / "made"))
    with pytest.raises(ModelError, match=r"asks for \w+\.mkdir"):
        prepare_models("mine", settings(tmp_path, files), fetches=False)
    assert not (tmp_path / "made").exists()
