import errno
import hashlib
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import save_file
from torch import Tensor

from engine.conversion.convert import convert_clip, convert_vqgan
from engine.errors import ModelError
from engine.models.catalogue import CATALOGUE
from engine.models.loading import load_models, load_vqgan
from tests.engine.conversion.fake_checkpoints import (
    SMALL,
    GumbelVQ,
    VQModel,
    lightning_checkpoint,
    vqgan,
)

PARAMS: dict[str, Any] = yaml.safe_load(SMALL)["model"]["params"]
DDCONFIG = PARAMS["ddconfig"]


@pytest.fixture
def state() -> dict[str, Tensor]:
    """Return the tensors of a small model."""
    return vqgan(VQModel, DDCONFIG, 16, 6).state_dict()


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
    "unexpected": (lambda s: s | {"extra": torch.zeros(1)}, "has 'extra', unknown to this"),
    "unexpected beside a first stage": (
        lambda s: {f"first_stage_model.{k}": v for k, v in s.items()} | {"other.a": torch.zeros(1)},
        "has 'other.a', unknown to this",
    ),
    "another shape": (
        lambda s: s | {CODEBOOK: torch.zeros(8, 6)},
        rf"'{CODEBOOK}' has the shape \(8, 6\) where this architecture has \(16, 6\)",
    ),
    "not numbers": (
        lambda s: s | {CODEBOOK: torch.full((16, 6), torch.nan)},
        f"'{CODEBOOK}' contains values that are not finite numbers",
    ),
    "names of diffusers": (
        lambda s: s | {"encoder.down_blocks.0.resnets.0.conv1.weight": torch.zeros(1)},
        "layout of Hugging Face's diffusers: take the file of taming-transformers",
    ),
    "another kind": (
        lambda s: s | {CODEBOOK: torch.zeros(16, 6, dtype=torch.int64)},
        f"'{CODEBOOK}' has the type torch.int64 where this architecture has torch.float32",
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
    entry = replace(demo, name="converted", generator=folder.weights, factor=2)
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
    entry = replace(CATALOGUE["demo"], name="odd", generator=path, factor=2)
    monkeypatch.setitem(CATALOGUE, "odd", entry)
    for source in ["a", {}, {"sha256": 3}, {"sha256": "x" * 64}]:
        save_file(state, path, {"config": json.dumps(config | {"source": source})})
        found = load_models("odd", "cpu").digests["odd.safetensors"]
        assert found == hashlib.sha256(path.read_bytes()).hexdigest()
