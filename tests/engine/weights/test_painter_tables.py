"""Models of other painters in the registry."""

from pathlib import Path
from typing import Any

import pytest

from engine.config_file import parse_table
from engine.errors import SettingsError
from engine.models.catalogue import PAINTERS, add_models, find_entry, find_models
from engine.models.painter_entry import PainterEntry
from engine.weights.registry import shipped_registry
from engine.weights.settings import WeightsSettings

GLIDE: dict[str, Any] = {
    "kind": "glide",
    "files": {"base": "x", "upsampler": "x", "vocabulary": "x", "merges": "x"},
}
MINDALLE: dict[str, Any] = {
    "kind": "mindalle",
    "archive": "x",
    "perceptor": "clip-vit-b-32",
    "members": {
        "config": "a/b.yaml",
        "decoder": "a/c.ckpt",
        "transformer": "a/d.ckpt",
        "vocabulary": "a/v.json",
        "merges": "a/m.txt",
    },
}


def settings(entry: object) -> WeightsSettings:
    tables = {"files": {"x": {"path": "/x"}}, "painters": {"mine": entry}}
    return parse_table(tables, "weights", WeightsSettings)


def test_published_painters_name_their_files_licences_and_limits():
    registry = shipped_registry()
    assert list(registry.painters) == ["glide", "glide-inpaint", "mindalle"]
    for name, painter in registry.painters.items():
        assert painter.limits
        assert painter.components == registry.components_of(name)
        for file in registry.files_of(name):
            assert file.licence
    names = [file.name for file in registry.files_of("mindalle")]
    assert names == ["mindalle-1.3b.tar.gz", "clip-vit-b-32.pt"]
    archive = registry.files["mindalle-1.3b.tar.gz"]
    assert archive.md5 is not None
    assert all(archive.md5 in url for url in archive.mirrors)
    assert "not for commercial use" in archive.licence


def test_they_are_in_the_catalogue(monkeypatch: pytest.MonkeyPatch):
    for name in ("CATALOGUE", "PAINTERS"):
        module = "engine.models.catalogue"
        monkeypatch.setattr(f"{module}.{name}", dict(PAINTERS) if name == "PAINTERS" else {})
    add_models(WeightsSettings(folder=Path("w")))
    glide, inpainting = find_entry("glide"), find_entry("glide-inpaint")
    assert isinstance(glide, PainterEntry)
    assert isinstance(inpainting, PainterEntry)
    assert (glide.painter, glide.side, glide.can_inpaint) == ("glide", 256, False)
    assert glide.files["base"] == Path("w/glide/glide-base.safetensors")
    assert glide.files["vocabulary"] == Path("w/glide-vocabulary.json.gz")
    assert glide.files.keys() - inpainting.files.keys() == {"clip-image", "clip-text"}
    assert inpainting.can_inpaint
    assert inpainting.defaults == {"guidance_scale": 5.0}
    assert not glide.is_complete
    assert "MIT" in glide.licence
    mindalle = find_entry("mindalle")
    assert isinstance(mindalle, PainterEntry)
    assert mindalle.files["perceptor"] == Path("w/clip-vit-b-32/clip-vit-b-32.safetensors")


def test_models_of_another_painter_are_no_pair(monkeypatch: pytest.MonkeyPatch):
    from engine.errors import ModelError

    monkeypatch.setattr("engine.models.catalogue.PAINTERS", {})
    add_models(WeightsSettings())
    with pytest.raises(ModelError, match="'mindalle' are models of another painter"):
        find_models("mindalle")
    with pytest.raises(ModelError, match="is it mindalle"):
        find_entry("mindale")


def test_a_host_names_files_of_their_own():
    entry = {
        "kind": "open-edit",
        "limits": "experimental",
        "files": dict.fromkeys(("decoder", "embedding", "vocabulary", "edges", "perceptual"), "x"),
    }
    registry = settings(entry).registry()
    assert [file.path for file in registry.files_of("mine")] == [Path("/x")]
    weights = registry.painters["mine"].weights(Path("w"))
    assert weights["vocabulary"] == Path("w/mine/mine-vocabulary.json")


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (3, "weights.painters.mine: must be a table, not 3"),
        ({}, "weights.painters.mine.kind: is missing"),
        ({"kind": "dall-e"}, "painters.mine.kind: must be 'glide', 'mindalle' or 'open-edit'"),
        (GLIDE | {"files": 3}, "weights.painters.mine.files: must be a table"),
        (GLIDE | {"files": {"base": "x"}}, "upsampler is missing, in files or in members"),
        (GLIDE | {"files": GLIDE["files"] | {"clip-text": "x"}}, "clip-image is missing"),
        (GLIDE | {"files": GLIDE["files"] | {"clip": "x"}}, "'clip' is nothing that glide has"),
        (GLIDE | {"files": GLIDE["files"] | {"base": "y"}}, "names 'y', which is not there"),
        (GLIDE | {"perceptor": "clip-vit-b-32"}, "perceptor is needed for mindalle"),
        (MINDALLE | {"perceptor": None}, "perceptor is needed for mindalle"),
        (MINDALLE | {"perceptor": "clip"}, "painters.mine.perceptor names 'clip'"),
        (MINDALLE | {"archive": None}, "archive and members are needed together"),
        (MINDALLE | {"inpainting": True}, "inpainting is for glide only"),
        (MINDALLE | {"files": {"config": "x"}}, "files and members must not hold the same"),
        *(
            (
                MINDALLE | {"members": MINDALLE["members"] | {"config": path}},
                "members.config: must be the path of a file in the archive",
            )
            for path in ("../a", "/a", "a/../b", "a//b", "a\\b", "", "a" * 300)
        ),
    ],
)
def test_what_is_not_allowed_is_named(entry: object, told: str):
    with pytest.raises(SettingsError) as error:
        settings(entry)
    assert told in str(error.value)


def test_a_name_of_the_program_s_own_models_is_refused():
    with pytest.raises(SettingsError, match="'demo-glide' are models of this program"):
        parse_table({"painters": {"demo-glide": GLIDE}}, "weights", WeightsSettings)
