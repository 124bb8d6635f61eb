"""Line drawings are posted as a picture, and as an SVG file beside it."""

from collections.abc import AsyncIterator
from pathlib import Path
from xml.etree import ElementTree

import discord
import pytest

from tests.harness.bot_harness import (
    BotHarness,
    ephemeral_text,
    make_settings,
    open_bot,
    opened,
    pictures_of,
    result_of,
)


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[BotHarness]:
    settings = make_settings(tmp_path / "data", posted_recipes="none")
    engine = settings.engine.model_copy(update={"more_models": ("demo-strokes",)})
    async with open_bot(settings.model_copy(update={"engine": engine})) as harness:
        yield harness


async def test_a_drawing_is_posted_beside_its_picture(bot: BotHarness):
    await bot.imagine(steps=2, model="demo-strokes")
    result = await result_of(bot)
    (picture,) = pictures_of(result)
    (drawing,) = (each for each in result.attachments if each.filename.endswith(".svg"))
    assert drawing.filename == picture.filename.replace(".png", ".svg")
    assert drawing.description == "picture-1 as a drawing"
    svg = ElementTree.fromstring((await drawing.read()).decode())
    size = opened(await picture.read()).size
    assert (svg.attrib["width"], svg.attrib["height"]) == tuple(map(str, size))
    assert len(list(svg.iter("{http://www.w3.org/2000/svg}path"))) > 20
    await bot.imagine(steps=1)  # by the usual models
    painted = await result_of(bot)
    assert not any(each.filename.endswith(".svg") for each in painted.attachments)


async def test_nothing_begins_with_a_picture_where_lines_are_drawn(bot: BotHarness):
    await bot.imagine(steps=1, model="demo-strokes")
    result = await result_of(bot)
    rows = (row for row in result.components if isinstance(row, discord.ActionRow))
    buttons = [each for row in rows for each in row.children if isinstance(each, discord.Button)]
    offered = {each.label for each in buttons}
    assert "Rerun" in offered
    assert not offered & {"Vary", "Enlarge ×2"}
    picture = await pictures_of(result)[0].read()
    refused = await bot.imagine(steps=1, model="demo-strokes", image=("a.png", picture))
    assert "cannot encode a picture" in ephemeral_text(refused)
