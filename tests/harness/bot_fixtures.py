from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.config import BotSettings
from engine import presets
from tests.harness.bot_harness import Studio, make_settings, open_studio


@pytest.fixture
def settings(tmp_path: Path) -> BotSettings:
    return make_settings(tmp_path / "data")


@pytest.fixture
async def studio(settings: BotSettings) -> AsyncIterator[Studio]:
    async with open_studio(settings) as opened:
        yield opened


@pytest.fixture(autouse=True)
def quick_steps(monkeypatch: pytest.MonkeyPatch):
    """Few cutouts: what a picture shows does not matter here, and most of the time goes there."""
    demo = {**presets.PRESETS["demo"], "cutouts": 2}
    monkeypatch.setattr(presets, "PRESETS", {**presets.PRESETS, "demo": demo})
