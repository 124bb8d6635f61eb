"""GLIDE's files: weights, tokenizers and the configurations in them, which nobody vouches for."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.errors import ModelError
from engine.glide.clip_config import ClipImageConfig, ClipTextConfig
from engine.glide.config import PUBLISHED_BASE, UNetConfig
from engine.glide.painter import Glide, load_painter
from engine.glide.tokens import WordTokenizer, fit, read_byte_pairs
from engine.models.loading import CONFIG_KEY, save_weights
from engine.recipes.glide_recipe import GlideRecipe
from tests.engine.glide.tiny import BASE, UPSAMPLER, glide, gpt2_files

CPU = torch.device("cpu")
RECIPE = GlideRecipe(
    models="tiny-glide", seed=7, side=32, prompt="a red circle", base_steps=1, upsample_steps=1
)


@pytest.fixture(scope="module")
def models() -> Glide:
    return glide(with_clip=True)


@pytest.fixture
def paths(models: Glide, tmp_path: Path) -> dict[str, Path]:
    assert models.clip is not None
    files = {
        "base": (models.base, BASE.to_dict()),
        "upsampler": (models.upsampler, UPSAMPLER.to_dict()),
        "clip-image": (models.clip.image, vars(models.clip.image.config)),
        "clip-text": (models.clip.text, vars(models.clip.text.config)),
    }
    for role, (module, config) in files.items():
        save_weights(module, config, tmp_path / f"{role}.safetensors")
    return {role: tmp_path / f"{role}.safetensors" for role in files}


def rewrite(path: Path, config: dict[str, Any], **changes: torch.Tensor | None) -> None:
    tensors = load_file(path) | changes
    kept = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    save_file(kept, path, metadata={CONFIG_KEY: json.dumps(config)})


def test_models_from_files_paint_in_both_precisions(paths: dict[str, Path]) -> None:
    pictures: list[torch.Tensor] = []
    for dtype in (torch.float32, torch.bfloat16):
        models = load_painter("tiny-glide", paths, CPU, dtype)
        run = models.begin(RECIPE)
        run.step()
        run.step()
        pictures.append(run.image())
        assert models.digests.keys() == {path.name for path in paths.values()}
    assert (pictures[0] - pictures[1]).abs().mean() < 0.1
    assert not torch.equal(*pictures)


def test_files_that_do_not_fit_together_are_refused(paths: dict[str, Path]) -> None:
    with pytest.raises(ModelError, match="do not fit together"):
        load_painter("x", paths | {"base": paths["upsampler"]}, CPU)
    with pytest.raises(ModelError, match="damaged or of another model"):
        load_painter("x", paths | {"base": paths["clip-image"]}, CPU)
    with pytest.raises(ModelError, match="missing"):
        load_painter("x", paths | {"base": paths["base"].with_name("none")}, CPU)


@pytest.mark.parametrize(
    "changes",
    [
        {"final_ln.weight": None},
        {"surplus": torch.zeros(1)},
        {"final_ln.weight": torch.zeros(31)},
        {"final_ln.weight": torch.full((32,), float("nan"))},
    ],
)
def test_damaged_weights_are_refused(paths: dict[str, Path], changes: dict[str, Any]) -> None:
    rewrite(paths["base"], BASE.to_dict(), **changes)
    with pytest.raises(ModelError, match=r"base\.safetensors"):
        load_painter("x", paths, CPU)


@pytest.mark.parametrize(
    "values",
    [
        {"side": 0},
        {"side": "64"},
        {"side": 66},
        {"low_side": 0},
        {"channels": 2**20},
        {"channels": 48},
        {"multipliers": []},
        {"multipliers": [1] * 9},
        {"multipliers": 1},
        {"head_channels": 60},
        {"schedule": "fast"},
        {"inpainting": 1},
        {"text": 1},
        {"text": {"heads": 3}},
        {"text": {"words": ["a"] * 5000}},
        {"text": {"words": ["a", "b"], "vocabulary": 1}},
        {"text": {"layers": 10**6}},
        {"more": 1},
    ],
)
def test_a_hostile_configuration_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        UNetConfig.from_dict(values)


@pytest.mark.parametrize("values", [{"layers": 0}, {"heads": 5}, {"side": 62}, {"more": 1}])
def test_a_hostile_configuration_of_a_clip_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        ClipImageConfig.from_dict(values)
    with pytest.raises((ValueError, TypeError)):
        ClipTextConfig.from_dict(values | {"vocabulary": 10**9})


def test_a_configuration_survives_json() -> None:
    for config in (BASE, UPSAMPLER, PUBLISHED_BASE):
        assert UNetConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_texts_are_cut_off_and_filled_up() -> None:
    tokenizer = WordTokenizer(("a", "red", "circle"))
    assert tokenizer.encode("A RED, unknown circle!") == [0, 1, 2]
    tokens, present = fit([[5, 6, 7], [], [1]], 2)
    assert tokens.tolist() == [[5, 6], [0, 0], [1, 0]]
    assert present.tolist() == [[True, True], [False, False], [True, False]]


@pytest.mark.parametrize("packed", [False, True])
def test_byte_pairs_are_merged_in_small_letters(tmp_path: Path, packed: bool) -> None:
    files = gpt2_files(tmp_path)
    if packed:
        for file in files:
            file.write_bytes(gzip.compress(file.read_bytes()))
    tokenizer = read_byte_pairs(*files, 29)
    # red; space, r, e joined to "re", then s, t
    assert tokenizer.encode("Red REST") == [28, 26, 27, 18, 19]


@pytest.mark.parametrize(
    ("vocabulary", "merges"),
    [
        ("[]", "#\n"),
        ("{", "#\n"),
        ('{"a": 29}', "#\n"),
        ('{"a": -1}', "#\n"),
        ('{"a": "0"}', "#\n"),
        ('{"a": 0}', "#\na b\n"),
        ('{"a": 0}', "#\na a a\n"),
        ('{"a": 0}', "#\na a\n"),
    ],
)
def test_damaged_tokenizer_files_are_refused(tmp_path: Path, vocabulary: str, merges: str) -> None:
    files = gpt2_files(tmp_path)
    for file, content in zip(files, (vocabulary, merges), strict=True):
        file.write_text(content)
    with pytest.raises(ModelError, match="tokenizer file"):
        read_byte_pairs(*files, 29)


def test_a_tokenizer_file_that_unpacks_to_much_is_refused(tmp_path: Path) -> None:
    vocabulary, merges = gpt2_files(tmp_path)
    vocabulary.write_bytes(gzip.compress(b" " * 2**25))
    with pytest.raises(ModelError, match="larger"):
        read_byte_pairs(vocabulary, merges, 29)
    with pytest.raises(ModelError, match="missing"):
        read_byte_pairs(vocabulary.with_name("none"), merges, 29)
