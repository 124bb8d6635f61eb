"""Scenes of what is done with a picture: edits, masks, replies, buttons, reactions."""

import pytest

from tests.harness.bot_harness import is_accepted
from tests.harness.interactions import RESULT, labels
from tests.harness.replies import replied
from tests.screenshots.stage import CIRCLE, SQUARE, Stage, drawing

pytestmark = pytest.mark.slow
PICTURE = ("picture.png", drawing())
GREEN = "a green circle on a blue background"


async def test_edit(stage: Stage):
    told = await stage.told("edit", image=PICTURE, prompt=GREEN, keep=75, seed=3)
    assert is_accepted(told)
    result = await stage.finished()
    assert any("before-after" in each.filename for each in result.attachments)
    await stage.show("edit", last=2)


async def test_the_menu_that_edits(stage: Stage):
    posted = await stage.bob.send(stage.channel, "Look!", attachments=[PICTURE])
    form = await stage.alice.context_menu(stage.channel, "Edit this image", posted)
    answered = await stage.alice.submit_modal(form, {"prompt": GREEN, "keep": ["75"]})
    assert answered.acknowledged
    await stage.finished()
    await stage.show("edit-menu", last=3)


async def test_mask(stage: Stage):
    told = await stage.told("mask", image=PICTURE, what="the red circle", replace_with=SQUARE)
    assert "% of the picture" in told
    await stage.show("mask")


async def test_describe(stage: Stage):
    told = await stage.told("describe", image=PICTURE)
    assert "**4**" in told
    await stage.show("describe")


async def test_upscale(stage: Stage):
    small = ("small.png", drawing(size=(64, 64)))
    told = await stage.told("upscale", image=small, factor=2, prompt=CIRCLE, steps=stage.steps(20))
    assert is_accepted(told)
    result = await stage.finished()
    assert "enlarged" in result.content
    await stage.show("upscale", last=2)


async def test_recipe(stage: Stage):
    result = await stage.paint()
    content = await result.attachments[0].read()
    told = await stage.told("recipe", image=("picture-1.png", content))
    assert CIRCLE in told
    await stage.show("recipe")


async def test_a_reply(stage: Stage):
    result = await stage.paint()
    await replied(stage.bot, "a green circle on a blue background", result)
    edited = await stage.finished()
    assert edited.id != result.id
    await stage.show("reply", last=3)


async def test_buttons(stage: Stage):
    result = await stage.paint()
    assert labels(result) == RESULT
    await stage.show("edit-prompt", press="Edit prompt")
    pressed = await stage.alice.click(result, label="Recipe")
    assert pressed.acknowledged
    await stage.show("buttons", last=2)


async def test_the_reaction_that_deletes_asks_first(stage: Stage):
    result = await stage.paint()
    await stage.alice.react(result, "❌")
    await stage.bot.env.settle()
    asked = stage.channel.history()[-1]
    assert "Delete" in " ".join(labels(asked))
    await stage.show("reaction", last=2)
