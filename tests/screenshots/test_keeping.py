"""Scenes of what people see about themselves, the queue and the bot."""

import pytest

from tests.harness.bot_harness import steps_held
from tests.harness.interactions import labels
from tests.screenshots.stage import CIRCLE, RING, SQUARE, Stage

pytestmark = pytest.mark.slow


async def test_the_queue(stage: Stage):
    with steps_held(1):
        await stage.type("imagine", prompt=CIRCLE, steps=200)
        await stage.type("imagine", prompt=RING, steps=200, who=stage.bob)
        await stage.type("imagine", prompt=SQUARE, steps=200)
        told = await stage.told("queue")
        assert RING in told
        await stage.show("queue")
        assert "Cancelled" in await stage.told("cancel", job="all")
        await stage.show("cancel")
        await stage.told("info", who=stage.bob)
        await stage.show("info", who=stage.bob)
        await stage.told("cancel", job="all", who=stage.bob)
    await stage.bot.wait_until_notified()


async def test_history(stage: Stage):
    await stage.paint(SQUARE, steps=stage.steps(80))
    await stage.paint(CIRCLE, steps=stage.steps(120))
    shown = await stage.type("history")
    assert shown.response is not None
    assert "Older" in labels(shown.response.message)
    await stage.show("history")


async def test_defaults(stage: Stage):
    told = await stage.told("defaults set", size="landscape", preset="fine", count=2)
    assert "landscape" in told
    await stage.show("defaults")


async def test_style(stage: Stage):
    told = await stage.told("style save", name="Poster", words="flat design, thick outline")
    assert "Poster" in told
    await stage.told("style list")
    await stage.show("style", last=2)


async def test_privacy(stage: Stage):
    told = await stage.told("privacy about")
    assert "stored" in told or "store" in told
    await stage.show("privacy")


async def test_deleting_everything_asks_first(stage: Stage):
    sure = await stage.type("privacy delete")
    assert sure.response is not None
    assert "Delete everything" in labels(sure.response.message)
    await stage.show("privacy-delete")


async def test_help(stage: Stage):
    told = await stage.told("help")
    assert "/imagine" in told
    await stage.show("help", last=3)


async def test_status(stage: Stage):
    told = await stage.told("status")
    assert "**Models**" in told
    await stage.show("status")
