"""`[engine] edit_models`: other models edit photographs than paint from words."""

from collections.abc import AsyncIterator
from pathlib import Path
from types import MappingProxyType

import discord
import pytest
from PIL import Image, ImageDraw

from bot.config import BotSettings
from engine import presets
from engine.errors import ModelError
from tests.harness.bot_harness import (
    BotHarness,
    encoded,
    ephemeral_text,
    is_accepted,
    make_settings,
    open_bot,
    open_test_services,
    result_of,
    stored_recipe,
)
from tests.harness.replies import replied

WORDS = "a green circle on a blue background"
EDITING = "demo-pyramid"


def photograph() -> Image.Image:
    """Draw a red disc on a blue ground, with a hole that `/mask` takes for the mask."""
    picture = Image.new("RGBA", (128, 128), (30, 60, 200, 255))
    ImageDraw.Draw(picture).ellipse((40, 40, 88, 88), fill=(220, 30, 30, 255))
    picture.paste((0, 0, 0, 0), (48, 48, 80, 80))
    return picture


PHOTOGRAPH = encoded(photograph())


def with_edit_models(settings: BotSettings, name: str) -> BotSettings:
    engine = settings.engine.model_copy(update={"edit_models": name})
    return settings.model_copy(update={"engine": engine})


@pytest.fixture
async def bot(settings: BotSettings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[BotHarness]:
    demo = {**presets.PRESETS["demo"], "steps": 2}
    monkeypatch.setattr(presets, "PRESETS", MappingProxyType({**presets.PRESETS, "demo": demo}))
    async with open_bot(with_edit_models(settings, EDITING)) as opened:
        yield opened


async def models_of(bot: BotHarness, message: discord.Message) -> str:
    """Return the models that painted the newest picture in the place of a message."""
    return (await stored_recipe(bot, message)).models


async def test_photographs_are_edited_by_the_models_for_edits(bot: BotHarness):
    answered = await bot.alice.slash(
        bot.channel, "edit", image=("photo.png", PHOTOGRAPH), prompt=WORDS, steps=1
    )
    assert is_accepted(ephemeral_text(answered))
    edited = await result_of(bot)
    assert await models_of(bot, edited) == EDITING
    assert EDITING in edited.content


async def test_a_masked_photograph_is_painted_by_the_models_for_edits(bot: BotHarness):
    answered = await bot.alice.slash(
        bot.channel, "mask", image=("photo.png", PHOTOGRAPH), replace_with=WORDS
    )
    assert answered.response is not None
    await bot.alice.click(answered.response, label="Paint it")
    assert await models_of(bot, await result_of(bot)) == EDITING


async def test_what_the_bot_painted_stays_with_its_models(bot: BotHarness):
    await bot.imagine(steps=1)
    result = await result_of(bot)
    assert await models_of(bot, result) == "demo"
    await replied(bot, WORDS, result)
    assert await models_of(bot, await result_of(bot, bot.thread())) == "demo"
    await replied(bot, WORDS, result, ("photo.png", PHOTOGRAPH))
    photo_edited = await result_of(bot, bot.thread())
    assert await models_of(bot, photo_edited) == EDITING
    # The edit is a picture of the bot too: from now on it stays with those models.
    await replied(bot, WORDS, photo_edited)
    assert await models_of(bot, await result_of(bot, bot.thread())) == EDITING


async def test_status_and_help_name_the_models_for_edits(bot: BotHarness):
    status = ephemeral_text(await bot.alice.slash(bot.channel, "status"))
    assert f"**Edits** of pictures from elsewhere: {EDITING}" in status
    helped = ephemeral_text(await bot.alice.slash(bot.channel, "help"))
    assert f"The models `{EDITING}` edit pictures that I did not paint" in helped


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("demo-piramid", "no models called 'demo-piramid'.*demo-pyramid"),
        ("demo-glide", "models of another painter"),
        ("demo-strokes", "must be models that encode pictures, not 'demo-strokes'"),
    ],
)
async def test_models_that_cannot_edit_are_refused_at_the_start(
    name: str, told: str, tmp_path: Path
):
    settings = with_edit_models(make_settings(tmp_path / "data"), name)
    with pytest.raises(ModelError, match=told):
        async with open_test_services(settings):
            pass
