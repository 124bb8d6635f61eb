"""The list of parts of a release: valid, complete, and the same for the same sources."""

import json
from pathlib import Path

import pytest

from tools.supply import sbom
from tools.supply.locks import ROOT, lock_of, packages, pins, read_lock
from tools.supply.sbom import InvalidListError, parts_of_release, write

MORNING = 1_700_000_000


@pytest.mark.slow
def test_the_list_is_valid_cyclonedx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "parts.json"
    write(path, MORNING)
    assert json.loads(path.read_text()) == parts_of_release(MORNING)
    monkeypatch.setattr(sbom, "parts_of_release", lambda _seconds: {"bomFormat": "CycloneDX"})
    with pytest.raises(InvalidListError):
        write(path, MORNING)


def test_the_list_has_all_that_is_installed_with_hashes_and_licences():
    parts = parts_of_release(MORNING)
    libraries = {each["name"]: each for each in parts["components"] if each["type"] == "library"}
    for each in read_lock(lock_of(ROOT / "requirements.txt")):
        part = libraries[each.name]
        assert part["version"] == each.version
        assert part["licenses"][0]["expression"]
        hashes = {entry["content"] for entry in part["externalReferences"][0]["hashes"]}
        assert hashes == set(each.hashes)
    assert libraries["torch"]["scope"] == "required"
    assert libraries["ray"]["scope"] == "optional"
    assert "pytest" not in libraries
    inside = {each["name"]: each["licenses"] for each in libraries["av"]["components"]}
    assert inside["libx264"] == [{"expression": "GPL-2.0-or-later"}]


def test_the_list_has_the_weights_that_the_program_ships():
    models = [
        each
        for each in parts_of_release(MORNING)["components"]
        if each["type"] == "machine-learning-model"
    ]
    files = list((ROOT / "engine").rglob("*.safetensors"))
    assert sorted(each["bom-ref"] for each in models) == sorted(
        file.relative_to(ROOT).as_posix() for file in files
    )


def test_the_list_says_what_needs_what():
    parts = parts_of_release(MORNING)
    needed = {each["ref"]: each["dependsOn"] for each in parts["dependencies"]}
    versions = {name: each.version for name, each in packages().items()}
    direct = {f"pkg:pypi/{n}@{v}" for n, v in pins(ROOT / "requirements.txt").items()}
    assert direct <= set(needed["vqgan-clip-bot"])
    assert (
        f"pkg:pypi/markupsafe@{versions['markupsafe']}"
        in needed[f"pkg:pypi/jinja2@{versions['jinja2']}"]
    )
    assert set(needed) >= {reference for references in needed.values() for reference in references}
