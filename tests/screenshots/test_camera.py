"""The camera itself, where Chromium is installed; the scenes are played without it too."""

import re
from pathlib import Path

import pytest
from PIL import Image

from tests.screenshots.camera import CHROMIUM, open_camera
from tests.screenshots.stage import Stage

_HERE = Path(__file__).parent
_DOCS = _HERE.parents[1] / "docs"


def test_every_picture_has_a_scene_and_a_page():
    scenes = "".join(path.read_text("utf-8") for path in _HERE.glob("test_*.py"))
    shown = set(re.findall(r"\.show\(\s*\"([\w-]+)\"", scenes))
    assert shown == {path.stem for path in (_DOCS / "pictures/commands").glob("*.webp")}
    pages = "".join(path.read_text("utf-8") for path in (_DOCS / "commands").glob("*.md"))
    assert shown == set(re.findall(r"pictures/commands/([\w-]+)\.webp", pages))


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
async def test_a_picture_shows_what_was_said(stage: Stage, tmp_path: Path):
    await stage.told("status")
    await stage.told("info")
    async with open_camera(tmp_path) as camera:
        place = stage.bot.env, stage.channel, stage.alice
        short, long = [
            await camera.take(*place, name, last) for name, last in (("short", 1), ("long", 2))
        ]
    with Image.open(short) as one, Image.open(long) as both:
        assert one.format == "WEBP"
        assert one.width == both.width
        assert 100 < one.height < both.height
        assert len(one.convert("RGB").getcolors(maxcolors=2**24) or ()) > 100
