"""Who may not write in a channel does not have the bot write there, through any door."""

from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import discord
import pytest
import simcord
from PIL import Image

from engine import presets
from tests.harness.bot_harness import (
    BotHarness,
    channel_of,
    encoded,
    ephemeral_text,
    pictures_of,
    result_of,
)

PICTURE = ("a.png", encoded(Image.new("RGB", (64, 64), "red")))
MAY_NOT_WRITE = "You are not allowed to write in this channel"
MAY_NOT_ATTACH = "You are not allowed to attach files in this channel"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the preset few steps, because a reply cannot choose them."""
    demo = {**presets.PRESETS["demo"], "steps": 1}
    monkeypatch.setattr(presets, "PRESETS", MappingProxyType({**presets.PRESETS, "demo": demo}))


async def deny(bot: BotHarness, who: simcord.MemberActor, **permissions: bool) -> None:
    """Set what a member may not do in the bot's channel and its threads."""
    channel = channel_of(bot, bot.channel.id)
    await channel.set_permissions(await channel.guild.fetch_member(who.id), **permissions)


async def read_only(bot: BotHarness, who: simcord.MemberActor) -> None:
    await deny(bot, who, send_messages=False, send_messages_in_threads=False)


async def timed_out(bot: BotHarness, who: simcord.MemberActor) -> None:
    member = bot.env.backend.get_guild(bot.guild.id).members[who.id]
    member.timed_out_until = (datetime.now(UTC) + timedelta(days=1)).isoformat()


async def messages(bot: BotHarness) -> int:
    return sum(len(place.history()) for place in (bot.channel, *bot.channel.threads))


async def through_commands_and_forms(bot: BotHarness, result: discord.Message) -> list[str]:
    """Ask for pictures by commands, buttons and forms as Bob; the answers that he gets."""
    bob, channel = bot.bob, bot.thread()
    answers = [
        await bob.slash(bot.channel, "imagine", prompt="a circle", steps=1),
        await bob.slash(bot.channel, "edit", prompt="a circle", image=PICTURE, steps=1),
        await bob.slash(bot.channel, "mask", what="circle", image=PICTURE),
        await bob.click(result, label="Rerun"),
        await bob.click(result, label="Vary"),
        await bob.click(result, label="More steps"),
        await bob.click(result, label="Edit prompt"),
        await bob.context_menu(channel, "Edit this image", result),
        await bob.context_menu(channel, "Mask something in it", result),
    ]
    return [ephemeral_text(each) for each in answers]


async def test_who_may_not_write_is_refused_by_commands_buttons_forms_and_menus(bot: BotHarness):
    await bot.imagine(steps=1)
    result, before = await result_of(bot), await messages(bot)
    await read_only(bot, bot.bob)
    for answer in await through_commands_and_forms(bot, result):
        assert MAY_NOT_WRITE in answer
    assert await messages(bot) == before


async def test_a_form_is_checked_too_when_it_comes_in(bot: BotHarness):
    await bot.imagine(steps=1)
    result = await result_of(bot)
    more = await bot.bob.click(result, label="More steps")
    prompt = await bot.bob.click(result, label="Edit prompt")
    edit = await bot.bob.context_menu(bot.thread(), "Edit this image", result)
    before = await messages(bot)
    await read_only(bot, bot.bob)
    for form, values in (
        (more, {"steps": "3"}),
        (prompt, {"prompt": "a square"}),
        (edit, {"prompt": "a square", "keep": ["50"]}),
    ):
        assert MAY_NOT_WRITE in ephemeral_text(await bot.bob.submit_modal(form, values))
    assert await messages(bot) == before


async def test_a_reaction_of_who_may_not_write_is_ignored(bot: BotHarness):
    await bot.imagine(steps=1)
    result, before = await result_of(bot), await messages(bot)
    await read_only(bot, bot.bob)
    await bot.bob.react(result, "🔁")
    assert await messages(bot) == before


async def test_who_is_timed_out_is_refused(bot: BotHarness):
    await bot.imagine(steps=1)
    result, before = await result_of(bot), await messages(bot)
    await timed_out(bot, bot.bob)
    assert MAY_NOT_WRITE in ephemeral_text(await bot.bob.click(result, label="Rerun"))
    bot.env.backend.add_reaction(result.channel.id, result.id, "🔁", bot.bob.id)
    await bot.env.settle()
    assert await messages(bot) == before


async def test_pictures_are_not_posted_again_where_one_may_not_write(bot: BotHarness):
    await bot.imagine(steps=1)
    await bot.wait_until_notified()
    page = await bot.alice.slash(bot.channel, "history")
    before = await messages(bot)
    await read_only(bot, bot.alice)
    assert page.response is not None
    for label in ("Post again", "Rerun"):
        pressed = await bot.alice.click(page.response, label=label)
        assert MAY_NOT_WRITE in pressed.followups[0].content
    assert await messages(bot) == before


async def test_who_may_not_attach_files_paints_from_words_only(bot: BotHarness):
    await deny(bot, bot.bob, attach_files=False)
    refused = [
        await bot.bob.slash(bot.channel, "edit", prompt="a circle", image=PICTURE, steps=1),
        await bot.bob.slash(bot.channel, "imagine", prompt="a circle", image=PICTURE, steps=1),
        await bot.bob.slash(bot.channel, "mask", what="circle", image=PICTURE),
    ]
    for each in refused:
        assert MAY_NOT_ATTACH in ephemeral_text(each)
    await bot.bob.slash(bot.channel, "imagine", prompt="a circle", steps=1)
    assert pictures_of(await result_of(bot))
