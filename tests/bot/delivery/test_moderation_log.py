"""The moderation log: what moderators read there, who may not, and what never depends on it."""

import asyncio
import logging

import pytest
import simcord
from simcord import ChannelHandle

from bot.config import BotSettings
from tests.cogs.settings.moderators import hidden_channel, moderator, told_by
from tests.harness.bot_harness import (
    PATIENCE,
    BotHarness,
    ephemeral_text,
    pictures_of,
    result_of,
    until,
)
from tests.harness.picture_filters import RED, SimpleFilter, open_filtered_bot


async def with_log(bot: BotHarness, **options: object) -> tuple[simcord.MemberActor, ChannelHandle]:
    """Let Mona keep the log in a channel that only moderators and the bot see."""
    mona = moderator(bot)
    place = hidden_channel(bot, mona)
    text = await told_by(mona, bot.channel, "log set", channel=place, **options)
    assert f"Moderation log: none → {place.mention}" in text
    return mona, place


def logged(place: ChannelHandle) -> str:
    return "\n".join(each.content for each in place.history())


async def until_logged(place: ChannelHandle, *parts: str) -> str:
    """Wait until the log contains texts; return all of it."""
    await until(lambda: all(part in logged(place) for part in parts))
    return logged(place)


async def test_the_log_says_who_painted_was_refused_deleted_and_changed_what(bot: BotHarness):
    mona, place = await with_log(bot)
    await until_logged(place, f"{mona.mention} changed the settings", "Moderation log: none →")
    await bot.imagine("a **red** circle @everyone", steps=1)
    result = await result_of(bot)
    text = await until_logged(place, f"{bot.alice.mention} asked for", bot.job_message().jump_url)
    assert r"\@everyone" in text
    assert not any(each.mention_everyone for each in place.history())
    assert r"\*\*red\*\*" in text
    await told_by(mona, bot.channel, "words add", words="damn")
    for _ in range(2):
        assert "blocked here" in ephemeral_text(await bot.imagine("a d4mn dog", steps=1))
    text = await until_logged(place, "was refused", "A word in the prompt is blocked")
    assert "||\u2068a d4mn dog\u2069||" in text
    await told_by(mona, bot.channel, "people block", person=bot.bob.user)
    await until_logged(place, f"Blocked: {bot.bob.mention}")
    await bot.bob.slash(bot.channel, "imagine", prompt="a circle", steps=1)
    await until_logged(place, f"{bot.bob.mention} was refused", "They are blocked in this server")
    asked = await bot.alice.click(result, label="Delete")
    assert asked.response is not None
    await bot.alice.click(asked.response, label="Delete it")
    await until_logged(place, f"{bot.alice.mention} deleted their own picture")
    await told_by(mona, bot.channel, "log off")
    assert "deleted pictures are not kept → none" in logged(place)
    assert not any(each.attachments for each in place.history())


async def test_deleted_pictures_are_kept_if_wished_and_go_with_the_persons_data(bot: BotHarness):
    mona, place = await with_log(bot, keep_deleted=True)
    await bot.imagine(steps=1)
    result = await result_of(bot)
    asked = await bot.alice.click(result, label="Delete")
    assert asked.response is not None
    await bot.alice.click(asked.response, label="Delete it")
    await until_logged(place, "kept here, as a spoiler", "asked for")
    (kept,) = [each for each in place.history() if each.attachments]
    assert [each.filename for each in pictures_of(kept)] == ["SPOILER_deleted-1.png"]
    store = bot.services.store
    account = await store.exports.account(bot.alice.id)
    assert {each["channel_id"] for each in account["log_messages"]} == {place.id}
    answered = await bot.alice.slash(bot.channel, "privacy delete")
    assert answered.response is not None
    await bot.alice.click(answered.response, label="Delete everything")
    await until(lambda: bot.alice.mention not in logged(place))
    assert mona.mention in logged(place)
    async with asyncio.timeout(PATIENCE):
        while await store.personal_data.erasures():
            await asyncio.sleep(0.05)
    assert "log_messages" not in await store.exports.account(bot.alice.id)


async def test_a_public_channel_or_one_without_permissions_is_refused(bot: BotHarness):
    mona = moderator(bot)
    text = await told_by(mona, bot.channel, "log set", channel=bot.channel)
    assert "Everyone can see" in text
    mute = hidden_channel(bot, mona, send_messages=False)
    text = await told_by(mona, bot.channel, "log set", channel=mute)
    assert "I need Send Messages" in text
    assert (await bot.services.store.guild_settings.get(bot.guild.id)).log_channel is None


async def test_a_log_that_is_gone_or_has_become_public_is_logged_once(
    bot: BotHarness, caplog: pytest.LogCaptureFixture
):
    mona, place = await with_log(bot)
    await until_logged(place, "Moderation log")
    bot.env.backend.delete_overwrite(place.id, bot.guild.default_role.id)
    await bot.env.settle()
    caplog.set_level(logging.WARNING)
    for _ in range(2):
        await bot.imagine(steps=1)
        await bot.wait_until_notified()
    await until(lambda: "a moderation log cannot be written" in caplog.text)
    assert "asked for" not in logged(place)
    assert "Nothing is logged. Everyone can see" in await told_by(mona, bot.channel, "show")
    bot.env.backend.delete_channel(place.id)
    await bot.imagine(steps=1)
    await bot.wait_until_notified()
    assert caplog.text.count("a moderation log cannot be written") == 1
    assert "Its channel was deleted" in await told_by(mona, bot.channel, "show")
    assert "→ none" in await told_by(mona, bot.channel, "cleanup")
    assert "Nothing changed" in await told_by(mona, bot.channel, "log off")


async def test_a_fault_of_the_log_holds_up_nothing_and_a_flood_is_coalesced(
    bot: BotHarness, caplog: pytest.LogCaptureFixture
):
    _, place = await with_log(bot)
    await until_logged(place, "Moderation log")
    note = bot.services.moderation_log.refused
    for number in range(1000):
        note(bot.guild.id, bot.alice.id, bot.channel.id, f"Reason {number}.")
        note(bot.guild.id, bot.bob.id, bot.channel.id, "The same reason.")
    await until_logged(place, "The same reason. (1000 times)", "lines are left out")
    assert len(place.history()) == 4
    assert all(len(each.content) <= 2000 for each in place.history())
    bot.env.inject_error("POST", f"/channels/{place.id}/messages", status=403)
    await bot.imagine(steps=1)
    await result_of(bot)
    await until(lambda: "a moderation log cannot be written" in caplog.text)


async def test_the_log_shows_no_picture_that_the_filter_holds_back(settings: BotSettings):
    chosen = SimpleFilter(refuses=lambda _: True)
    async with open_filtered_bot(settings, chosen) as bot:
        _, place = await with_log(bot, keep_deleted=True)
        await bot.imagine(steps=1)
        await bot.wait_until_notified()
        asked = await bot.alice.click(bot.thread().history()[-1], label="Delete")
        assert asked.response is not None
        await bot.alice.click(asked.response, label="Delete it")
        await until_logged(place, f"{bot.alice.mention} deleted their own picture")
        assert not any(each.attachments for each in place.history())


async def test_what_the_picture_filter_holds_back_is_logged(settings: BotSettings):
    async with open_filtered_bot(settings, SimpleFilter(refuses=lambda _: True)) as bot:
        _, place = await with_log(bot)
        await bot.imagine(steps=1)
        await bot.wait_until_notified()
        await until_logged(place, f"held back 1 of 1 for {bot.alice.mention}")
        refused = await bot.bob.slash(bot.channel, "edit", image=("a.png", RED), prompt="a dog")
        assert "holds back a picture" in ephemeral_text(refused)
        await until_logged(place, f"{bot.bob.mention} was refused", "that they brought")
