import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from engine.errors import ModelError
from engine.models.catalogue import CATALOGUE
from engine.models.devices import choose_device
from engine.models.latent_generator import vqgan_of
from engine.models.loading import Models, load_models, save_weights
from engine.models.vqgan import VQGAN, VQGANConfig

DEMO = CATALOGUE["demo"]
CLIP_FILE = DEMO.perceptors[0]


def config_of(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return json.loads(header["__metadata__"]["config"])


def write(path: Path, config: Any = None, **tensors: torch.Tensor) -> None:
    """Write a safetensors file of the demo generator with some tensors replaced."""
    text = json.dumps(config_of(DEMO.generator) if config is None else config)
    save_file(load_file(DEMO.generator) | tensors, path, metadata={"config": text})


def write_without(path: Path, name: str) -> None:
    tensors = load_file(DEMO.generator)
    del tensors[name]
    save_file(tensors, path, metadata={"config": json.dumps(config_of(DEMO.generator))})


BROKEN = {
    "empty": lambda path: path.write_bytes(b""),
    "rubbish": lambda path: path.write_bytes(b"\x00\xff" * 5000),
    "a pickle": lambda path: torch.save({"a": torch.zeros(1)}, path),
    "cut off": lambda path: path.write_bytes(DEMO.generator.read_bytes()[:-100]),
    "cut off early": lambda path: path.write_bytes(DEMO.generator.read_bytes()[:100]),
    "a huge header": lambda path: path.write_bytes(b"\xff" * 8 + b"{}"),
    "a folder": lambda path: path.mkdir(),
    "foreign": lambda path: save_file({"a": torch.zeros(1)}, path),
    "foreign metadata": lambda path: save_file({"a": torch.zeros(1)}, path, metadata={"b": "c"}),
    "config no JSON": lambda path: save_file({"a": torch.zeros(1)}, path, {"config": "{"}),
    "config a list": lambda path: write(path, [1, 2]),
    "config a number": lambda path: write(path, 7),
    "config with unknown keys": lambda path: write(path, config_of(DEMO.generator) | {"a": 1}),
    "config of rubbish": lambda path: write(path, dict.fromkeys(config_of(DEMO.generator), "a")),
    "config of zeros": lambda path: write(path, dict.fromkeys(config_of(DEMO.generator), 0)),
    "the other model": lambda path: path.write_bytes(CLIP_FILE.read_bytes()),
    "a tensor missing": lambda path: write_without(path, "quant_conv.bias"),
    "a tensor too many": lambda path: write(path, extra=torch.zeros(1)),
    "a tensor too big": lambda path: write(path, **{"quant_conv.bias": torch.zeros(1000)}),
}


@pytest.fixture
def replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Register a generator called "broken"; return the path that it is loaded from."""
    path = tmp_path / "broken.safetensors"
    monkeypatch.setitem(CATALOGUE, "broken", replace(DEMO, name="broken", generator=path))
    return path


def test_models_say_what_they_were_loaded_from(models: Models):
    assert models.name == "demo"
    assert models.digests == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (DEMO.generator, *DEMO.perceptors)
    }


def test_the_catalogue_tells_the_truth(models: Models):
    assert models.generator.multiple == DEMO.factor
    assert (models.generator.ways, models.generator.starts) == (DEMO.ways, DEMO.starts)
    assert DEMO.side % DEMO.factor == 0


def test_models_are_frozen(models: Models):
    for module in (vqgan_of(models.generator), *models.perceptors):
        assert isinstance(module, nn.Module)
        assert not any(parameter.requires_grad for parameter in module.parameters())
        assert not any(part.training for part in module.modules())


def test_models_compute_in_full_precision(models: Models):
    for module in (vqgan_of(models.generator), *models.perceptors):
        assert isinstance(module, nn.Module)
        assert {p.dtype for p in module.parameters()} == {torch.float32}


def test_unknown_models_are_refused_by_name():
    with pytest.raises(ModelError, match="no models called 'large'; there are: demo"):
        load_models("large")


@pytest.mark.parametrize("device", ["", "gpu", "meta", "cpu cuda", "cuda:99", "hpu", "🎨"])
def test_devices_that_are_not_there_are_refused_by_name(device: str):
    with pytest.raises(ModelError, match="is not available here") as caught:
        choose_device(device)
    assert repr(device) in str(caught.value)


def test_a_device_can_be_chosen():
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type in ("cpu", "cuda", "mps")


@pytest.mark.parametrize("kind", BROKEN)
def test_files_that_hold_no_such_model_are_refused_in_one_sentence(replaced: Path, kind: str):
    BROKEN[kind](replaced)
    with pytest.raises(ModelError, match=r"weights broken\.safetensors are damaged") as caught:
        load_models("broken", device="cpu")
    assert str(caught.value).isprintable()


def test_missing_files_are_named(replaced: Path):
    with pytest.raises(ModelError, match=r"weights broken\.safetensors are missing"):
        load_models("broken", device="cpu")
    assert not replaced.exists()


def test_a_broken_perceptor_is_refused_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "other.safetensors"
    path.write_bytes(DEMO.generator.read_bytes())
    monkeypatch.setitem(CATALOGUE, "broken", replace(DEMO, perceptors=(CLIP_FILE, path)))
    with pytest.raises(ModelError, match=r"weights other\.safetensors are damaged"):
        load_models("broken", device="cpu")


def test_saved_weights_are_loaded_again_to_half_precision(replaced: Path):
    config = {**config_of(DEMO.generator), "n_embed": 8}
    with torch.random.fork_rng(devices=[]):
        saved = VQGAN(VQGANConfig.from_dict(config))
    save_weights(saved, config, replaced)
    loaded = vqgan_of(load_models("broken", device="cpu").generator)
    assert isinstance(loaded, VQGAN)
    assert loaded.config == saved.config
    expected = {name: tensor.half().float() for name, tensor in saved.state_dict().items()}
    torch.testing.assert_close(dict(loaded.state_dict()), expected, rtol=0, atol=0)


def test_loading_leaves_the_global_random_state_alone():
    before = torch.get_rng_state()
    load_models("demo", device="cpu")
    assert torch.equal(torch.get_rng_state(), before)
