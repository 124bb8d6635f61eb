import errno
import hashlib
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
import yaml
from safetensors.torch import save_file
from torch import Tensor

from engine.catalogue import CATALOGUE
from engine.clip import build_clip
from engine.conversion.converting import convert_clip, convert_vqgan
from engine.errors import ModelError
from engine.models import load_clip, load_models, load_vqgan
from tests.engine.conversion.published import (
    SMALL,
    GumbelVQ,
    VQModel,
    filled,
    lightning_checkpoint,
    openai_archive,
    vqgan,
)

PARAMS: dict[str, Any] = yaml.safe_load(SMALL)["model"]["params"]
DDCONFIG = PARAMS["ddconfig"]
TINY = {
    "embed_dim": 8,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


@pytest.fixture
def state() -> dict[str, Tensor]:
    """The small model's tensors."""
    return vqgan(VQModel, DDCONFIG, 16, 6).state_dict()


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> dict[str, Tensor]:
    """The tensors of a CLIP that open_clip knows as `tiny` for the time being."""
    known: dict[str, Any] = open_clip.factory._MODEL_CONFIGS
    monkeypatch.setitem(known, "tiny", TINY)
    monkeypatch.setitem(known, "tiny-quickgelu", TINY | {"quick_gelu": True})
    with torch.device("meta"):
        model = build_clip(deepcopy(TINY))[0]
    return filled(model).state_dict()


class Folder:
    """Where a checkpoint, its configuration and its weights lie."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoint, self.config = path / "last.ckpt", path / "model.yaml"
        self.weights = path / "weights.safetensors"
        self.config.write_text(SMALL)

    def convert(self) -> None:
        convert_vqgan(self.checkpoint, self.config, self.weights)

    def files(self) -> set[str]:
        return {path.name for path in self.path.iterdir() if not path.name.endswith(".lock")}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_the_weights_are_the_checkpoints_own(
    folder: Folder, state: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patch:
        lightning_checkpoint(folder.checkpoint, state, patch)
    folder.convert()
    loaded = load_vqgan(folder.weights)
    assert loaded.config.n_embed == 16
    kernels = [parameter for parameter in loaded.parameters() if parameter.dim() == 4]
    assert all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in kernels)
    torch.testing.assert_close(dict(loaded.state_dict()), state, rtol=0, atol=0)
    assert folder.files() == {"last.ckpt", "model.yaml", "weights.safetensors"}


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux tells what is mapped")
def test_the_weights_are_used_where_they_lie(folder: Folder, state: dict[str, Tensor]):
    torch.save(state, folder.checkpoint)
    folder.convert()
    loaded = load_vqgan(folder.weights)
    lines = Path("/proc/self/maps").read_text().splitlines()
    spans = [line.split()[0].split("-") for line in lines if line.endswith(str(folder.weights))]
    mapped = [range(int(start, 16), int(end, 16)) for start, end in spans]
    for name, parameter in loaded.named_parameters():
        assert any(parameter.data_ptr() in span for span in mapped), f"{name} was copied"


def test_halves_are_widened(folder: Folder, state: dict[str, Tensor]):
    torch.save({name: tensor.half() for name, tensor in state.items()}, folder.checkpoint)
    folder.convert()
    expected = {name: tensor.half().float() for name, tensor in state.items()}
    loaded = load_vqgan(folder.weights).state_dict()
    torch.testing.assert_close(dict(loaded), expected, rtol=0, atol=0)


def test_a_gumbel_vqgan_keeps_its_own_codebook(folder: Folder):
    ddconfig = DDCONFIG | {"z_channels": 6}
    state = vqgan(GumbelVQ, ddconfig, 16, 6).state_dict()
    torch.save({"state_dict": state}, folder.checkpoint)
    text = SMALL.replace("VQModel", "GumbelVQ").replace("z_channels: 8", "z_channels: 6")
    folder.config.write_text(text)
    folder.convert()
    loaded = load_vqgan(folder.weights)
    assert torch.equal(loaded.codebook, state["quantize.embed.weight"])


def test_a_transformers_first_stage_is_taken_out(folder: Folder, state: dict[str, Tensor]):
    content = {f"first_stage_model.{name}": tensor for name, tensor in state.items()}
    content |= {"first_stage_model.loss.discriminator.main.0.weight": torch.zeros(1)}
    content |= {"transformer.pos_emb": torch.zeros(1, 512, 8)}
    content |= {"cond_stage_model.colorize": torch.zeros(3, 182, 1, 1)}
    torch.save({"state_dict": content}, folder.checkpoint)
    folder.convert()
    torch.testing.assert_close(dict(load_vqgan(folder.weights).state_dict()), state)


def without(state: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key: tensor for key, tensor in state.items() if key != name}


CODEBOOK = "quantize.embedding.weight"
WRONG: dict[str, tuple[Callable[[dict[str, Tensor]], dict[str, Tensor]], str]] = {
    "missing": (lambda s: without(s, CODEBOOK), f"lacks '{CODEBOOK}' of this architecture"),
    "several missing": (
        lambda s: {k: v for k, v in s.items() if not k.startswith("decoder")},
        r"lacks 'decoder\.\S+, 'decoder\.\S+, 'decoder\.\S+ and \d+ more of this",
    ),
    "unexpected": (lambda s: s | {"extra": torch.zeros(1)}, "holds 'extra', unknown to this"),
    "unexpected beside a first stage": (
        lambda s: {f"first_stage_model.{k}": v for k, v in s.items()} | {"other.a": torch.zeros(1)},
        "holds 'other.a', unknown to this",
    ),
    "another shape": (
        lambda s: s | {CODEBOOK: torch.zeros(8, 6)},
        rf"'{CODEBOOK}' has the shape \(8, 6\) where this architecture has \(16, 6\)",
    ),
    "another kind": (
        lambda s: s | {CODEBOOK: torch.zeros(16, 6, dtype=torch.int64)},
        f"'{CODEBOOK}' holds torch.int64 where this architecture has torch.float32",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_tensor_that_does_not_fit_is_named_and_nothing_written(
    folder: Folder, state: dict[str, Tensor], kind: str
):
    change, message = WRONG[kind]
    torch.save({"state_dict": change(state)}, folder.checkpoint)
    with pytest.raises(ModelError, match=message) as caught:
        folder.convert()
    assert "the checkpoint last.ckpt" in str(caught.value)
    assert str(caught.value).isprintable()
    assert folder.files() == {"last.ckpt", "model.yaml"}


def test_what_was_converted_is_found_again(folder: Folder, state: dict[str, Tensor]):
    torch.save(state, folder.checkpoint)
    folder.convert()
    first = folder.weights.stat().st_ino
    folder.convert()
    folder.checkpoint.touch()  # newer, with the same content
    folder.convert()
    folder.convert()
    assert folder.weights.stat().st_ino == first
    os.utime(folder.checkpoint, ns=(0, 0))  # and older
    folder.convert()
    assert folder.weights.stat().st_ino == first


def test_another_checkpoint_under_the_same_name_is_converted_anew(
    folder: Folder, state: dict[str, Tensor]
):
    torch.save(state, folder.checkpoint)
    folder.convert()
    torch.save(state | {CODEBOOK: torch.ones(16, 6)}, folder.checkpoint)
    os.utime(folder.checkpoint, ns=(0, 0))  # older than the weights, and of the same length
    folder.convert()
    assert torch.equal(load_vqgan(folder.weights).codebook, torch.ones(16, 6))


def test_another_configuration_is_not_ignored(folder: Folder, state: dict[str, Tensor]):
    torch.save(state, folder.checkpoint)
    folder.convert()
    folder.config.write_text(SMALL.replace("n_embed: 16", "n_embed: 8"))
    with pytest.raises(ModelError, match=r"has the shape \(16, 6\)"):
        folder.convert()
    assert load_vqgan(folder.weights).config.n_embed == 16  # what lay there still does


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, None])
def test_damaged_weights_are_made_anew(
    folder: Folder, state: dict[str, Tensor], content: bytes | None
):
    torch.save(state, folder.checkpoint)
    folder.convert()
    whole = folder.weights.read_bytes()
    folder.weights.write_bytes(whole[:-100] if content is None else content)
    with pytest.raises(ModelError, match=r"weights\.safetensors are damaged"):
        load_vqgan(folder.weights)
    folder.convert()
    assert folder.weights.read_bytes() == whole


def test_a_file_left_by_a_program_that_was_killed_is_no_hindrance(
    folder: Folder, state: dict[str, Tensor]
):
    torch.save(state, folder.checkpoint)
    (folder.path / ".weights.safetensors.part").write_bytes(b"half of it")
    (folder.path / ".weights.safetensors.lock").touch()
    folder.convert()
    torch.testing.assert_close(dict(load_vqgan(folder.weights).state_dict()), state)
    assert folder.files() == {"last.ckpt", "model.yaml", "weights.safetensors"}


def test_several_at_once_make_one_file(folder: Folder, state: dict[str, Tensor]):
    torch.save(state, folder.checkpoint)
    with ThreadPoolExecutor(4) as pool:
        for each in [pool.submit(folder.convert) for _ in range(8)]:
            each.result()
    torch.testing.assert_close(dict(load_vqgan(folder.weights).state_dict()), state)
    assert folder.files() == {"last.ckpt", "model.yaml", "weights.safetensors"}


def test_a_full_disk_is_told_and_leaves_nothing(
    folder: Folder, state: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
):
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    torch.save(state, folder.checkpoint)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelError, match=r"weights\.safetensors cannot be written: No space left"):
        folder.convert()
    assert folder.files() == {"last.ckpt", "model.yaml"}


def test_what_cannot_be_written_is_told(folder: Folder, state: dict[str, Tensor]):
    torch.save(state, folder.checkpoint)
    folder.weights.mkdir()
    with pytest.raises(ModelError, match=r"weights\.safetensors cannot be written: Is a directory"):
        folder.convert()
    folder.weights = folder.path / "nowhere" / "weights.safetensors"
    with pytest.raises(ModelError, match="cannot be written: the folder .* does not exist"):
        folder.convert()
    assert not folder.weights.parent.exists()


def test_a_missing_file_is_named(folder: Folder):
    with pytest.raises(ModelError, match=r"the checkpoint last\.ckpt is missing"):
        folder.convert()
    with pytest.raises(ModelError, match=r"the checkpoint last\.ckpt is missing"):
        convert_clip(folder.checkpoint, "ViT-B-32", folder.weights)
    folder.config.unlink()
    with pytest.raises(ModelError, match=r"the configuration model\.yaml is missing"):
        folder.convert()


def test_the_same_checkpoint_gives_the_same_bytes(folder: Folder, state: dict[str, Tensor]):
    torch.save(state, folder.checkpoint)
    folder.convert()
    first = folder.weights.read_bytes()
    folder.weights.unlink()
    folder.checkpoint.touch()
    folder.convert()
    assert folder.weights.read_bytes() == first


def test_pictures_tell_which_published_file_they_were_made_with(
    folder: Folder, state: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
):
    torch.save(state, folder.checkpoint)
    folder.convert()
    demo = CATALOGUE["demo"]
    entry = replace(demo, name="converted", generator=folder.weights)
    monkeypatch.setitem(CATALOGUE, "converted", entry)
    digests = load_models("converted", "cpu").digests
    published = hashlib.sha256(folder.checkpoint.read_bytes()).hexdigest()
    assert digests["weights.safetensors"] == published
    content = demo.perceptors[0].read_bytes()
    assert digests[demo.perceptors[0].name] == hashlib.sha256(content).hexdigest()


def test_metadata_that_state_no_digest_are_not_believed(
    tmp_path: Path, state: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
):
    config = {key: PARAMS[key] for key in ("n_embed", "embed_dim")}
    config |= {k: DDCONFIG[k] for k in ("z_channels", "ch", "ch_mult", "num_res_blocks")}
    config |= {k: DDCONFIG[k] for k in ("attn_resolutions", "resolution")}
    path = tmp_path / "odd.safetensors"
    entry = replace(CATALOGUE["demo"], name="odd", generator=path)
    monkeypatch.setitem(CATALOGUE, "odd", entry)
    for source in ["a", {}, {"sha256": 3}, {"sha256": "x" * 64}]:
        save_file(state, path, {"config": json.dumps(config | {"source": source})})
        found = load_models("odd", "cpu").digests["odd.safetensors"]
        assert found == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_clip_is_converted_from_every_form(tmp_path: Path, tiny: dict[str, Tensor]):
    save_file(tiny, tmp_path / "open_clip_model.safetensors")
    torch.save({"state_dict": {f"module.{k}": v for k, v in tiny.items()}}, tmp_path / "epoch.pt")
    listed = tiny | {"logit_scale": tiny["logit_scale"].view(1)}
    torch.save(listed, tmp_path / "open_clip_pytorch_model.bin")
    for name in ("open_clip_model.safetensors", "epoch.pt", "open_clip_pytorch_model.bin"):
        weights = tmp_path / f"{name}.safetensors"
        convert_clip(tmp_path / name, "tiny", weights)
        loaded = load_clip(weights)
        torch.testing.assert_close(dict(loaded.model.state_dict()), tiny, rtol=0, atol=0)
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
        ("ViT-B-16-SigLIP2", "ViT-B-16-SigLIP2 is not supported"),
        ("roberta-ViT-B-32", "is not supported: its towers or its tokenizer are of another"),
        ("convnext_base", "convnext_base is not supported"),
        ("ViT-B-32:metaclip_400m", "name ViT-B-32-quickgelu instead"),
        ("ViT-B-32:unheard_of", "knows no weights 'unheard_of' of ViT-B-32"),
        ("ViT-L-14", "differ in how pictures are normalised: name them too, as in ViT-L-14:"),
    ],
)
def test_an_architecture_that_is_not_known_or_does_not_fit_is_refused(
    tmp_path: Path, architecture: str, message: str
):
    save_file({"a": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match=message):
        convert_clip(tmp_path / "model.safetensors", architecture, tmp_path / "weights")


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
    save_file(without(tiny, "visual.proj"), tmp_path / "less.safetensors")
    with pytest.raises(ModelError, match=r"less\.safetensors lacks 'visual\.proj'"):
        convert_clip(tmp_path / "less.safetensors", "tiny", weights)
    save_file(tiny | {"text.a": torch.zeros(1)}, tmp_path / "more.safetensors")
    with pytest.raises(ModelError, match=r"more\.safetensors holds 'text\.a', unknown"):
        convert_clip(tmp_path / "more.safetensors", "tiny", weights)
    save_file(tiny | {"visual.proj": torch.zeros(64, 9)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match=r"'visual\.proj' has the shape \(64, 9\) where"):
        convert_clip(tmp_path / "other.safetensors", "tiny", weights)
    assert not weights.exists()
