"""The options of `/imagine` that say what a picture should resemble, avoid, and be shaped like."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import discord
from PIL import Image

from tests.harness.bot_harness import (
    PROMPT,
    BotHarness,
    encoded,
    ephemeral_text,
    make_settings,
    open_bot,
    result_of,
    stored_recipe,
)

GREEN = ("green.png", encoded(Image.new("RGB", (40, 30), "green")))
RED = ("red.png", encoded(Image.new("RGB", (40, 30), "red")))


def color(picture: bytes) -> object:
    return Image.open(io.BytesIO(picture)).getpixel((3, 3))


async def test_pictures_are_blended_by_their_weights(bot: BotHarness):
    await bot.imagine(steps=1, like=GREEN, like2=RED, like3=GREEN, like_weights="2; -0.5")
    recipe = await stored_recipe(bot, await result_of(bot))
    assert [each.weight for each in recipe.image_prompts] == [2, -0.5, 1]
    colors = [color(each.picture) for each in recipe.image_prompts]
    assert colors == [(0, 128, 0), (255, 0, 0), (0, 128, 0)]


async def test_what_to_push_away_is_part_of_the_prompt(bot: BotHarness):
    answered = await bot.imagine("a red circle", steps=1, negative="fog, a blue sea")
    assert "a blue sea" in ephemeral_text(answered)
    assert bot.thread().name == "a red circle --no fog, a blue sea"
    recipe = await stored_recipe(bot, await result_of(bot))
    assert [(each.text, each.weight) for each in recipe.prompts] == [
        ("a red circle", 1),
        ("fog", -0.5),
        ("a blue sea", -0.5),
    ]


RATIOS: Sequence[tuple[str, tuple[int, int]]] = (
    ("16:9", (84, 48)),
    (" 9 X 16 ", (48, 84)),
    ("1.5", (80, 52)),
    ("4/1", (128, 32)),
)


async def test_any_ratio_has_about_as_many_pixels_as_a_square(bot: BotHarness):
    for ratio, expected in RATIOS:
        await bot.imagine("a star --ar 1:2", steps=1, ratio=ratio)
        recipe = await stored_recipe(bot, await result_of(bot))
        assert (recipe.width, recipe.height) == expected


async def test_ratios_are_offered_while_typing(bot: BotHarness):
    choices = await bot.alice.autocomplete(bot.channel, "imagine", "ratio", "16", prompt=PROMPT)
    assert [choice["value"] for choice in choices] == ["16:9", "9:16"]


async def test_only_the_prompt_is_required_and_it_is_the_first_option(bot: BotHarness):
    command = bot.client.tree.get_command("imagine")
    assert isinstance(command, discord.app_commands.Command)
    required = [each.name for each in command.parameters if each.required]
    assert required == [command.parameters[0].name] == ["prompt"]


REFUSED: tuple[tuple[dict[str, Any], str], ...] = (
    (
        {"prompt": " "},
        "Say in `prompt` what the picture should show. `/blend` paints from pictures",
    ),
    ({"prompt": " ", "negative": "fog", "style": "cubism"}, "Say in `prompt`"),
    ({"like_weights": "2"}, "`like_weights` needs a picture in `like`"),
    ({"like": GREEN, "like_weights": "2, 1"}, "You gave 2 weights in `like_weights`"),
    ({"like": GREEN, "like_weights": "two"}, "must be a number from -1000 to 1000"),
    ({"like": GREEN, "like_weights": "1e9"}, "must be a number from -1000 to 1000"),
    ({"like": GREEN, "like2": RED, "like_weights": "1,"}, "must be a number"),
    ({"prompt": " ", "like": GREEN, "like_weights": "0"}, "All weights are zero"),
    ({"ratio": "0:0"}, "The ratio must be width:height"),
    ({"ratio": "wide"}, "The ratio must be width:height"),
    ({"painter": "glide", "tile": "x"}, "GLIDE has no `steps`, `tile`"),
    ({"ratio": "1:1000"}, "too extreme: choose one from 1:4 to 4:1"),
    ({"prompt": "a star --ar 1:1000"}, "The ratio 1:1000 is too extreme"),
    ({"ratio": "3:2", "size": "tall"}, "Both `size` and `ratio`"),
    ({"negative": ",".join("abcdefghijklmnopqr")}, "19 prompts were given"),
    ({"prompt": "x" * 300, "negative": "y" * 300}, "The prompt has 601 characters"),
    ({"like": GREEN, "like2": ("b.png", b"no picture at all")}, "it is not a picture"),
)


async def test_what_cannot_be_painted_is_refused_with_a_sentence(tmp_path: Path):
    settings = make_settings(tmp_path)
    limits = settings.limits.model_copy(update={"prompt_length": 500})
    async with open_bot(settings.model_copy(update={"limits": limits})) as bot:
        for options, reason in REFUSED:
            answered = await bot.imagine(**{"prompt": PROMPT, "steps": 1} | options)
            assert reason in ephemeral_text(answered), options
        assert not await bot.services.store.jobs.list_open()
        assert not bot.channel.history()


async def test_a_blocked_word_cannot_hide_in_what_to_push_away(tmp_path: Path):
    settings = make_settings(tmp_path)
    safety = settings.safety.model_copy(update={"blocked_words": ("sausage",)})
    async with open_bot(settings.model_copy(update={"safety": safety})) as bot:
        for prompt, negative in ((PROMPT, "a sausage"), ("a big sau", "sage, fog")):
            answered = await bot.imagine(prompt, negative=negative)
            assert "is blocked here" in ephemeral_text(answered)
        assert not bot.channel.history()
