"""`/recipe` and the menu *Show recipe*: how a picture was made, and another one like it."""

import io
import json
import zlib
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import discord
import pytest
import simcord
from PIL import Image

from bot.client import PaintingBot
from bot.submission.recipes import FILENAME
from engine import Recipe, edit_recipe, make_recipe, save_painting
from engine.provenance import RECIPE_KEY
from engine.recipes.checks import MAX_SEED
from engine.recipes.edit import Edit, ImagePrompt
from engine.recipes.prompts import Prompt
from tests.engine.images.raw_png import chunk, header, png_file
from tests.harness.bot_harness import (
    PROMPT,
    TAKEN_BACK,
    BotHarness,
    channel_of,
    connected,
    encoded,
    ephemeral_text,
    is_accepted,
    make_settings,
    open_bot,
    open_test_services,
    pictures_of,
    raise_unexplained,
    recipe_of,
    result_of,
    steps_held,
    stored_recipe,
    until,
)

MENU = "Show recipe"
SQUARE = Image.linear_gradient("L").convert("RGB").resize((64, 64))
JPEG = encoded(SQUARE, "JPEG")


def small(prompt: str = PROMPT, **changes: Any) -> Recipe:
    options: dict[str, Any] = {"seed": 7, "steps": 2} | changes
    return make_recipe(prompt, **options)


@pytest.fixture
def painting(tmp_path: Path):
    """Return a function that makes a picture file with a recipe in it."""

    def write(recipe: Recipe, steps: int | None = None) -> bytes:
        path = tmp_path / "a.png"
        precision = "bfloat16"
        save_painting(SQUARE, path, recipe, {}, precision=precision, steps=steps, force=True)
        return path.read_bytes()

    return write


async def asked(bot: BotHarness, content: bytes, name: str = "a.png") -> simcord.InteractionResult:
    return await bot.alice.slash(bot.channel, "recipe", image=(name, content))


def response(answered: simcord.InteractionResult) -> simcord.results.ResponseMessage:
    assert answered.response is not None
    return answered.response


def buttons(answered: simcord.InteractionResult) -> list[str | None]:
    rows = response(answered).message.components
    return [
        button.label
        for row in rows
        if isinstance(row, discord.ActionRow)
        for button in row.children
        if isinstance(button, discord.Button)
    ]


async def file_of(answered: simcord.InteractionResult) -> Recipe:
    """Return the recipe that is attached to an answer."""
    (file,) = response(answered).attachments
    assert file.filename == FILENAME
    return Recipe.from_json((await file.read()).decode())


async def pressed(bot: BotHarness, answered: simcord.InteractionResult) -> str:
    """Press the button of an answer; return the response."""
    result = await bot.alice.click(response(answered), label="Paint it again")
    below = [each.content for each in result.followups if each.ephemeral]
    return below[0] if below else TAKEN_BACK


# --- What is told


async def test_a_picture_tells_how_it_was_made_and_is_painted_again(bot: BotHarness, painting):
    recipe = small(f"{PROMPT} | fog:-0.5:-1", more=(3,))
    answered = await asked(bot, painting(recipe))
    text = ephemeral_text(answered)
    for part in (
        PROMPT,
        "fog\u2069 · weight -0.5 · content at -1",
        "64×64, shown 8×",
        "5 steps in 2 rounds",
        "seed 7",
        "demo",
        "preset demo",
        "computed in bfloat16",
    ):
        assert part in text
    assert await file_of(answered) == recipe
    assert not bot.channel.history()
    assert is_accepted(await pressed(bot, answered))
    result = await result_of(bot)
    again = recipe_of(await pictures_of(result)[0].read())
    assert again.seed != recipe.seed
    assert replace(again, seed=7) == recipe
    assert bot.alice.mention in result.content
    assert "fog" in result.content


async def test_every_press_paints_another_one(bot: BotHarness, painting):
    answered = await asked(bot, painting(small()))
    for _ in range(2):
        await pressed(bot, answered)
    await bot.wait_until_notified()
    assert len(bot.channel.threads) == 2


async def test_recipe_of_edit_is_shown_and_painted_again(bot: BotHarness, painting):
    mask = Image.new("L", SQUARE.size)
    mask.paste(255, (0, 0, 32, 32))
    recipe = edit_recipe("a star", SQUARE, mask=mask, seed=7, steps=2, start_noise=0.5)
    answered = await asked(bot, painting(recipe))
    text = ephemeral_text(answered)
    for part in ("edited from a picture", "keeping 0 %", "only inside the mask", "noise 0.5"):
        assert part in text
    await pressed(bot, answered)
    again = await stored_recipe(bot, await result_of(bot))
    assert again.edit == recipe.edit


async def test_recipe_that_only_library_can_make_is_shown(bot: BotHarness, painting):
    recipe = small(
        size=(64, 32),
        init_image=encoded(SQUARE.resize((64, 32))),
        image_prompts=(ImagePrompt(encoded(SQUARE)),),
        cutouts=3,
        learning_rate=0.123,
    )
    answered = await asked(bot, painting(recipe, steps=1))
    text = ephemeral_text(answered)
    for part in (
        "64×32",
        "started from a picture",
        "resembling 1 picture",
        "stopped at step 1",
        "custom settings: 3 cutouts, learning rate 0.123",
    ):
        assert part in text
    assert await file_of(answered) == recipe


async def test_recipe_as_json_is_shown(bot: BotHarness):
    answered = await asked(bot, small().to_json().encode(), "recipe.json")
    assert "seed 7" in ephemeral_text(answered)
    assert buttons(answered) == ["Paint it again"]


async def test_answer_to_any_recipe_is_short_and_pings_no_one(bot: BotHarness, painting):
    nasty = "@everyone **<@1>** [x](http://y) ```" + "\u202e\u0000_*`" * 200
    recipe = replace(
        small(), prompts=tuple(Prompt(f"{n} {nasty}", -1 / 3, 1 / 3) for n in range(16))
    )
    answered = await asked(bot, painting(replace(recipe, models="#*_" * 900, seed=MAX_SEED)))
    text = ephemeral_text(answered)
    assert len(text) <= 2000
    assert "and 11 more" in text
    assert "@everyone" not in text.replace("\\@", "")
    assert "\u202e" not in text
    assert (await file_of(answered)).prompts == recipe.prompts


# --- The menu


async def test_the_menu_shows_the_recipe_of_a_picture(bot: BotHarness):
    await bot.imagine(seed=3)
    result = await result_of(bot)
    answered = await bot.bob.context_menu(bot.thread(), MENU, result)
    assert "seed 3" in ephemeral_text(answered)
    assert recipe_of(await pictures_of(result)[0].read()) == await file_of(answered)


async def test_it_asks_which_of_several_is_meant(bot: BotHarness):
    await bot.imagine(seed=3, count=2)
    result = await result_of(bot)
    form = await bot.alice.context_menu(bot.thread(), MENU, result)
    answered = await bot.alice.submit_modal(form, {"which": ["2"]})
    assert "seed 4" in ephemeral_text(answered)


async def test_recipe_of_uploaded_picture_is_shown(bot: BotHarness, painting):
    posted = await bot.bob.send(
        bot.channel, "look", attachments=[("holiday.png", painting(small(seed=9)))]
    )
    answered = await bot.alice.context_menu(bot.channel, MENU, posted)
    assert "seed 9" in ephemeral_text(answered)
    assert is_accepted(await pressed(bot, answered))
    await bot.wait_until_notified()


async def test_it_finds_the_recipe_beside_a_picture_that_is_no_png(bot: BotHarness):
    message = await channel_of(bot, bot.channel.id).send(
        files=[
            discord.File(io.BytesIO(JPEG), "picture-5-1.webp"),
            discord.File(io.BytesIO(small(seed=8).to_json().encode()), "picture-5-1-recipe.json"),
        ]
    )
    answered = await bot.alice.context_menu(bot.channel, MENU, message)
    assert "seed 8" in ephemeral_text(answered)


async def test_a_message_without_a_picture_has_no_recipe(bot: BotHarness):
    posted = await bot.bob.send(bot.channel, "hello")
    refused = await bot.alice.context_menu(bot.channel, MENU, posted)
    assert ephemeral_text(refused) == "That message has no picture."


# --- What holds none


def with_recipe(text: str) -> bytes:
    return png_file(header(1, 1), [b"\1\2\3"], chunk(b"tEXt", f"{RECIPE_KEY}\0{text}".encode()))


BOMB = zlib.compress(bytes(2**24))
"""Compressed once, because every test process imports this."""
NO_RECIPES: Sequence[tuple[bytes, str]] = (
    (encoded(SQUARE), "contains no recipe"),
    (JPEG, "contains no recipe"),
    (encoded(SQUARE)[:-30], "cut off"),
    (b"", "empty"),
    (Random(1).randbytes(5000), "contains no recipe"),
    (with_recipe("{}"), "version must be"),
    (with_recipe("[" * 100_000), "not valid JSON"),
    (with_recipe(json.dumps(json.loads(small().to_json()) | {"version": 99})), "newer than"),
    (with_recipe(json.dumps(json.loads(small().to_json()) | {"steps": -1})), "steps must be"),
    (with_recipe(json.dumps(json.loads(small().to_json()) | {"mood": "@everyone"})), "unknown"),
    (
        png_file(
            header(1, 1),
            [b"\1\2\3"],
            *[chunk(b"zTXt", b"%d\0\0" % n + BOMB) for n in range(300)],
        ),
        "contains no recipe",
    ),
)


async def test_file_without_recipe_is_refused(bot: BotHarness):
    for content, reason in NO_RECIPES:
        answered = await asked(bot, content)
        assert reason in ephemeral_text(answered)
        assert ephemeral_text(answered).endswith(".")
        assert not buttons(answered)


# --- What is shown and not painted


SHOWN: Sequence[tuple[Recipe, str | None]] = (
    (
        replace(small(), models="vast"),
        "painted by \u2068vast\u2069 models, which I do not have. I paint with these models:",
    ),
    (small(size=(192, 96)), None),
    (small(size=(196, 96)), "That recipe is for 196×96 pixels, shown 8×."),
    (small(size=(4096, 4096)), "at most 128×128 pixels, shown 8×"),
    (small(enlarge=9), "shown 9×"),
    (small(cutouts=129), "asks for 129 cutouts"),
    (small("x" * 1001), "at most 1000 are allowed"),
)


async def test_recipe_of_unknown_models_is_shown_without_button(bot: BotHarness, painting):
    for recipe, reason in SHOWN:
        answered = await asked(bot, painting(recipe))
        assert "seed 7" in ephemeral_text(answered)
        assert await file_of(answered) == recipe
        assert buttons(answered) == (["Paint it again"] if reason is None else [])
        assert (reason or "") in ephemeral_text(answered)


UNPAINTABLE: Sequence[tuple[Recipe, str]] = (
    (small(steps=1001), "At most 1000 steps"),
    (small(steps=900, more=(101,)), "At most 1000 steps are allowed here, not 1001"),
    (small(size=(66, 64)), "off the latent grid"),
    (small(init_image=b"rubbish"), "initial image"),
    (small(start="image", edit=Edit(b"rubbish")), "the picture to edit"),
    (
        small(start="image", enlarge=1, edit=Edit(encoded(Image.new("RGB", (2000, 1000))))),
        "edits is too large for me",
    ),
    (
        small(image_prompts=(ImagePrompt(encoded(Image.new("RGB", (257, 9)))),)),
        "resemble is too large for me",
    ),
)


async def test_unpaintable_recipe_is_refused_when_pressed(bot: BotHarness, painting):
    for recipe, reason in UNPAINTABLE:
        answered = await asked(bot, painting(recipe))
        assert reason in await pressed(bot, answered)
    assert not bot.services.queue.jobs()
    assert is_accepted(await pressed(bot, await asked(bot, painting(small(init_image=JPEG)))))
    await bot.wait_until_notified()
    assert len(bot.channel.threads) == 1


# --- The button


async def test_the_button_works_after_a_restart(tmp_path: Path, painting):
    settings = make_settings(tmp_path / "data")
    async with AsyncExitStack() as stack:
        async with open_test_services(settings) as services:
            env = await stack.enter_async_context(connected(PaintingBot(services)))
            stack.callback(raise_unexplained, env)
            guild = env.create_guild()
            channel = guild.create_text_channel("art")
            alice = guild.add_member(env.create_user("alice"))
            answered = await alice.slash(
                channel, "recipe", image=("a.png", painting(small(steps=1)))
            )
        async with open_test_services(settings) as services:
            await env.restart_bot(PaintingBot(services))
            result = await alice.click(response(answered), label="Paint it again")
            assert result.acknowledged
            assert all(is_accepted(each.content) for each in result.followups)
            await until(channel.history)


ELSEWHERE: Sequence[tuple[list[tuple[str, bytes]], str]] = (
    ([], "isn't there any more"),
    ([("other.json", small().to_json().encode())], "isn't there any more"),
    ([(FILENAME, b"rubbish")], "not valid JSON"),
    (
        [(FILENAME, replace(small(), models="vast").to_json().encode())],
        "I paint with these models: demo",
    ),
    ([(FILENAME, small(cutouts=1024).to_json().encode())], "asks for 1024 cutouts"),
)


async def test_a_button_elsewhere_believes_nothing(bot: BotHarness):
    for files, reason in ELSEWHERE:
        view = discord.ui.View(timeout=None)
        view.add_item(discord.ui.Button(label="Paint it again", custom_id="recipe:again"))
        posted = await channel_of(bot, bot.channel.id).send(
            "buttons", view=view, files=[discord.File(io.BytesIO(c), name) for name, c in files]
        )
        refused = await bot.bob.click(posted, label="Paint it again")
        (below,) = refused.followups
        assert below.ephemeral
        assert reason in below.content
        assert not await bot.services.store.jobs.list_open()


async def test_recipe_too_large_for_a_file_is_described(
    bot: BotHarness, painting, monkeypatch: pytest.MonkeyPatch
):
    read = discord.Interaction._from_data

    def as_where_files_are_small(interaction: discord.Interaction, data: Any) -> None:
        read(interaction, data | {"attachment_size_limit": 1000})

    monkeypatch.setattr(discord.Interaction, "_from_data", as_where_files_are_small)
    answered = await asked(bot, painting(small(init_image=encoded(SQUARE))))
    assert "seed 7" in ephemeral_text(answered)
    assert "too large for a file" in ephemeral_text(answered)
    assert not buttons(answered)


async def test_limits_hold_for_pictures_that_are_painted_again(tmp_path: Path, painting):
    settings = make_settings(tmp_path / "data")
    limits = settings.limits.model_copy(update={"jobs_per_person": 1})
    async with open_bot(settings.model_copy(update={"limits": limits})) as bot:
        answered = await asked(bot, painting(small()))
        with steps_held():
            assert is_accepted(await pressed(bot, answered))
            assert "You have 1 job" in await pressed(bot, answered)
        await bot.wait_until_notified()
