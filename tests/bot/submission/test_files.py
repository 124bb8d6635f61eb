"""Nothing is fetched for whom it is not allowed, and one request of a person is read at a time."""

import asyncio
from pathlib import Path
from typing import Any

import discord
import pytest
import simcord
from PIL import Image

from engine.presets import make_recipe
from tests.harness.bot_harness import (
    PROMPT,
    BotHarness,
    encoded,
    ephemeral_text,
    make_settings,
    open_bot,
    steps_held,
)

PICTURE = encoded(Image.linear_gradient("L").convert("RGB").resize((64, 64)))
FILE = ("a.png", PICTURE)
RECIPE = ("recipe.json", make_recipe(PROMPT, seed=1, steps=1).to_json().encode())
DOORS: dict[str, dict[str, Any]] = {
    "edit": {"image": FILE, "prompt": "a bad star", "mask": FILE},
    "mask": {"image": FILE, "what": "a bad circle"},
    "imagine": {"image": FILE, "like": FILE, "prompt": "a bad star"},
}
WORDS = "a bad star"


@pytest.fixture
def fetched(bot: BotHarness, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note the addresses of files that the bot asks for."""
    get, asked = bot.env.backend.cdn.get, list[str]()

    def noted(url: str) -> bytes | None:
        asked.append(url)
        return get(url)

    monkeypatch.setattr(bot.env.backend.cdn, "get", noted)
    return asked


def moderator(bot: BotHarness) -> simcord.MemberActor:
    role = bot.guild.create_role("mods", permissions=discord.Permissions(manage_guild=True))
    return bot.guild.add_member(bot.env.create_user("mona"), roles=[role])


async def said_at_doors(bot: BotHarness) -> list[str]:
    """Let Alice send pictures by each command, the menus' forms, and a reply."""
    answers = [
        ephemeral_text(await bot.alice.slash(bot.channel, name, **options))
        for name, options in DOORS.items()
    ]
    posted = await bot.bob.send(bot.channel, "look", attachments=[FILE])
    for menu, values in (
        ("Edit this image", {"prompt": WORDS, "keep": ["0"]}),
        ("Mask something in it", {"what": "a circle", "replace_with": WORDS}),
    ):
        form = await bot.alice.context_menu(bot.channel, menu, posted)
        answers.append(ephemeral_text(await bot.alice.submit_modal(form, values)))
    me = bot.client.user
    assert me is not None
    await bot.alice.send(bot.channel, f"{me.mention} {WORDS}", reply_to=posted, attachments=[FILE])
    return [*answers, bot.channel.history()[-1].content]


async def test_nothing_is_fetched_where_the_bot_may_not_paint(bot: BotHarness, fetched: list[str]):
    elsewhere = bot.guild.create_text_channel("elsewhere")
    await moderator(bot).slash(bot.channel, "settings channels add", channel=elsewhere)
    answers = await said_at_doors(bot)
    recipe = await bot.alice.slash(bot.channel, "recipe", image=FILE)
    for said in (*answers, ephemeral_text(recipe)):
        assert "I paint only in" in said
    assert not fetched


async def test_nothing_is_fetched_for_words_that_are_blocked(bot: BotHarness, fetched: list[str]):
    await moderator(bot).slash(bot.channel, "settings words add", words="bad")
    assert all("blocked here" in said for said in await said_at_doors(bot))
    assert not fetched


async def test_nothing_is_fetched_beyond_the_limits(tmp_path: Path, monkeypatch: Any):
    settings = make_settings(tmp_path)
    limits = settings.limits.model_copy(update={"jobs_per_person": 1})
    async with open_bot(settings.model_copy(update={"limits": limits})) as bot:
        with steps_held():
            await bot.imagine(steps=2)
            monkeypatch.setattr(bot.env.backend.cdn, "get", pytest.fail)
            assert all("You have 1 job" in said for said in await said_at_doors(bot))
        monkeypatch.undo()
        await bot.wait_until_notified()


async def test_recipes_are_not_read_beyond_the_limits(tmp_path: Path, monkeypatch: Any):
    settings = make_settings(tmp_path)
    limits = settings.limits.model_copy(update={"jobs_per_person": 1})
    async with open_bot(settings.model_copy(update={"limits": limits})) as bot:
        shown = (await bot.alice.slash(bot.channel, "recipe", image=RECIPE)).response
        assert shown is not None
        with steps_held():
            await bot.imagine(steps=2)
            monkeypatch.setattr(bot.env.backend.cdn, "get", pytest.fail)
            refused = await bot.alice.click(shown, label="Paint it again")
            assert "You have 1 job" in refused.followups[0].content
        monkeypatch.undo()
        await bot.wait_until_notified()


async def test_buttons_of_a_mask_obey_the_place(bot: BotHarness):
    hollow = Image.new("RGBA", (64, 64), "blue")
    hollow.paste((0, 0, 0, 0), (20, 20, 40, 40))
    file = ("a.png", encoded(hollow))
    drafted = (await bot.alice.slash(bot.channel, "mask", image=file)).response
    assert drafted is not None
    elsewhere = bot.guild.create_text_channel("elsewhere")
    await moderator(bot).slash(bot.channel, "settings channels add", channel=elsewhere)
    refused = await bot.alice.click(drafted, label="Wider")
    assert "I paint only in" in refused.followups[0].content


async def test_files_of_a_person_are_read_one_after_the_other(bot: BotHarness):
    begun, going_on = list[int](), asyncio.Event()

    async def read(number: int) -> None:
        async with bot.services.files.turn(bot.alice.id):
            begun.append(number)
            await going_on.wait()

    reading = [asyncio.create_task(read(number)) for number in range(3)]
    await asyncio.sleep(0)
    refused = await bot.alice.slash(bot.channel, "recipe", image=FILE)
    assert "I am still looking at the files" in ephemeral_text(refused)
    of_bob = await bot.bob.slash(bot.channel, "recipe", image=FILE)
    assert "contains no recipe" in ephemeral_text(of_bob)
    assert begun == [0]
    going_on.set()
    await asyncio.gather(*reading)
    assert begun == [0, 1, 2]
    read_again = await bot.alice.slash(bot.channel, "recipe", image=FILE)
    assert "contains no recipe" in ephemeral_text(read_again)
