"""Scenes of what moderators see."""

import pytest

from tests.harness.bot_harness import ephemeral_text
from tests.harness.interactions import labels
from tests.screenshots.stage import Stage

pytestmark = pytest.mark.slow


async def test_the_panel_of_settings(stage: Stage):
    shown = await stage.type("settings show", who=stage.mona)
    assert shown.response is not None
    assert shown.response.message.components
    await stage.show("settings", who=stage.mona)


async def test_limits_and_words(stage: Stage):
    told = await stage.told("settings limits", who=stage.mona, steps=200, pictures_per_day=20)
    assert "200" in told
    told = await stage.told("settings words add", who=stage.mona, words="spoiler*, secret")
    assert "2" in told or "words" in told
    await stage.show("settings-limits", who=stage.mona, last=2)


async def test_the_menu_that_blocks(stage: Stage):
    menu = "Block from painting"
    answered = await stage.mona.context_menu(stage.channel, menu, stage.bob)
    assert answered.response is not None
    assert "Unblock" in labels(answered.response.message)
    assert "block" in ephemeral_text(answered)
    await stage.show("block", who=stage.mona)
