import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from engine.conversion.convert import convert_clip
from engine.errors import ModelError
from engine.models.clip import build_clip
from engine.models.loading import load_clip, read_config
from tests.engine.conversion.fake_checkpoints import filled, openai_archive

TINY = {
    "embed_dim": 8,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> dict[str, Tensor]:
    """Register a small CLIP as `tiny` with open_clip; return its tensors."""
    known: dict[str, Any] = open_clip.factory._MODEL_CONFIGS
    monkeypatch.setitem(known, "tiny", TINY)
    monkeypatch.setitem(known, "tiny-quickgelu", TINY | {"quick_gelu": True})
    with torch.device("meta"):
        model = build_clip(deepcopy(TINY))[0]
    return filled(model).state_dict()


def _served(name: str) -> str:
    """Return the name that a tensor of an image tower has in service, where it is of a layer."""
    if not name.startswith("visual."):
        return name
    return name.replace("conv1.weight", "conv1.projection.weight").replace("in_proj_", "in_proj.")


def test_a_clip_is_converted_from_every_form(tmp_path: Path, tiny: dict[str, Tensor]):
    save_file(tiny, tmp_path / "open_clip_model.safetensors")
    torch.save({"state_dict": {f"module.{k}": v for k, v in tiny.items()}}, tmp_path / "epoch.pt")
    listed = tiny | {"logit_scale": tiny["logit_scale"].view(1)}
    torch.save(listed, tmp_path / "open_clip_pytorch_model.bin")
    for name in ("open_clip_model.safetensors", "epoch.pt", "open_clip_pytorch_model.bin"):
        weights = tmp_path / f"{name}.safetensors"
        convert_clip(tmp_path / name, "tiny", weights)
        loaded = load_clip(weights)
        expected = {_served(name): each for name, each in tiny.items()}
        patches = "visual.conv1.projection.weight"  # in service they are a matrix
        expected[patches] = expected[patches].flatten(1)
        torch.testing.assert_close(dict(loaded.model.state_dict()), expected, rtol=0, atol=0)
        assert loaded.input_size == 32
        assert len(loaded.tokenizer("a")[0]) == 16


def test_a_clip_that_is_a_resnet_is_converted_with_what_it_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    vision = {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8, "patch_size": None}
    config = TINY | {"vision_cfg": vision}
    known: dict[str, Any] = open_clip.factory._MODEL_CONFIGS
    monkeypatch.setitem(known, "tiny", config)
    with torch.device("meta"):
        model = build_clip(deepcopy(config))[0]
    state = filled(model).state_dict()
    state["visual.bn1.num_batches_tracked"] = torch.tensor(7)
    save_file(state, tmp_path / "model.safetensors")
    convert_clip(tmp_path / "model.safetensors", "tiny", tmp_path / "weights.safetensors")
    loaded = load_clip(tmp_path / "weights.safetensors").model
    torch.testing.assert_close(dict(loaded.state_dict()), dict(state), rtol=0, atol=0)


def test_an_archives_activation_is_never_mistaken(tmp_path: Path, tiny: dict[str, Tensor]):
    openai_archive(tmp_path / "tiny.pt", tiny)
    weights = tmp_path / "tiny.safetensors"
    with pytest.raises(ModelError, match="another activation .* name tiny-quickgelu instead"):
        convert_clip(tmp_path / "tiny.pt", "tiny", weights)
    convert_clip(tmp_path / "tiny.pt", "tiny-quickgelu", weights)
    kinds = {type(module).__name__ for module in load_clip(weights).modules()}
    assert "QuickGELU" in kinds
    assert "GELU" not in kinds


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        ("ViT-X-99", "open_clip knows no architecture 'ViT-X-99'"),
        ("hf-hub:someone/something", "knows no architecture 'hf-hub'"),
        ("local-dir:/etc", "knows no architecture 'local-dir'"),
        ("", "knows no architecture ''"),
        ("ViT-B/32", "knows no architecture 'ViT-B/32'; is it ViT-B-32"),
        ("vit_l_14:openai", "knows no architecture 'vit_l_14'; is it ViT-L-14"),
        ("ViT-B-32", "differ in their activation: name ViT-B-32-quickgelu for those of OpenAI, or"),
        ("RN50", "another activation than RN50 has: name RN50-quickgelu instead"),
        ("ViT-B-16-SigLIP", "ViT-B-16-SigLIP is not supported"),
        ("ViT-B-16-SigLIP2", "ViT-B-16-SigLIP2 needs its own tokenizer: name the file"),
        ("roberta-ViT-B-32", "is not supported: its towers or its tokenizer belong to another"),
        ("convnext_large", "convnext_large is not supported"),
        ("ViT-B-32:metaclip_400m", "name ViT-B-32-quickgelu instead"),
        ("ViT-B-32:unheard_of", "knows no weights 'unheard_of' of ViT-B-32"),
        ("ViT-L-14", "differ in how they normalise pictures: name them too, as in ViT-L-14:"),
    ],
)
def test_an_architecture_that_is_not_known_or_does_not_fit_is_refused(
    tmp_path: Path, architecture: str, message: str
):
    save_file({"a": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match=message):
        convert_clip(tmp_path / "model.safetensors", architecture, tmp_path / "weights")


def test_an_openai_state_dict_is_never_mistaken(tmp_path: Path, tiny: dict[str, Tensor]):
    facts = {"input_resolution": torch.tensor(32), "vocab_size": torch.tensor(49408)}
    torch.save(tiny | facts, tmp_path / "tiny.pt")
    weights = tmp_path / "weights.safetensors"
    with pytest.raises(ModelError, match="another activation .* name tiny-quickgelu instead"):
        convert_clip(tmp_path / "tiny.pt", "tiny", weights)
    assert not weights.exists()
    convert_clip(tmp_path / "tiny.pt", "tiny-quickgelu", weights)
    assert "QuickGELU" in {type(module).__name__ for module in load_clip(weights).modules()}


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("text_model.encoder.layers.0.self_attn.q_proj.weight", "open_clip_pytorch_model.bin"),
        ("vision_model.embeddings.class_embedding", "layout of Hugging Face's transformers"),
    ],
)
def test_the_layout_of_another_library_is_named_with_what_to_take(
    tmp_path: Path, name: str, message: str
):
    save_file({name: torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match=message):
        convert_clip(tmp_path / "model.safetensors", "tiny", tmp_path / "weights.safetensors")


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_numbers_that_are_none_are_refused_where_they_are_read(
    tmp_path: Path, tiny: dict[str, Tensor], value: float
):
    bad = tiny | {"visual.ln_pre.bias": tiny["visual.ln_pre.bias"].clone()}
    bad["visual.ln_pre.bias"][3] = value
    save_file(bad, tmp_path / "model.safetensors")
    weights = tmp_path / "weights.safetensors"
    with pytest.raises(ModelError, match=r"model.safetensors cannot be used: 'visual.ln_pre.bias'"):
        convert_clip(tmp_path / "model.safetensors", "tiny", weights)
    save_file(tiny, tmp_path / "model.safetensors")
    convert_clip(tmp_path / "model.safetensors", "tiny", weights)
    config = json.dumps(read_config(weights))
    save_file(bad, weights, metadata={"config": config})
    with pytest.raises(ModelError, match="not finite numbers, in 'visual.ln_pre.bias'"):
        load_clip(weights)


def test_weights_are_normalised_as_they_were_trained(
    tmp_path: Path, tiny: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
):
    known: dict[str, Any] = open_clip.factory._MODEL_CONFIGS
    monkeypatch.setitem(known, "ViT-L-14", TINY)
    save_file(tiny, tmp_path / "model.safetensors")
    for name, mean in [("laion2b_s32b_b82k", 0.5), ("laion400m_e32", 0.48145466)]:
        weights = tmp_path / f"{name}.safetensors"
        convert_clip(tmp_path / "model.safetensors", f"ViT-L-14:{name}", weights)
        assert load_clip(weights).mean[0, 0].item() == pytest.approx(mean)


def test_a_clip_of_another_architecture_is_refused_by_name(tmp_path: Path, tiny: dict[str, Tensor]):
    weights = tmp_path / "weights.safetensors"
    save_file({k: v for k, v in tiny.items() if k != "visual.proj"}, tmp_path / "less.safetensors")
    with pytest.raises(ModelError, match=r"less\.safetensors lacks 'visual\.proj'"):
        convert_clip(tmp_path / "less.safetensors", "tiny", weights)
    save_file(tiny | {"text.a": torch.zeros(1)}, tmp_path / "more.safetensors")
    with pytest.raises(ModelError, match=r"more\.safetensors has 'text\.a', unknown"):
        convert_clip(tmp_path / "more.safetensors", "tiny", weights)
    save_file(tiny | {"visual.proj": torch.zeros(64, 9)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match=r"'visual\.proj' has the shape \(64, 9\) where"):
        convert_clip(tmp_path / "other.safetensors", "tiny", weights)
    assert not weights.exists()
