"""Scenes of the commands that paint."""

import discord
import pytest

from tests.harness.bot_harness import is_accepted, steps_held, until
from tests.screenshots.stage import CIRCLE, RING, SQUARE, Stage, clip, drawing

pytestmark = pytest.mark.slow


async def test_imagine(stage: Stage):
    result = await stage.paint()
    assert CIRCLE in result.content
    await stage.show("imagine", last=2)


async def test_imagine_while_it_is_painted(stage: Stage):
    half = stage.steps(80)
    with steps_held(half):
        told = await stage.told("imagine", prompt=RING, steps=2 * half, seed=4)
        assert is_accepted(told)
        await until(lambda: progress(stage).attachments)
        await stage.settled(lambda: progress(stage).content)
        await stage.show("progress", last=2)
        assert "Cancelled" in await stage.told("cancel", job="all")
    await stage.bot.wait_until_notified()


async def test_four_pictures(stage: Stage):
    result = await stage.paint(RING, count=4, steps=stage.steps(120))
    assert any("grid" in each.filename for each in stage.files())
    assert result.components or stage.files()
    await stage.show("four", last=2)


async def test_a_story(stage: Stage):
    result = await stage.paint(f"{CIRCLE} ^ a red circle on a yellow background")
    assert "^" in result.content
    await stage.show("story")


async def test_a_tile(stage: Stage):
    result = await stage.paint(SQUARE, tile="both", seed=3)
    assert "tile" in result.content
    await stage.show("tile")


async def test_a_question_about_unknown_words(stage: Stage):
    told = await stage.told("imagine", prompt="a red dragon on a blue sea")
    assert "dragon" in told
    assert not stage.channel.history()
    await stage.show("question")


async def test_blend(stage: Stage):
    one, two = ("one.png", drawing()), ("two.png", drawing("yellow"))
    told = await stage.told("blend", image1=one, image2=two, steps=stage.steps(130), seed=5)
    assert is_accepted(told)
    await stage.finished()
    await stage.show("blend", last=2)


async def test_animate(stage: Stage):
    told = await stage.told(
        "animate", prompt=CIRCLE, camera="zoom", seconds=0.5, steps=stage.steps(150), seed=3
    )
    assert is_accepted(told)
    film = await stage.finished()
    assert any(each.filename.endswith(".mp4") for each in film.attachments)
    await stage.show("animate", last=2)


async def test_restyle(stage: Stage):
    video = ("clip.mp4", clip())
    told = await stage.told(
        "restyle", clip=video, prompt=SQUARE, keep=75, steps=stage.steps(60), seed=3
    )
    assert is_accepted(told)
    film = await stage.finished()
    assert any(each.filename.endswith(".mp4") for each in film.attachments)
    await stage.show("restyle", last=2)


async def test_compare(stage: Stage):
    told = await stage.told("compare", prompt=CIRCLE, seed=3, tries=1)
    assert is_accepted(told)
    await stage.finished()
    assert "compared: 3 painters" in stage.channel.history()[0].content
    await stage.show("compare", last=2)


def progress(stage: Stage) -> discord.Message:
    """Return the message that shows the progress of the only job."""
    return stage.channel.history()[0]
