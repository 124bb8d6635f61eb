import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.config import BotSettings
from bot.local_preview.greeting import NAME
from engine import presets
from tests.cogs.settings.moderators import moderator
from tests.harness.bot_harness import make_settings, open_bot, prefer
from tests.screenshots.camera import CHROMIUM, Camera, open_camera
from tests.screenshots.stage import Stage, set_clock

FOLDER_VARIABLE = "SCREENSHOTS"
"""Names the folder for the pictures; without it none are taken. `make screenshots` sets it."""


@pytest.fixture
def settings(tmp_path: Path) -> BotSettings:
    """Let results come where the progress was: the page has no threads; take replies there."""
    return make_settings(tmp_path / "data", threads=False, replies="always")


@pytest.fixture
async def camera() -> AsyncIterator[Camera | None]:
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder is None:
        yield None
        return
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed, so no pictures are taken")
    async with open_camera(Path(folder)) as opened:
        yield opened


@pytest.fixture(autouse=True)
def quick(camera: Camera | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paint little if nobody will look at the pictures."""
    if camera is not None:
        return
    few = {**presets.PRESETS["demo"], "cutouts": 2, "steps": 2}
    monkeypatch.setattr(presets, "PRESETS", {**presets.PRESETS, "demo": few})
    edits = {**presets.EDIT_OVERRIDES["demo"], "steps": 2}
    monkeypatch.setattr(presets, "EDIT_OVERRIDES", {**presets.EDIT_OVERRIDES, "demo": edits})


@pytest.fixture
async def stage(settings: BotSettings, camera: Camera | None) -> AsyncIterator[Stage]:
    async with open_bot(settings) as bot:
        bot.env.backend.edit_bot_profile(NAME)
        set_clock(bot.env)
        await prefer(bot, "none")
        yield Stage(bot, moderator(bot), camera)
