"""Pictures that people bring, through every door, where the picture filter refuses some."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from PIL import Image

from bot.config import BotSettings
from bot.guild_settings import GuildSettings
from engine import make_recipe, presets
from engine.recipes.edit import Edit, ImagePrompt
from tests.harness.bot_harness import (
    BotHarness,
    channel_of,
    encoded,
    ephemeral_text,
    is_accepted,
    make_settings,
    pictures_of,
    result_of,
)
from tests.harness.picture_filters import BLUE, RED, SimpleFilter, open_filtered_bot
from tests.harness.replies import replied

REFUSAL = "server's picture filter holds back a picture"
FAULT = "picture filter does not work"
WORDS = "a green ring"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the preset few steps, because a reply cannot choose them."""
    demo = {**presets.PRESETS["demo"], "steps": 1}
    monkeypatch.setattr(presets, "PRESETS", MappingProxyType({**presets.PRESETS, "demo": demo}))


@pytest.fixture
def chosen() -> SimpleFilter:
    return SimpleFilter()


@pytest.fixture
async def bot(tmp_path: Path, chosen: SimpleFilter) -> AsyncIterator[BotHarness]:
    async with open_filtered_bot(make_settings(tmp_path / "data"), chosen) as opened:
        yield opened


async def asked(bot: BotHarness, command: str, **options: object) -> str:
    options = {k: (f"{k}.png", v) if isinstance(v, bytes) else v for k, v in options.items()}
    return ephemeral_text(await bot.alice.slash(bot.channel, command, **options))


async def nothing_was_queued(bot: BotHarness) -> bool:
    return await bot.services.store.jobs.count_open() == 0 and not bot.channel.history()


async def set_for_server(bot: BotHarness, **values: object) -> None:
    def change(before: GuildSettings) -> GuildSettings:
        return before.changed(**values)

    await bot.services.store.guild_settings.change(bot.guild.id, change)


async def test_commands_with_pictures(bot: BotHarness):
    for refused in (
        await asked(bot, "imagine", prompt=WORDS, steps=1, image=RED),
        await asked(bot, "imagine", prompt=WORDS, steps=1, image=BLUE, like=RED),
        await asked(bot, "edit", prompt=WORDS, steps=1, image=RED),
        await asked(bot, "mask", image=RED, what="a circle", replace_with=WORDS),
    ):
        assert REFUSAL in refused
        assert "Use another picture" in refused
    assert await nothing_was_queued(bot)
    assert is_accepted(await asked(bot, "imagine", prompt=WORDS, steps=1, image=BLUE, like=BLUE))
    await bot.wait_until_notified()


async def test_menus_and_their_forms(bot: BotHarness):
    posted = await bot.bob.send(bot.channel, "look", attachments=[("a.png", RED)])
    form = await bot.alice.context_menu(bot.channel, "Edit this image", posted)
    refused = await bot.alice.submit_modal(form, {"prompt": WORDS, "keep": ["50"]})
    assert REFUSAL in ephemeral_text(refused)
    form = await bot.alice.context_menu(bot.channel, "Mask something in it", posted)
    refused = await bot.alice.submit_modal(form, {"what": "a circle", "replace_with": WORDS})
    assert REFUSAL in ephemeral_text(refused)
    assert await bot.services.store.jobs.count_open() == 0


async def test_drafts_from_before_the_filter_became_stricter(bot: BotHarness, chosen: SimpleFilter):
    chosen.score_of_refused = 0.6
    draft = await bot.alice.slash(
        bot.channel, "mask", image=("a.png", RED), what="a circle", replace_with=WORDS
    )
    assert draft.response is not None
    await bot.alice.click(draft.response, label="Upload my own mask")
    await set_for_server(bot, picture_threshold=0.5)
    holed = Image.new("RGBA", (128, 128), "blue")
    holed.paste((0, 0, 0, 0), (30, 30, 90, 90))
    draft = await bot.alice.slash(
        bot.channel, "mask", image=("b.png", encoded(holed)), replace_with=WORDS
    )
    assert draft.response is not None
    chosen.refuses = lambda _: True
    refused = await bot.alice.click(draft.response, label="Paint it")
    assert any(REFUSAL in each.content for each in refused.followups)
    chosen.refuses = lambda _: False
    painted = await bot.alice.click(draft.response, label="Paint it")  # nothing is lost
    assert painted.response is not None
    await bot.wait_until_notified()
    assert len(bot.channel.threads) == 1


async def test_pictures_inside_recipes(bot: BotHarness):
    recipe = make_recipe(WORDS, seed=1, steps=1)
    small = encoded(Image.new("RGB", (64, 64), "red"))
    for inner in (
        replace(recipe, image_prompts=(ImagePrompt(RED),)),
        replace(recipe, start="image", init_image=small),
        replace(recipe, start="image", edit=Edit(small)),
    ):
        content = json.dumps(json.loads(inner.to_json())).encode()
        shown = await bot.alice.slash(bot.channel, "recipe", image=("a.json", content))
        assert shown.response is not None
        pressed = await bot.alice.click(shown.response, label="Paint it again")
        assert any(REFUSAL in each.content for each in pressed.followups)
    assert await nothing_was_queued(bot)


async def test_replies_reactions_and_buttons(bot: BotHarness, chosen: SimpleFilter):
    await asked(bot, "edit", prompt=WORDS, steps=1, image=BLUE)
    result = await result_of(bot)
    assert REFUSAL in await replied(bot, WORDS, result, ("drawn-over.png", RED))
    chosen.refuses = lambda _: True  # from now on nothing passes, its own pictures neither
    for label in ("Rerun", "Vary"):
        pressed = await bot.alice.click(result, label=label)
        assert REFUSAL in ephemeral_text(pressed)
    await bot.bob.react(result, "🔁")
    assert REFUSAL in bot.thread().history()[-1].content
    assert await bot.services.store.jobs.count_open() == 0
    assert len(pictures_of(result)) == 2  # the picture, and before and after: it was posted before


async def test_age_restricted_channels_and_direct_messages(bot: BotHarness):
    channel_of(bot, bot.channel.id).nsfw = True  # simcord knows no such channels
    assert is_accepted(await asked(bot, "edit", prompt=WORDS, steps=1, image=RED))
    await set_for_server(bot, picture_threshold_age_restricted=0.5)
    assert REFUSAL in await asked(bot, "edit", prompt=WORDS, steps=1, image=RED)
    direct = await bot.alice.user.slash("edit", prompt=WORDS, steps=1, image=("a.png", RED))
    assert "My picture filter holds back" in ephemeral_text(direct)
    await bot.wait_until_notified()


async def test_a_filter_that_fails_lets_nothing_through(
    bot: BotHarness, chosen: SimpleFilter, caplog: pytest.LogCaptureFixture
):
    chosen.error = RuntimeError("the weights are gone")
    refused = await asked(bot, "edit", prompt=WORDS, steps=1, image=BLUE)
    assert FAULT in refused
    assert "weights" not in refused
    assert any("weights are gone" in str(getattr(r, "cause", "")) for r in caplog.records)
    assert FAULT in await asked(bot, "mask", image=BLUE, what="a circle")
    assert await nothing_was_queued(bot)
    chosen.error = None
    assert is_accepted(await asked(bot, "edit", prompt=WORDS, steps=1, image=BLUE))
    await bot.wait_until_notified()


async def test_a_score_that_is_no_number_lets_nothing_through(
    bot: BotHarness, chosen: SimpleFilter
):
    chosen.score_of_refused = float("nan")
    assert REFUSAL in await asked(bot, "edit", prompt=WORDS, steps=1, image=RED)


async def test_where_nothing_is_held_back_nothing_is_judged(tmp_path: Path):
    made: BotSettings = make_settings(tmp_path / "data")
    safety = made.safety.model_copy(update={"picture_threshold": 1.0})
    chosen = SimpleFilter()
    async with open_filtered_bot(made.model_copy(update={"safety": safety}), chosen) as bot:
        assert is_accepted(await asked(bot, "edit", prompt=WORDS, steps=1, image=RED))
        await bot.wait_until_notified()
        assert chosen.judged == 0
        assert len(pictures_of(await result_of(bot))) == 2
