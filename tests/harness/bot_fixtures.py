from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.config import BotSettings
from engine import presets
from engine.models.catalogue import CATALOGUE, PAINTERS
from engine.models.vocabulary import OpenVocabulary
from tests.harness.bot_harness import BotHarness, make_settings, open_bot

_FEWER = {
    "demo-glide": {"base_steps": 4, "upsample_steps": 2},
    "demo-mindalle": {"candidates": 2},
}
"""Settings of other painters that differ from those of their entries."""


@pytest.fixture
def settings(tmp_path: Path) -> BotSettings:
    return make_settings(tmp_path / "data")


@pytest.fixture
async def bot(settings: BotSettings) -> AsyncIterator[BotHarness]:
    async with open_bot(settings) as opened:
        yield opened


@pytest.fixture(autouse=True)
def few_cutouts(monkeypatch: pytest.MonkeyPatch):
    """Use few cutouts, which take most of the time; what a picture shows does not matter here.

    For the same reason edits and other painters take few steps if a test does not choose them.
    """
    few = {name: {**presets.PRESETS[name], "cutouts": 2} for name in ("demo", "scenes")}
    monkeypatch.setattr(presets, "PRESETS", {**presets.PRESETS, **few})
    edits = {**presets.EDIT_OVERRIDES["demo"], "steps": 3}
    monkeypatch.setattr(presets, "EDIT_OVERRIDES", {**presets.EDIT_OVERRIDES, "demo": edits})
    for name, fewer in _FEWER.items():
        entry = PAINTERS[name]
        defaults = {**entry.defaults, **fewer}
        monkeypatch.setitem(PAINTERS, name, replace(entry, defaults=defaults))


@pytest.fixture(autouse=True)
def any_words(monkeypatch: pytest.MonkeyPatch):
    """Let the models know every word, so that no prompt leads to a question.

    Tests about unknown words override this fixture.
    """
    for name in ("demo", "scenes"):
        entry = replace(CATALOGUE[name], vocabulary=OpenVocabulary())
        monkeypatch.setitem(CATALOGUE, name, entry)
