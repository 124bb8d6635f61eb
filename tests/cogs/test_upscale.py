"""`/upscale`: pictures two or four times as large, as people see them."""

from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from engine.recipes.recipe import Recipe
from tests.harness.bot_harness import (
    BotHarness,
    encoded,
    ephemeral_text,
    is_accepted,
    make_settings,
    open_bot,
    opened,
    pictures_of,
    recipe_of,
    result_of,
    stored_recipe,
)


def photo(size: tuple[int, int] = (40, 30)) -> bytes:
    picture = Image.new("RGB", size, (40, 80, 215))
    ImageDraw.Draw(picture).ellipse((8, 4, 28, 24), fill=(215, 35, 40))
    return encoded(picture)


async def upscale(bot: BotHarness, content: bytes | None = None, **options: object) -> str:
    image = ("a.png", photo() if content is None else content)
    values = {"steps": 1} | options
    answered = await bot.alice.slash(bot.channel, "upscale", image=image, **values)
    return ephemeral_text(answered)


async def test_a_picture_from_elsewhere_is_enlarged(bot: BotHarness):
    told = await upscale(bot, prompt="a red circle", factor=4, seed=7)
    assert is_accepted(told)
    assert "160×120 pixels, painted in 9 parts" in told
    result = await result_of(bot)
    assert "a red circle" in result.content
    assert "enlarged" in result.content
    assert "160×120" in result.content
    (file,) = pictures_of(result)
    assert opened(await file.read()).size == (160, 120)
    shown = ephemeral_text(await bot.alice.click(result, label="Recipe"))
    assert "/upscale prompt:a red circle factor:4 steps:1 seed:7" in shown
    assert "attach that as `image`" in shown


async def test_without_words_a_picture_is_to_look_like_itself(bot: BotHarness):
    assert is_accepted(await upscale(bot))
    (file,) = pictures_of(await result_of(bot))
    content = await file.read()
    assert opened(content).size == (80, 60)
    recipe = recipe_of(content)
    assert isinstance(recipe, Recipe)
    assert recipe.prompts == ()
    assert recipe.enlargement is not None


async def test_a_picture_that_was_painted_here_keeps_its_words(bot: BotHarness):
    await bot.imagine("a red circle", steps=2)
    (file,) = pictures_of(await result_of(bot))
    assert is_accepted(await upscale(bot, await file.read()))
    result = await result_of(bot)
    assert "a red circle" in result.content
    assert "128×128, shown 8×" in result.content


@pytest.mark.parametrize("posted", ["complete", "without-pictures"])
async def test_a_picture_like_others_is_enlarged_with_or_without_these(tmp_path: Path, posted: str):
    async with open_bot(make_settings(tmp_path, posted_recipes=posted)) as bot:
        like = ("like.png", photo((300, 200)))
        await bot.imagine("a red circle", steps=1, like=like)
        (file,) = pictures_of(await result_of(bot))
        assert is_accepted(await upscale(bot, await file.read()))
        recipe = await stored_recipe(bot, await result_of(bot))
        assert recipe.title == "a red circle"
        pictures = [each.picture for each in recipe.image_prompts]
        assert len(pictures) == (posted == "complete")
        assert all(pictures)


async def test_an_enlarged_picture_is_enlarged_again_and_rerun(bot: BotHarness):
    await upscale(bot)
    result = await result_of(bot)
    for label in ("Rerun", "Enlarge ×2"):
        assert is_accepted(ephemeral_text(await bot.alice.click(result, label=label)))
        (file,) = pictures_of(await result_of(bot))
    assert opened(await file.read()).size == (160, 120)


@pytest.mark.parametrize(
    ("content", "options", "reason"),
    [
        (b"", {}, "empty"),
        (b"no picture", {}, "picture"),
        (photo((15, 40)), {}, "too few to edit"),
        (photo((1100, 600)), {"factor": 4}, "at most 4096 a side"),
        (photo((1000, 900)), {"factor": 4}, "parts, which take"),
        (photo(), {"prompt": "a ^ b"}, "no story"),
        (photo(), {"prompt": "a:1:2:3"}, "colons"),
    ],
)
async def test_what_cannot_be_enlarged_is_refused(
    bot: BotHarness, content: bytes, options: dict[str, object], reason: str
):
    told = await upscale(bot, content, **options)
    assert reason in told
    assert not bot.channel.history()
