"""Blocked people: nothing is painted for them, however they ask."""

from pathlib import Path

import pytest
import simcord

from bot.jobs.job import UNFINISHED, JobState
from tests.cogs.settings.moderators import moderator, told_by
from tests.harness.bot_harness import (
    BotHarness,
    ephemeral_text,
    is_accepted,
    make_settings,
    open_bot,
    result_of,
)
from tests.harness.interactions import NEVER_FINISHES, labels

BLOCKED = "moderators of this server blocked you"


async def test_a_blocked_person_is_refused_at_every_door_until_unblocked(bot: BotHarness):
    await bot.imagine(steps=1)
    result = await result_of(bot)
    file = ("a.png", await result.attachments[0].read())
    mona = moderator(bot)
    assert "is blocked" in await told_by(mona, bot.channel, "people block", person=bot.alice.user)
    listed = await told_by(mona, bot.channel, "people list")
    assert "server: 1\n" in listed
    assert bot.alice.mention in listed
    account = await bot.services.store.exports.account(bot.alice.id)
    assert account["blocks"] == [{"guild_id": bot.guild.id}]
    alice, place = bot.alice, bot.channel
    assert BLOCKED in ephemeral_text(await bot.imagine(steps=1))
    for command, options in (
        ("edit", {"prompt": "a green circle"}),
        ("mask", {"what": "the circle"}),
        ("recipe", {}),
    ):
        refused = await alice.slash(place, command, image=file, **options)
        assert BLOCKED in ephemeral_text(refused)
    assert BLOCKED in ephemeral_text(await alice.click(result, label="Rerun"))
    form = await alice.context_menu(bot.thread(), "Edit this image", result)
    values = {"prompt": "a square", "keep": ["50"]}
    assert BLOCKED in ephemeral_text(await alice.submit_modal(form, values))
    await alice.react(result, "🔁")
    assert BLOCKED in bot.thread().history()[-1].content
    history = await alice.slash(place, "history")
    assert history.response is not None
    posted = await alice.click(history.response, label="Post again")
    assert BLOCKED in posted.followups[0].content
    assert "privacy export" in ephemeral_text(await alice.slash(place, "privacy delete"))
    assert "again" in await told_by(mona, bot.channel, "people unblock", person=alice.user)
    assert "not on the list" in await told_by(mona, place, "people unblock", person=alice.user)
    assert is_accepted(ephemeral_text(await bot.imagine(steps=1)))
    await bot.wait_until_notified()


async def test_a_block_is_one_of_the_server_only(bot: BotHarness):
    await told_by(moderator(bot), bot.channel, "people block", person=bot.alice.user)
    direct = await bot.alice.user.slash("imagine", prompt="a circle", steps=1)
    assert is_accepted(ephemeral_text(direct))
    await bot.wait_until_notified()


async def test_the_menu_of_a_person_blocks_and_its_buttons_cancel_and_unblock(bot: BotHarness):
    mona = moderator(bot)
    await bot.imagine(steps=NEVER_FINISHES)
    direct = await bot.alice.user.slash("imagine", prompt="a ring", steps=NEVER_FINISHES)
    assert is_accepted(ephemeral_text(direct))
    with pytest.raises(simcord.SetupError, match="not visible"):
        await bot.bob.context_menu(bot.channel, "Block from painting", bot.alice)
    answered = await mona.context_menu(bot.channel, "Block from painting", bot.alice)
    assert answered.response is not None
    assert "1 job waiting or running" in answered.response.content
    assert labels(answered.response.message) == ["Cancel their jobs", "Unblock"]
    cancelled = await mona.click(answered.response, label="Cancel their jobs")
    assert "Cancelled" in ephemeral_text(cancelled)
    state = bot.services.store.jobs.state
    assert await state(1) is JobState.CANCELLED
    assert await state(2) in UNFINISHED
    again = await mona.click(answered.response, label="Cancel their jobs")
    assert "They have no" in ephemeral_text(again)
    unblocked = await mona.click(answered.response, label="Unblock")
    assert "again" in ephemeral_text(unblocked)
    assert is_accepted(ephemeral_text(await bot.imagine(steps=NEVER_FINISHES)))
    await bot.alice.slash(bot.channel, "cancel", job="all")
    await bot.wait_until_notified()


async def test_bots_are_not_blocked(bot: BotHarness):
    robot = bot.env.create_user("robot", bot=True)
    text = await told_by(moderator(bot), bot.channel, "people block", person=robot)
    assert "nobody to block" in text


async def test_the_host_blocks_people_everywhere(tmp_path: Path):
    async with open_bot(make_settings(tmp_path / "first")) as bot:
        alice = bot.alice.id  # every Discord in memory gives her the same
    made = make_settings(tmp_path / "second")
    safety = made.safety.model_copy(update={"blocked_people": (alice,)})
    async with open_bot(made.model_copy(update={"safety": safety})) as bot:
        assert bot.alice.id == alice
        assert "Only the person who runs me" in ephemeral_text(await bot.imagine(steps=1))
        direct = await bot.alice.user.slash("imagine", prompt="a circle", steps=1)
        assert "Only the person who runs me" in ephemeral_text(direct)
