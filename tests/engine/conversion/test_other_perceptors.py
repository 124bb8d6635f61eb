"""Perceptors in the layout of transformers, and with a ConvNeXt of timm as image tower."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from open_clip.model import CLIP
from safetensors.torch import save_file
from torch import Tensor

from engine.conversion.convert import convert_clip
from engine.conversion.perceptor import clip_config
from engine.errors import ModelError
from engine.models import clip
from engine.models.clip import build_clip, build_towers
from engine.models.loading import load_clip
from tests.engine.conversion.fake_checkpoints import filled

TINY = {
    "embed_dim": 8,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
CONVNEXT = TINY | {
    "vision_cfg": {
        "timm_model_name": "convnext_atto",
        "timm_model_pretrained": False,
        "timm_pool": "",
        "timm_proj": "linear",
        "timm_drop": 0.0,
        "timm_drop_path": 0.1,
        "image_size": 64,
    }
}
"""As `convnext_base_w` of open_clip, with the smallest ConvNeXt."""


def register(monkeypatch: pytest.MonkeyPatch, config: dict[str, Any]) -> None:
    known: dict[str, Any] = open_clip.factory._MODEL_CONFIGS
    monkeypatch.setitem(known, "tiny", config)


def as_transformers(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return open_clip's tensors as `CLIPModel` of transformers saves them."""
    towers = {"text_model": ("", 16), "vision_model": ("visual.", 64)}
    made = {
        "logit_scale": state["logit_scale"],
        "text_projection.weight": state["text_projection"].T.contiguous(),
        "visual_projection.weight": state["visual.proj"].T.contiguous(),
        "text_model.embeddings.position_ids": torch.arange(16)[None],
        "text_model.embeddings.token_embedding.weight": state["token_embedding.weight"],
        "text_model.embeddings.position_embedding.weight": state["positional_embedding"],
        "vision_model.embeddings.class_embedding": state["visual.class_embedding"],
        "vision_model.embeddings.patch_embedding.weight": state["visual.conv1.weight"],
        "vision_model.embeddings.position_embedding.weight": state["visual.positional_embedding"],
    }
    norms = {
        "text_model.final_layer_norm": "ln_final",
        "vision_model.pre_layrnorm": "visual.ln_pre",
        "vision_model.post_layernorm": "visual.ln_post",
    }
    for theirs, ours in norms.items():
        made |= {f"{theirs}.{kind}": state[f"{ours}.{kind}"] for kind in ("weight", "bias")}
    parts = {
        "layer_norm1": "ln_1",
        "layer_norm2": "ln_2",
        "self_attn.out_proj": "attn.out_proj",
        "mlp.fc1": "mlp.c_fc",
        "mlp.fc2": "mlp.c_proj",
    }
    for theirs, (prefix, width) in towers.items():
        for layer in range(2 if prefix else 1):
            block, to = f"{prefix}transformer.resblocks.{layer}", f"{theirs}.encoder.layers.{layer}"
            for kind in ("weight", "bias"):
                made |= {f"{to}.{t}.{kind}": state[f"{block}.{o}.{kind}"] for t, o in parts.items()}
                split = state[f"{block}.attn.in_proj_{kind}"].split(width)
                for letter, tensor in zip("qkv", split, strict=True):
                    made[f"{to}.self_attn.{letter}_proj.{kind}"] = tensor.clone()
    return made


def test_the_layout_of_transformers_is_the_same_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    register(monkeypatch, TINY)
    with torch.device("meta"):
        model = build_clip(deepcopy(TINY))[0]
    state = filled(model).state_dict()
    save_file(state, tmp_path / "open_clip_model.safetensors")
    other = as_transformers(state)
    save_file(other, tmp_path / "model.safetensors")
    loaded = []
    for name in ("open_clip_model", "model"):
        convert_clip(tmp_path / f"{name}.safetensors", "tiny", tmp_path / f"to-{name}.safetensors")
        loaded.append(load_clip(tmp_path / f"to-{name}.safetensors"))
    one, two = (dict(each.model.state_dict()) for each in loaded)
    torch.testing.assert_close(one, two, rtol=0, atol=0)
    del other["vision_model.encoder.layers.1.self_attn.k_proj.bias"]
    save_file(other, tmp_path / "model.safetensors")
    with pytest.raises(
        ModelError, match="lacks 'visual.transformer.resblocks.1.attn.in_proj_bias'"
    ):
        convert_clip(tmp_path / "model.safetensors", "tiny", tmp_path / "to-model.safetensors")


def test_a_convnext_embeds_as_open_clip_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    register(monkeypatch, CONVNEXT)
    monkeypatch.setattr(clip, "TIMM_TOWERS", clip.TIMM_TOWERS | {"convnext_atto"})
    monkeypatch.setattr("engine.conversion.perceptor.TIMM_TOWERS", clip.TIMM_TOWERS)
    config: dict[str, Any] = deepcopy(CONVNEXT)
    original = CLIP(**config).eval()
    save_file(original.state_dict(), tmp_path / "model.safetensors")
    convert_clip(tmp_path / "model.safetensors", "tiny", tmp_path / "weights.safetensors")
    loaded = load_clip(tmp_path / "weights.safetensors")
    assert loaded.input_size == 64
    pictures = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = original.encode_image((pictures - loaded.mean) / loaded.std, normalize=True)
    torch.testing.assert_close(loaded.encode_image(pictures), expected, rtol=1e-3, atol=1e-4)


def test_the_published_convnext_has_its_own_shapes():
    config = clip_config("convnext_base_w:laion2b_s13b_b82k_augreg", "pickle")
    with torch.device("meta"):
        state = build_towers(config).state_dict()
    assert state["visual.trunk.stages.2.blocks.26.mlp.fc1.weight"].shape == (2048, 512)
    assert state["visual.head.proj.weight"].shape == (640, 1024)
    assert state["text_projection"].shape == (640, 640)
    assert sum(each.numel() for each in state.values()) == pytest.approx(179.4e6, rel=0.01)


@pytest.mark.parametrize("name", ["PE-Core-B-16", "MobileCLIP2-S0", "MobileCLIP2-B"])
def test_towers_that_belong_to_timm_alone_are_refused(name: str):
    with pytest.raises(ModelError, match="its towers or its tokenizer belong to another library"):
        clip_config(name, "pickle")
