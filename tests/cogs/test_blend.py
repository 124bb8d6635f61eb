"""`/blend`: what several pictures have in common, painted without words."""

from pathlib import Path
from typing import Any

import discord
import simcord
from PIL import Image

from bot.guild_settings import GuildSettings
from tests.harness.bot_harness import (
    BotHarness,
    encoded,
    ephemeral_text,
    is_accepted,
    make_settings,
    open_bot,
    pictures_of,
    result_of,
    stored_recipe,
)
from tests.harness.command_lines import options_in, pasted_line

GREEN = ("green.png", encoded(Image.new("RGB", (40, 30), "green")))
RED = ("red.png", encoded(Image.new("RGB", (40, 30), "red")))
HIDDEN = (f"SPOILER_{RED[0]}", RED[1])


async def blend(bot: BotHarness, **options: Any) -> simcord.InteractionResult:
    """Let Alice blend a green and a red picture."""
    options = {"image1": GREEN, "image2": RED, "steps": 1} | options
    return await bot.alice.slash(bot.channel, "blend", **options)


async def test_pictures_are_required_and_come_first(bot: BotHarness):
    command = bot.client.tree.get_command("blend")
    assert isinstance(command, discord.app_commands.Command)
    names = [(each.name, each.required) for each in command.parameters]
    assert names[:4] == [("image1", True), ("image2", True), ("image3", False), ("weights", False)]
    assert {name for name, is_required in names if is_required} == {"image1", "image2"}


async def test_a_blend_is_found_by_what_it_is_like(bot: BotHarness):
    assert is_accepted(ephemeral_text(await blend(bot, image3=GREEN, weights="2; .5", seed=7)))
    result = await result_of(bot)
    assert "**\u2068like 3 pictures\u2069**" in bot.job_message().content
    assert bot.thread().name == "like 3 pictures"
    assert "like 3 pictures" in (pictures_of(result)[0].description or "")
    recipe = await stored_recipe(bot, result)
    assert (recipe.prompts, recipe.seed) == ((), 7)
    assert [each.weight for each in recipe.image_prompts] == [2, 0.5, 1]
    found = await bot.alice.slash(bot.channel, "history", search="like 3 pict")
    assert "like 3 pictures" in ephemeral_text(found)


async def test_a_blend_is_painted_again_and_can_get_words(bot: BotHarness):
    await blend(bot)
    first, place = await result_of(bot), bot.thread()
    content = (await stored_recipe(bot, first)).to_json().encode()
    shown = await bot.alice.slash(bot.channel, "recipe", image=("recipe.json", content))
    assert shown.response is not None
    assert "resembling 2 pictures" in shown.response.content
    await bot.alice.click(shown.response, label="Paint it again")
    again = await result_of(bot)
    assert again.id != first.id
    assert (await stored_recipe(bot, again)).prompts == ()
    form = await bot.alice.click(first, label="Edit prompt")
    assert is_accepted(ephemeral_text(await bot.alice.submit_modal(form, {"prompt": "a star"})))
    recipe = await stored_recipe(bot, await result_of(bot, place))
    assert ([each.text for each in recipe.prompts], len(recipe.image_prompts)) == (["a star"], 2)


async def test_the_command_that_recipe_gives_paints_the_same_blend(bot: BotHarness):
    await blend(bot, weights="2", ratio="21:9")
    result = await result_of(bot)
    shown = ephemeral_text(await bot.bob.click(result, label="Recipe"))
    line = pasted_line(shown)
    assert line.startswith("/blend ratio:21:9 steps:1 seed:")
    assert "attach them again" in shown
    names = ["ratio", "steps", "seed", "preset", "weights"]
    await blend(bot, **options_in(line, names))
    again = await result_of(bot)
    before, after = [await pictures_of(each)[0].read() for each in (result, again)]
    assert before == after


async def test_a_style_and_what_to_avoid_join_the_pictures(bot: BotHarness):
    await blend(bot, negative="fog", style="cubism")
    recipe = await stored_recipe(bot, await result_of(bot))
    assert [(each.text, each.weight) for each in recipe.prompts] == [("cubism", 1), ("fog", -0.5)]
    assert len(recipe.image_prompts) == 2
    choices = await bot.alice.autocomplete(
        bot.channel, "blend", "ratio", "16", image1=GREEN, image2=RED
    )
    assert [choice["value"] for choice in choices] == ["16:9", "9:16"]


async def test_own_defaults_fill_in_what_is_left_out(bot: BotHarness):
    await bot.alice.slash(bot.channel, "defaults set", size="wide", style="ink")
    await blend(bot)
    recipe = await stored_recipe(bot, await result_of(bot))
    assert (recipe.width, recipe.height) == (96, 48)
    assert [each.text for each in recipe.prompts] == ["ink"]
    await blend(bot, style="none", size="tall")
    result = await result_of(bot)
    assert (await stored_recipe(bot, result)).prompts == ()
    line = pasted_line(ephemeral_text(await bot.alice.click(result, label="Recipe")))
    assert line.startswith("/blend size:tall ")
    assert line.endswith(" style:none")


async def test_a_blend_of_a_hidden_picture_is_hidden(bot: BotHarness):
    await blend(bot, image2=HIDDEN)
    assert all(each.is_spoiler() for each in (await result_of(bot)).attachments)


REFUSED: tuple[tuple[dict[str, Any], str], ...] = (
    ({"weights": "2, 1, 1"}, "You gave 3 weights in `weights`"),
    ({"weights": "two"}, "Each weight in `weights` must be a number from -1000 to 1000"),
    ({"weights": "1e9"}, "must be a number from -1000 to 1000"),
    ({"weights": "1,"}, "must be a number"),
    ({"weights": "0, 0"}, "All weights are zero"),
    ({"ratio": "wide"}, "The ratio must be width:height"),
    ({"ratio": "3:2", "size": "tall"}, "Both `size` and `ratio`"),
    ({"negative": "a sausage"}, "is blocked here"),
    ({"image2": ("b.png", b"no picture at all")}, "it is not a picture"),
)


async def test_what_cannot_be_blended_is_refused_with_a_sentence(tmp_path: Path):
    settings = make_settings(tmp_path)
    safety = settings.safety.model_copy(update={"blocked_words": ("sausage",)})
    limits = settings.limits.model_copy(update={"prompt_length": 500})
    settings = settings.model_copy(update={"safety": safety, "limits": limits})
    async with open_bot(settings) as bot:
        for options, reason in REFUSED:
            assert reason in ephemeral_text(await blend(bot, **options)), options
        assert not await bot.services.store.jobs.list_open()
        assert not bot.channel.history()


async def test_a_blend_works_only_where_imagine_does(bot: BotHarness):
    elsewhere = bot.guild.create_text_channel("elsewhere")
    limited = GuildSettings(imagine_channels=(elsewhere.id,))
    await bot.services.store.guild_settings.change(bot.guild.id, lambda _: limited)
    assert "works only in" in ephemeral_text(await blend(bot))
    assert not bot.channel.history()
