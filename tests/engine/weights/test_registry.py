"""The registry as it is shipped, and people's own entries."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import open_clip
import pytest

from engine.config_file import parse_table
from engine.errors import EngineError, SettingsError, WeightsError
from engine.presets import PRESETS
from engine.weights.registry import shipped_registry
from engine.weights.settings import WeightsSettings, read_weights_settings

SHA = "ab" * 32
OWN = f"""
[weights.files."mine.ckpt"]
path = "/models/mine.ckpt"
sha256 = "{SHA.upper()}"
bytes = 12
licence = "mine"

[weights.files."mine.yaml"]
mirrors = ["https://a.example/mine.yaml?x=1", "http://b.example:8080/mine.yaml"]

[weights.generators.mine]
checkpoint = "mine.ckpt"
config = "mine.yaml"
factor = 16

[weights.models.my-pair]
generator = "mine"
perceptors = [{{ name = "clip-vit-b-32" }}, {{ name = "clip-vit-l-14", weight = 0.5 }}]
side = 128
"""


def read(tmp_path: Path, text: str) -> WeightsSettings:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return read_weights_settings(path)


def test_all_models_that_are_shipped_name_files_that_are_there():
    registry = shipped_registry()
    registry.check()
    assert next(iter(registry.models)) == "imagenet-16384"
    for name, models in registry.models.items():
        is_weightless = not registry.generators[models.generator].files
        assert len(registry.files_of(name)) >= len(models.perceptors) + (not is_weightless)
        assert models.preset in PRESETS
        assert models.description
        assert models.limits
        assert models.components == registry.components_of(name)
        for component in models.components[is_weightless:]:
            assert registry.files_of(component)
    used = {name for part in [*registry.generators.values()] for name in part.files}
    used |= {name for part in registry.perceptors.values() for name in part.files}
    used |= {name for part in registry.painters.values() for name in part.file_names}
    # Of Open-Edit, only this file has an address of its own.
    assert used | {"vgg19-dcbb9e9d.pth"} == set(registry.files)


def test_what_is_shipped_is_what_was_published():
    registry = shipped_registry()
    for file in registry.files.values():
        assert file.mirrors
        for url in file.mirrors:
            assert urlsplit(url).scheme == "https"
            if urlsplit(url).netloc == "openaipublic.azureedge.net" and "/clip/" in url:
                assert url.split("/")[-2] == file.sha256
    paper = registry.files["vqgan-imagenet-f16-16384.ckpt"]
    assert paper.bytes == 980092370
    assert paper.sha256 == "845a68805098cb666420d5db93df53f3a3b6dd443e6dd85c05759c5b998cd663"
    assert registry.files["vqgan-imagenet-f16-1024.ckpt"].sha256 is None


def test_perceptors_fit_architectures_that_open_clip_knows():
    known = open_clip.list_models()
    for perceptor in shipped_registry().perceptors.values():
        assert perceptor.open_clip.partition(":")[0] in known
        if perceptor.name.startswith("clip-"):
            assert perceptor.open_clip.endswith("-quickgelu")


def test_a_perceptor_s_tokenizer_is_one_of_its_files(tmp_path: Path):
    checkpoint, tokenizer = shipped_registry().files_of("siglip2-b-16")
    assert (checkpoint.file, tokenizer.file) == ("siglip2-b-16.safetensors", "siglip2-b-16.json")
    for file in (checkpoint, tokenizer):
        assert "/timm/ViT-B-16-SigLIP2/" in file.mirrors[0]
        assert file.licence
    text = f"{OWN}[weights.perceptors.x]\nopen_clip = 'A'\ncheckpoint = 'mine.ckpt'\n"
    assert len(read(tmp_path, text).registry().files_of("x")) == 1
    registry = read(tmp_path, f"{text}tokenizer = 'mine.yaml'\n").registry()
    assert [file.name for file in registry.files_of("x")] == ["mine.ckpt", "mine.yaml"]


def test_own_entries_stand_beside_the_shipped_ones(tmp_path: Path):
    registry = read(tmp_path, OWN).registry()
    assert set(shipped_registry().models) < set(registry.models)
    checkpoint, config, *perceptors = registry.files_of("my-pair")
    assert (checkpoint.path, checkpoint.sha256) == (Path("/models/mine.ckpt"), SHA)
    assert (checkpoint.bytes, checkpoint.licence, checkpoint.mirrors) == (12, "mine", ())
    assert (len(config.mirrors), config.sha256, config.bytes, config.path) == (2, None, None, None)
    assert [file.name for file in perceptors] == ["clip-vit-b-32.pt", "clip-vit-l-14.pt"]
    models = registry.models["my-pair"]
    assert [each.weight for each in models.perceptors] == [1.0, 0.5]
    assert (models.side, models.preset) == (128, "paper")


def test_an_own_entry_takes_the_place_of_a_shipped_one(tmp_path: Path):
    text = '[weights.files."clip-vit-b-32.pt"]\npath = "b32.pt"\n'
    (file,) = read(tmp_path, text).registry().files_of("clip-vit-b-32")
    assert file.path == Path("b32.pt")


def test_names_that_are_not_there_are_named():
    with pytest.raises(WeightsError, match="'vast'; there are: imagenet-16384"):
        shipped_registry().files_of("vast")


FILE = {"mirrors": ["https://a.example/x"]}
PERCEPTOR = {"open_clip": "A", "checkpoint": "clip-vit-b-32.pt"}
MODELS = {
    "generator": "vqgan-coco-f16-8192",
    "perceptors": [{"name": "clip-vit-b-32"}],
    "side": 64,
}


def files(**changes: Any) -> dict[str, Any]:
    """Return a table of one file with some keys changed, or removed by None."""
    values = {key: value for key, value in (FILE | changes).items() if value is not None}
    return {"files": {"x": values}}


def models(**changes: Any) -> dict[str, Any]:
    return {"models": {"x": MODELS | changes}}


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (3, "weights: must be a table, not 3"),
        (
            {"ofline": True},
            "weights: there is no key 'ofline'; there are: files, generators, perceptors, models, "
            "painters, folder, offline, keep_archives",
        ),
        ({"folder": 3}, "weights.folder: must be one line of text"),
        ({"folder": ""}, "weights.folder: must not be empty"),
        ({"folder": "a\0b"}, "weights.folder: must be one line of text"),
        ({"offline": 1}, "weights.offline: must be true or false, not 1"),
        ({"offline": "maybe"}, "weights.offline: must be true or false, not 'maybe'"),
        ({"files": []}, "weights.files: must be a table"),
        ({"files": {"x": 1}}, "weights.files.x: must be a table, not 1"),
        ({"files": {"../x": FILE}}, "weights.files: '../x' is no name"),
        ({"files": {"X": FILE}}, "'X' is no name"),
        ({"files": {"": FILE}}, "'' is no name"),
        ({"files": {"x.": FILE}}, "'x.' is no name"),
        ({"files": {"x" * 101: FILE}}, "is no name"),
        (files(size=3), "weights.files.x: there is no key 'size'; there are: file, mirrors, path"),
        (files(file="../x"), "weights.files.x.file: must be a file's name without a folder"),
        (files(file="a/x"), "file: must be a file's name"),
        (files(file="a\\x"), "file: must be a file's name"),
        (files(file=".."), "file: must be a file's name"),
        (files(file=".lock"), "file: must be a file's name"),
        (files(file="x.part"), "does not end in .part"),
        (files(file="x.sha256"), "does not end in .part"),
        (files(file=3), "file: must be one line of text"),
        (files(mirrors=None), "weights.files.x: mirrors or path is needed, and not both"),
        (files(path="/x"), "mirrors or path is needed, and not both"),
        (files(mirrors=[]), "mirrors: must be a list"),
        (files(mirrors="https://a"), "mirrors: must be a list"),
        (files(mirrors=[1]), "weights.files.x.mirrors.0: must be an address"),
        (files(mirrors=["file:///etc/passwd"]), "mirrors.0: must be an address"),
        (files(mirrors=["ftp://a/x"]), "mirrors.0: must be an address"),
        (files(mirrors=["https:///x"]), "mirrors.0: must be an address"),
        (files(mirrors=["https://a b/x"]), "mirrors.0: must be an address"),
        (files(mirrors=["https://a:99999/x"]), "mirrors.0: must be an address"),
        (files(mirrors=["https://[a/x"]), "mirrors.0: must be an address"),
        (files(sha256="ab"), "weights.files.x.sha256: must be 64 hexadecimal digits, not 'ab'"),
        (files(sha256="g" * 64), "sha256: must be 64 hexadecimal digits"),
        (files(bytes=0), "weights.files.x.bytes: must be at least 1, not 0"),
        (files(bytes=True), "bytes: must be a whole number"),
        (files(bytes=1.5), "bytes: must be a whole number"),
        (files(licence="a\nb"), "licence: must be one line of text"),
        (
            files(file="clip-vit-b-32.pt"),
            "files.x.file 'clip-vit-b-32.pt' is the name of another entry",
        ),
        (files(file="CLIP-vit-b-32.pt"), "is the name of another entry"),
        (files(file="clip-vit-b-32"), "is the name of another entry"),
        ({"files": {"clip-vit-b-32": FILE}}, "two entries called 'clip-vit-b-32'"),
        (
            {"generators": {"x": {"checkpoint": "clip-vit-b-32.pt", "factor": 16}}},
            "weights.generators.x: a vqgan has the files checkpoint and config, not checkpoint",
        ),
        (
            {"generators": {"x": {"checkpoint": "clip-vit-b-33.pt", "config": "x", "factor": 16}}},
            "weights: generators.x.checkpoint names 'clip-vit-b-33.pt', which is not there; is "
            "it 'clip-vit-b-32.pt'",
        ),
        ({"perceptors": {"x": {"open_clip": "A", "checkpoint": "y"}}}, "checkpoint names 'y'"),
        (
            {"perceptors": {"x": PERCEPTOR | {"tokenizer": "siglip2-b-16.jsn"}}},
            "weights: perceptors.x.tokenizer names 'siglip2-b-16.jsn', which is not there; is it "
            "'siglip2-b-16.json'",
        ),
        (
            {"perceptors": {"x": PERCEPTOR | {"tokenizer": 3}}},
            "tokenizer: must be one line of text",
        ),
        ({"perceptors": {"x": PERCEPTOR | {"tokeniser": "y"}}}, "no key 'tokeniser'"),
        (
            {"perceptors": {"x": {"open_clip": "A", "checkpoint": "y", "memory": {"weights": 1}}}},
            "weights.perceptors.x.memory.per_cutout: is missing",
        ),
        (
            models(preset="fast"),
            "weights.models.x.preset: must be one of paper, demo, scenes, not 'fast'",
        ),
        (models(generator="y"), "weights: models.x.generator names 'y', which is not there"),
        (models(judge="clip-vit-b-23"), "models.x.judge names 'clip-vit-b-23', which is not there"),
        (models(judge="clip-vit-b-32"), "is one of the perceptors, which guide"),
        (models(perceptors=[]), "perceptors: must be a list of at least 1"),
        (models(perceptors=["a"]), "weights.models.x.perceptors.0: must be a table, not 'a'"),
        (models(perceptors=[{"name": "a"}]), "perceptors names 'a', which is not there"),
        (models(perceptors=[{"name": "a", "wait": 1}]), "there is no key 'wait'; there are:"),
        (models(perceptors=[{"name": "a", "weight": -1}]), "weight: must be at least 0, not -1"),
        (
            models(perceptors=[{"name": "a", "weight": float("nan")}]),
            "weight: must be a finite number, not nan",
        ),
        (models(perceptors=[{"name": "a", "weight": 0}]), "must not all have the weight 0"),
        (models(perceptors=[{"name": "a"}] * 2), "must not name the same one twice"),
        (models(side=1), "weights.models.x.side: must be at least 16, not 1"),
        (models(perceptors=[{"name": "a"}] * 9), "must be a list of at most 8"),
        (models(side=5000), "weights.models.x.side: must be at most 4096, not 5000"),
        (files(name="y"), "weights.files: 'x' has the key 'name'"),
        ({"models": {"demo": MODELS}}, "weights.models.demo: 'demo' is the demo pair"),
    ],
)
def test_what_is_not_allowed_is_named_with_its_table_and_key(table: object, told: str):
    with pytest.raises(SettingsError) as error:
        parse_table(table, "weights", WeightsSettings)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_the_file_and_the_variables_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert read_weights_settings() == WeightsSettings()
    settings = read(tmp_path, '[weights]\nfolder = "big"\n[other]\nx = 1\n')
    assert (settings.folder, settings.is_offline) == (Path("big"), False)
    assert read_weights_settings() == settings
    monkeypatch.setenv("VQGAN_CLIP_WEIGHTS__FOLDER", "bigger")
    monkeypatch.setenv("VQGAN_CLIP_WEIGHTS__OFFLINE", "True")
    settings = read_weights_settings()
    assert (settings.folder, settings.is_offline) == (Path("bigger"), True)
    monkeypatch.setenv("VQGAN_CLIP_WEIGHTS__OFFLINE", "perhaps")
    with pytest.raises(SettingsError, match="weights.offline: must be true or false"):
        read_weights_settings()


@pytest.mark.parametrize(("said", "meant"), [("1", True), ("ON", True), ("0", False), ("", False)])
def test_hugging_face_s_switch_counts_too(monkeypatch: pytest.MonkeyPatch, said: str, meant: bool):
    monkeypatch.setenv("HF_HUB_OFFLINE", said)
    assert WeightsSettings().is_offline is meant


def test_a_file_that_is_no_settings_file_is_named(tmp_path: Path):
    for text in ("weights = 1", "[weights", "[weights]\nfolder = 1"):
        with pytest.raises(EngineError, match="config.toml"):
            read(tmp_path, text)
    with pytest.raises(EngineError, match="no such file"):
        read_weights_settings(tmp_path / "other.toml")
