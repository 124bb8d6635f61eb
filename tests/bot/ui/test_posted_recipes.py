"""The file of a posted picture does not give away the pictures that it was made from."""

import base64
from pathlib import Path

import discord
import pytest
from PIL import Image

from engine.cli import main
from engine.images.png import read_text
from engine.painting import with_recipe
from engine.recipes.recipe import Recipe
from tests.harness.bot_harness import (
    PROMPT,
    BotHarness,
    change_database,
    encoded,
    ephemeral_text,
    is_accepted,
    make_settings,
    open_bot,
    painted,
    recipe_of,
    result_of,
    singles_of,
    stored_recipe,
)

FACE = encoded(Image.effect_noise((64, 64), 60).convert("RGB"))
PAINTED_OVER = encoded(Image.new("L", (64, 64), 255))


async def edited(bot: BotHarness, **options: object) -> discord.Message:
    """Let Alice paint over a face; return the result."""
    defaults = {"image": ("a.png", FACE), "mask": ("m.png", PAINTED_OVER), "prompt": PROMPT}
    await bot.alice.slash(bot.channel, "edit", **defaults | {"steps": 1, "seed": 7} | options)
    return await result_of(bot)


async def check_no_source(bot: BotHarness, message: discord.Message) -> None:
    """Check that no file of a message contains a picture of its recipe."""
    recipe = await stored_recipe(bot, message)
    edit = recipe.edit
    sources = [recipe.init_image, edit and edit.source, *(p.picture for p in recipe.image_prompts)]
    samples = [each[100:400] for each in sources if each]
    samples += [base64.b64encode(each)[100:400] for each in sources if each]
    assert samples
    for file in (*message.attachments, *await singles_of(message)):
        content = await file.read()
        assert not any(sample in content for sample in samples), file.filename


async def test_a_posted_edit_holds_its_settings_but_not_its_source(bot: BotHarness):
    result = await edited(bot, count=2)
    await check_no_source(bot, result)
    complete, posted = await stored_recipe(bot, result), recipe_of(await first_file(result))
    assert (posted.seed, posted.prompts) == (complete.seed, complete.prompts)
    assert posted.edit is not None
    assert complete.edit is not None
    assert (posted.edit.source, posted.edit.mask) == (b"", b"")
    assert posted.edit.keep_latent == complete.edit.keep_latent


async def first_file(message: discord.Message) -> bytes:
    """Return the first picture of a message."""
    return await (await singles_of(message))[0].read()


@pytest.mark.parametrize("option", ["image", "like"])
async def test_neither_do_other_pictures_that_people_attach(bot: BotHarness, option: str):
    await bot.alice.slash(
        bot.channel, "imagine", prompt=PROMPT, steps=1, **{option: ("a.png", FACE)}
    )
    result = await result_of(bot)
    await check_no_source(bot, result)
    await bot.bob.click(result, label="Vary")
    await check_no_source(bot, await result_of(bot))


async def test_the_bot_still_paints_it_again_and_from_the_file_alone_says_why_not(
    bot: BotHarness, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    result = await edited(bot)
    content = await first_file(result)
    assert is_accepted(ephemeral_text(await bot.bob.click(result, label="Rerun")))
    again = await result_of(bot)
    first, second = [(await stored_recipe(bot, each)).edit for each in (result, again)]
    assert first == second
    answered = await bot.bob.slash(bot.channel, "recipe", image=("a.png", content))
    text = ephemeral_text(answered)
    assert "edited from a picture" in text
    assert "left out" in text
    assert "press Rerun" in text
    assert answered.response is not None
    assert not answered.response.components
    (tmp_path / "a.png").write_bytes(content)
    assert main(["imagine", "--recipe", str(tmp_path / "a.png"), "--out", "b.png"]) == 2
    assert "/privacy export" in capsys.readouterr().err


async def test_the_host_can_have_complete_recipes_posted(tmp_path: Path):
    async with open_bot(make_settings(tmp_path, posted_recipes="complete")) as bot:
        result = await edited(bot)
        assert recipe_of(await first_file(result)) == await stored_recipe(bot, result)


async def test_the_host_can_have_no_recipes_posted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with open_bot(make_settings(tmp_path, posted_recipes="none")) as bot:
        result = await edited(bot)
        assert read_text(await first_file(result)) == {}
        monkeypatch.setattr(discord.Guild, "filesize_limit", 10 * 2**10)
        await bot.imagine(steps=1, seed=7)
        await bot.wait_until_notified()
        newest = max(bot.channel.threads, key=lambda thread: thread.id).history()[-1]
        assert any(file.filename.endswith(".webp") for file in newest.attachments)
        assert not any(file.filename.endswith(".json") for file in newest.attachments)


async def test_the_recipe_beside_a_picture_that_is_too_large_has_no_source_either(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(discord.Guild, "filesize_limit", 10 * 2**10)
    await bot.imagine(steps=1, image=("a.png", FACE))
    await bot.wait_until_notified()
    result = bot.thread().history()[-1]
    (file,) = (each for each in result.attachments if each.filename.endswith(".json"))
    assert Recipe.from_json((await file.read()).decode()).init_image == b""
    await check_no_source(bot, result)


async def test_a_picture_of_an_earlier_version_is_posted_again_without_its_source(bot: BotHarness):
    result = await edited(bot)
    complete = with_recipe(await first_file(result), await stored_recipe(bot, result))
    folder = bot.services.settings.storage.folder
    await change_database(folder, "UPDATE pictures SET content = ?", complete)
    page = await bot.alice.slash(bot.channel, "history")
    assert page.response is not None
    await bot.alice.click(page.response, label="Post again")
    again = painted(bot.channel)[-1]
    await check_no_source(bot, again)
    assert recipe_of(await first_file(again)).seed == 7
