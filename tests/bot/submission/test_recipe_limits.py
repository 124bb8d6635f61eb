"""Limits below what a request takes by default: it is lowered to them, and that is said."""

import discord
import pytest
from PIL import Image

from engine.presets import size_within
from engine.recipes.recipe import Recipe
from tests.harness.bot_harness import (
    BotHarness,
    encoded,
    ephemeral_text,
    is_accepted,
    result_of,
    stored_recipe,
)
from tests.harness.languages import put_texts, set_client_language, set_server_language

PICTURE = ("a.png", encoded(Image.new("RGB", (128, 128), "blue")))


async def limit(bot: BotHarness, **numbers: int | None) -> None:
    """Set limits of the server."""
    await bot.services.store.guild_settings.change(bot.guild.id, lambda old: old.changed(**numbers))


async def newest(bot: BotHarness) -> tuple[discord.Message, Recipe]:
    """Return the newest result, and its recipe."""
    message = await result_of(bot)
    return message, await stored_recipe(bot, message)


async def test_every_door_takes_the_most_steps_that_are_allowed(bot: BotHarness):
    await limit(bot, steps=2)
    asked = await bot.alice.slash(bot.channel, "imagine", prompt="a red circle")
    assert is_accepted(ephemeral_text(asked))
    message, recipe = await newest(bot)
    assert recipe.steps == 2
    assert "2 steps instead of 130" in message.content
    await bot.alice.slash(bot.channel, "edit", image=PICTURE, prompt="a green circle")
    message, recipe = await newest(bot)
    assert recipe.steps == 2
    assert "2 steps instead of 3" in message.content
    form = await bot.alice.context_menu(bot.channel.threads[-1], "Edit this image", message)
    await bot.alice.submit_modal(form, {"prompt": "a blue square", "keep": ["50"]})
    again, recipe = await newest(bot)
    assert again.id != message.id
    assert recipe.steps == 2


async def test_a_named_number_of_steps_is_refused_and_not_lowered(bot: BotHarness):
    await limit(bot, steps=2)
    assert "At most 2 steps" in ephemeral_text(await bot.imagine(steps=3))
    options = {"image": PICTURE, "prompt": "a green circle", "steps": 3}
    assert "At most 2 steps" in ephemeral_text(
        await bot.alice.slash(bot.channel, "edit", **options)
    )
    assert not bot.channel.history()


async def test_an_older_longer_job_is_rerun_with_fewer_steps_which_is_said(bot: BotHarness):
    await bot.imagine(steps=4, count=2)
    result = await result_of(bot)
    await limit(bot, steps=3, count=1)
    assert is_accepted(ephemeral_text(await bot.alice.click(result, label="Rerun")))
    message, recipe = await newest(bot)
    assert (recipe.total_steps, recipe.more) == (3, ())
    assert "3 steps instead of 4" in message.content
    assert "1 of 2 pictures" in message.content


async def test_a_default_size_is_lowered_and_a_chosen_one_refused(bot: BotHarness):
    await limit(bot, pixels=32 * 32)
    await bot.imagine(steps=1)
    message, recipe = await newest(bot)
    assert (recipe.width, recipe.height) == (32, 32)
    assert "32×32 instead of 64×64" in message.content
    assert "at most 1024 pixels" in ephemeral_text(await bot.imagine(steps=1, size="square"))
    await bot.alice.slash(bot.channel, "edit", image=PICTURE, prompt="a green circle", steps=1)
    message, recipe = await newest(bot)
    assert recipe.width * recipe.height <= 32 * 32
    assert "instead of 64×64" in message.content


@pytest.mark.parametrize(
    ("size", "pixels", "expected"),
    [((64, 64), 4096, (64, 64)), ((64, 64), 4095, (60, 60)), ((96, 32), 1024, (52, 16))],
)
def test_a_size_that_fits_keeps_its_shape(
    size: tuple[int, int], pixels: int, expected: tuple[int, int]
):
    assert size_within(size, pixels, "demo") == expected


async def test_a_german_person_reads_german_and_the_channel_of_a_french_server_french(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    german = {
        "At most {most} steps are allowed here, not {steps}. A new picture can have "
        "`steps: {most}`.": "Höchstens {most} Schritte sind hier erlaubt, nicht {steps}.",
        "**Your defaults** none": "**Deine Vorgaben** keine",
    }
    french = {
        "{allowed} steps instead of {asked}, because more are not allowed here.": (
            "{allowed} étapes au lieu de {asked}, car pas plus ne sont permises ici."
        )
    }
    put_texts(monkeypatch, "de", german)
    put_texts(monkeypatch, "fr", french)
    set_client_language(monkeypatch, "de")
    guild = bot.client.get_guild(bot.guild.id)
    assert guild is not None
    set_server_language(guild, "fr")
    await limit(bot, steps=2)
    refusal = ephemeral_text(await bot.imagine(steps=3))
    assert refusal == "Höchstens 2 Schritte sind hier erlaubt, nicht 3."
    account = ephemeral_text(await bot.alice.slash(bot.channel, "info"))
    assert "**Deine Vorgaben** keine" in account
    await bot.alice.slash(bot.channel, "imagine", prompt="a red circle")
    message, _ = await newest(bot)
    assert "2 étapes au lieu de 130" in message.content
