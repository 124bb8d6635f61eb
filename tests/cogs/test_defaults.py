"""`/defaults`: what is typed comes first, then one's own defaults, the channel's, the preset."""

import asyncio
import logging
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import discord
import pytest
import simcord

from bot.config import BotSettings
from bot.guild_settings import GuildSettings
from bot.storage.connection import DATABASE
from engine.recipes.kinds import vqgan_clip_recipe
from engine.recipes.recipe import Recipe
from tests.harness.bot_harness import (
    BotHarness,
    channel_of,
    ephemeral_text,
    is_accepted,
    make_settings,
    open_test_services,
    steps_held,
)


@pytest.fixture
def settings(tmp_path: Path) -> BotSettings:
    made = make_settings(tmp_path / "data", threads=False)
    limits = made.limits.model_copy(update={"steps": 300})
    return made.model_copy(update={"limits": limits})


def plain(text: str) -> str:
    return text.replace("\u2068", "").replace("\u2069", "").replace("\\", "")


async def told(
    who: simcord.MemberActor, place: simcord.ChannelHandle, command: str, /, **options: object
) -> str:
    return plain(ephemeral_text(await who.slash(place, f"defaults {command}", **options)))


async def mine(bot: BotHarness, **options: object) -> str:
    return await told(bot.alice, bot.channel, "set", **options)


def moderator(bot: BotHarness) -> simcord.MemberActor:
    permissions = discord.Permissions(manage_channels=True)
    role = bot.guild.create_role("keepers", permissions=permissions)
    return bot.guild.add_member(bot.env.create_user("mona"), roles=[role])


async def limit(bot: BotHarness, **values: object) -> None:
    def change(before: GuildSettings) -> GuildSettings:
        return before.changed(**values)

    await bot.services.store.guild_settings.change(bot.guild.id, change)


async def asked(
    bot: BotHarness, place: simcord.ChannelHandle | None = None, /, **options: object
) -> tuple[str, tuple[Recipe, ...]]:
    """Let Alice ask for a picture; return the answer and the recipes, and cancel the job."""
    options = {"prompt": "a ring"} | options
    with steps_held():
        answered = await bot.alice.slash(place or bot.channel, "imagine", **options)
        answer = plain(ephemeral_text(answered))
        assert is_accepted(answer), answer
        (job,) = bot.services.queue.jobs()
        await bot.alice.slash(bot.channel, "cancel", job="all")
    await bot.wait_until_notified()
    return answer, tuple(map(vqgan_clip_recipe, job.recipes))


def texts(recipe: Recipe) -> list[str]:
    return [prompt.text for prompt in recipe.prompts]


async def test_own_defaults_are_used_for_what_is_not_typed(bot: BotHarness):
    shown = await mine(
        bot,
        size="wide",
        steps=250,
        style="ink",
        negative="fog, people",
        count=2,
        notify="dm",
        model="demo",
    )
    assert "size wide · steps 250 · model demo · style ink · negative fog, people · count 2" in (
        shown.replace("`", "")
    )
    assert "direct message" in shown
    answer, recipes = await asked(bot)
    assert "default" not in answer
    assert [(r.steps, r.width, r.height) for r in recipes] == [(250, 96, 48)] * 2
    assert texts(recipes[0]) == ["a ring, ink", "fog", "people"]
    _, (recipe,) = await asked(
        bot, size="square", steps=200, style="none", negative="NONE", count=1
    )
    assert (recipe.steps, recipe.width) == (200, 64)
    assert texts(recipe) == ["a ring"]


async def test_own_defaults_hold_everywhere_and_can_be_cleared(bot: BotHarness):
    await mine(bot, steps=250)
    direct = plain(ephemeral_text(await bot.alice.user.slash("defaults show")))
    assert "`steps` 250" in direct
    assert "channel's defaults" not in direct
    store = bot.services.store.preferences
    assert (await store.get(bot.alice.id)).steps == 250
    assert (await store.get(bot.bob.id)).steps is None
    assert "steps" in await told(bot.alice, bot.channel, "clear", option="size")
    assert "none" in await told(bot.alice, bot.channel, "clear")
    assert not (await store.get(bot.alice.id)).options


async def test_a_shape_that_is_typed_in_any_way_comes_first(bot: BotHarness):
    await mine(bot, size="wide")
    assert "`ratio` 1:2" in await mine(bot, ratio="1:2")  # in place of the size
    assert "size" not in await told(bot.alice, bot.channel, "set", count=1)
    for typed in ({"size": "square"}, {"ratio": "1:1"}, {"prompt": "a ring --ar 1:1"}):
        _, (recipe,) = await asked(bot, **typed)
        assert recipe.width == recipe.height
    _, (recipe,) = await asked(bot)
    assert recipe.height > recipe.width


async def test_channel_defaults_come_after_own_ones_and_are_told(bot: BotHarness):
    mona, other = moderator(bot), bot.guild.create_text_channel("other")
    shown = await told(mona, bot.channel, "channel", style="pixel art", steps=222, preset="fine")
    assert "This channel's defaults** `steps` 222 · `preset` fine · `style` pixel art" in shown
    answer, (recipe,) = await asked(bot)
    assert "This channel's defaults were used: `steps` 222" in answer
    assert (recipe.steps, texts(recipe)) == (222, ["a ring, pixel art"])
    await mine(bot, style="none", preset="fast")
    answer, (recipe,) = await asked(bot)
    assert (recipe.steps, texts(recipe)) == (40, ["a ring"])  # a preset brings its own steps
    assert "channel's" not in answer
    await told(bot.alice, bot.channel, "clear")
    for place in (other, None):
        _, (recipe,) = await asked(bot, place)
        assert (recipe.steps == 222) is (place is None)


async def test_a_thread_counts_as_its_channel(bot: BotHarness):
    mona = moderator(bot)
    kind = discord.ChannelType.public_thread
    await channel_of(bot, bot.channel.id).create_thread(name="words", type=kind)
    (thread,) = bot.channel.threads
    await told(mona, thread, "channel", steps=222)
    assert "`steps` 222" in await told(bot.alice, bot.channel, "show")
    answer, (recipe,) = await asked(bot, thread)
    assert recipe.steps == 222
    assert "This channel's defaults" in answer


async def test_only_members_who_may_manage_the_channel_change_its_defaults(bot: BotHarness):
    mona = moderator(bot)
    await told(mona, bot.channel, "channel", steps=222)
    for command, options in (
        ("channel", {"steps": 7}),
        ("clear", {"whose": "channel"}),
    ):
        refusal = await told(bot.alice, bot.channel, command, **options)
        assert "Manage Channel" in refusal
    assert "`steps` 222" in await told(bot.alice, bot.channel, "show")
    refusal = ephemeral_text(await bot.alice.user.slash("defaults clear", whose="channel"))
    assert "Only the channels of a server" in refusal
    assert "none" in await told(mona, bot.channel, "clear", whose="channel")


async def test_defaults_that_are_too_much_here_are_shortened_with_a_notice(bot: BotHarness):
    await mine(bot, steps=250, count=3, size="wide")
    await limit(bot, steps=100, count=2, pixels=64 * 64)
    answer, recipes = await asked(bot)
    assert len(recipes) == 2
    assert "The default is 3 variations, and at most 2 are allowed here, so I paint 2." in answer
    assert recipes[0].steps == 100
    assert recipes[0].height < recipes[0].width < 96
    assert "At most 100 steps" in ephemeral_text(await bot.imagine(steps=101))
    refusal = ephemeral_text(await bot.imagine(steps=1, count=1, size="wide"))
    assert "at most 4096 pixels" in refusal
    await mine(bot, preset="fine")
    await told(bot.alice, bot.channel, "clear", option="steps")
    _, (recipe, _) = await asked(bot)
    assert recipe.steps == 100


async def test_words_that_are_blocked_or_too_long_here_are_left_out(bot: BotHarness):
    await mine(bot, style="wet paper", negative="fog, " + "x" * 190)
    await limit(bot, blocked_words=("paper",))
    answer, (recipe,) = await asked(bot)
    assert "default style contains a word that is blocked here" in answer
    assert texts(recipe)[:2] == ["a ring", "fog"]
    answer, (recipe,) = await asked(bot, prompt="a " * 450 + "ring")
    assert "too long for this prompt" in answer
    assert len(recipe.prompts) == 1
    answer, (recipe,) = await asked(bot, prompt="a | b | c | d | e | f | g | h" * 2)
    assert "too long for this prompt" in answer


WRONG: Sequence[tuple[dict[str, object], str]] = (
    ({}, "Choose at least one option"),
    ({"steps": 301}, "`steps` must be a number from 1 to 300"),
    ({"size": "wide", "ratio": "1:2"}, "Leave one out"),
    ({"ratio": "wide"}, "16:9"),
    ({"ratio": "100:1"}, "too extreme"),
    ({"preset": "slow"}, "no preset called"),
    ({"model": "dream"}, "no models called"),
    ({"style": " \u200b"}, "at least one word"),
    ({"style": "damn"}, "blocked here"),
    ({"negative": "d4mn"}, "blocked here"),
    ({"negative": ", ,"}, "Say in `negative`"),
    ({"negative": ",".join("abcdefghijklmnopq")}, "at most 15 things"),
)


async def test_wrong_values_are_refused_when_they_are_set(bot: BotHarness):
    await limit(bot, blocked_words=("damn",))
    mona = moderator(bot)
    for options, part in WRONG:
        assert part in await mine(bot, **options)
        assert not (await bot.services.store.preferences.get(bot.alice.id)).options
        assert part in await told(mona, bot.channel, "channel", **options)
        assert not (await bot.services.store.channel_defaults.get(bot.channel.id)).options


async def test_values_that_discord_would_not_send_are_refused(bot: BotHarness):
    for options in ({"size": "round"}, {"notify": "shout"}, {"count": 5}, {"steps": 0}):
        with pytest.raises(simcord.SetupError):
            await mine(bot, **options)
    with pytest.raises(simcord.SetupError):
        await told(bot.alice, bot.channel, "clear", option="prompt")


async def test_a_saved_style_becomes_its_words(bot: BotHarness):
    await bot.alice.slash(bot.channel, "style save", name="Mine", words="wet ink")
    choices = await bot.alice.autocomplete(bot.channel, "defaults set", "style", "mi")
    assert choices[0]["value"] == "Mine"
    assert "`style` wet ink" in await mine(bot, style="MINE")
    await bot.alice.slash(bot.channel, "style delete", name="Mine")
    _, (recipe,) = await asked(bot)
    assert texts(recipe) == ["a ring, wet ink"]


async def test_two_changes_at_once_are_both_applied(bot: BotHarness):
    change = bot.services.store.channel_defaults.change
    await asyncio.gather(
        change(5, lambda before: before.changed(steps=3)),
        change(5, lambda before: before.changed(count=2)),
    )
    assert (await bot.services.store.channel_defaults.get(5)).options == {"steps": 3, "count": 2}


async def test_damaged_defaults_are_left_out_and_logged(
    bot: BotHarness, settings: BotSettings, caplog: pytest.LogCaptureFixture
):
    text = '{"steps": 12, "count": 99, "size": 5, "preset": "gone", "ratio": "0:0"}'

    def damage() -> None:
        with closing(sqlite3.connect(settings.storage.folder / DATABASE)) as database, database:
            database.execute("INSERT INTO preferences VALUES (?, ?)", (bot.alice.id, text))
            database.execute("INSERT INTO channel_defaults VALUES (?, ']')", (bot.channel.id,))

    await asyncio.to_thread(damage)  # the bot may be writing just now
    with caplog.at_level(logging.ERROR):
        answer, (recipe,) = await asked(bot)
    assert "damaged" in caplog.text
    assert recipe.steps == 12
    assert "I don't know the default preset gone" in answer
    assert "I don't know the default ratio 0:0" in answer


async def test_channel_defaults_survive_a_restart(settings: BotSettings):
    async with open_test_services(settings) as services:
        await services.store.channel_defaults.change(5, lambda before: before.changed(steps=3))
    async with open_test_services(settings) as services:
        assert (await services.store.channel_defaults.get(5)).steps == 3
