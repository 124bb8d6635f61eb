"""What is made from something of others, whom nobody asked, is not in the gallery."""

from collections.abc import AsyncIterator
from pathlib import Path
from types import MappingProxyType

import pytest

from engine import presets
from tests.harness.bot_harness import BotHarness, painted, result_of
from tests.harness.gallery import drawn, open_gallery, shown
from tests.harness.replies import replied

WORDS = "a green square on a blue background"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the preset few steps, because a reply cannot choose them."""
    demo = {**presets.PRESETS["demo"], "steps": 1}
    monkeypatch.setattr(presets, "PRESETS", MappingProxyType({**presets.PRESETS, "demo": demo}))


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[BotHarness]:
    async with open_gallery(tmp_path) as opened_bot:
        yield opened_bot


async def test_what_is_made_from_the_picture_of_somebody_else_is_not_shown(bot: BotHarness):
    await bot.imagine("a red circle", steps=1)
    result = await result_of(bot)
    await bot.bob.click(result, label="Rerun")
    await bot.wait_until_notified()
    of_bob = painted(bot.thread())[-1]
    assert of_bob.id != result.id
    await bot.alice.click(of_bob, label="Rerun")  # of his, which is of hers
    await replied(bot, WORDS, result, who=bot.bob)
    await bot.wait_until_notified()
    gallery = bot.services.gallery
    assert await shown(gallery) == [1]
    assert [await gallery.full(each, 1) for each in (2, 3, 4)] == [None] * 3


async def test_what_is_made_from_ones_own_picture_is_shown(bot: BotHarness):
    await bot.imagine("a red circle", steps=1)
    result = await result_of(bot)
    await bot.alice.click(result, label="Rerun")
    await replied(bot, WORDS, result)
    await replied(bot, WORDS, result, ("mine.png", drawn("red", "circle")), who=bot.bob)
    await bot.wait_until_notified()
    assert await shown(bot.services.gallery) == [4, 3, 2, 1]


async def test_an_upload_of_somebody_else_is_not_ones_own(bot: BotHarness):
    posted = await bot.bob.send(
        bot.channel, "look", attachments=[("a.png", drawn("red", "circle"))]
    )
    form = await bot.alice.context_menu(bot.channel, "Edit this image", posted)
    await bot.alice.submit_modal(form, {"prompt": WORDS, "keep": ["50"]})
    form = await bot.alice.context_menu(bot.channel, "Mask something in it", posted)
    draft = await bot.alice.submit_modal(form, {"what": "red circle", "replace_with": WORDS})
    assert draft.response is not None
    await bot.alice.click(draft.response, label="Paint it")
    form = await bot.bob.context_menu(bot.channel, "Edit this image", posted)
    await bot.bob.submit_modal(form, {"prompt": WORDS, "keep": ["50"]})
    await bot.wait_until_notified()
    assert [await bot.services.store.jobs.state(each) for each in (1, 2, 3)] == ["done"] * 3
    assert await shown(bot.services.gallery) == [3]
