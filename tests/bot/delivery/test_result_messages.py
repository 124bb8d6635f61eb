"""What a job leaves behind on Discord, and whom it calls."""

import asyncio
import re
from pathlib import Path

import discord
import pytest

from bot.config import BotSettings
from bot.delivery.poster import JobPoster
from bot.jobs.job import JobState
from bot.submission.permissions import Actor
from engine.vqgan_clip.generation import Generation
from tests.harness.bot_harness import (
    PROMPT,
    BotHarness,
    channel_of,
    ephemeral_text,
    job_in_progress,
    make_settings,
    open_bot,
    painted,
    pictures_of,
    posted,
    prefer,
    result_of,
    singles_of,
    steps_held,
    until,
)
from tests.harness.interactions import RESULT, labels, progress_message
from tests.harness.restartable_bot import open_restartable_bot


def pinged(bot: BotHarness, message: discord.Message) -> list[int]:
    """Return the ids of the people whom a message called."""
    stored = bot.env.backend.get_message(message.channel.id, message.id)
    return [*stored.ping_user_ids, *stored.ping_role_ids]


def direct_messages(bot: BotHarness) -> list[discord.Message]:
    return bot.alice.user.dm_channel.history()


async def test_channel_and_thread_end_with_one_message_each(bot: BotHarness):
    await bot.imagine(f"{PROMPT} @everyone <@{bot.bob.id}>", seed=7)
    result = await result_of(bot)
    (shown,) = posted(bot.channel)
    assert [each.id for each in bot.thread().history()] == [result.id]
    for message in (shown, result):
        assert [each.filename for each in pictures_of(message)] == ["picture-1.png"]
        assert labels(message) == (RESULT if message is result else RESULT[:-2])
        record = await bot.services.store.jobs.by_post(message.id)
        assert record is not None
        assert record.job.id == 1
    headline, facts = shown.content.splitlines()
    assert bot.alice.mention in headline
    assert facts.startswith("-# ")
    assert "seed 7" in facts
    assert pinged(bot, result) == [bot.alice.id]
    assert not pinged(bot, shown)


async def test_who_wants_no_ping_gets_the_result_where_the_progress_was(bot: BotHarness):
    await prefer(bot, "none")
    async with job_in_progress(bot):
        progress = progress_message(bot)
    result = await result_of(bot)
    assert [each.id for each in bot.thread().history()] == [progress.id] == [result.id]
    assert {"picture-1.png", "picture-1-growth.webp"} == {e.filename for e in result.attachments}
    assert not pinged(bot, result)
    assert not direct_messages(bot)


async def test_who_wants_a_direct_message_gets_link_and_picture(bot: BotHarness):
    await prefer(bot, "dm")
    await bot.imagine()
    result = await result_of(bot)
    (copy,) = direct_messages(bot)
    assert result.jump_url in copy.content
    assert [each.filename for each in pictures_of(copy)] == ["picture-1.png"]
    assert not pinged(bot, result)
    record = await bot.services.store.jobs.by_post(copy.id)
    assert record is not None


async def test_closed_direct_messages_harm_no_result(bot: BotHarness):
    await prefer(bot, "dm")
    path = f"/channels/{bot.alice.user.dm_channel.id}/messages"
    bot.env.inject_error("POST", path, status=403, code=50007)
    await bot.imagine()
    await result_of(bot)
    assert len(painted(bot.channel)) == 1
    assert not direct_messages(bot)


async def test_what_is_age_restricted_is_only_linked_in_a_direct_message(bot: BotHarness):
    await prefer(bot, "dm")
    channel_of(bot, bot.channel.id).nsfw = True  # simcord knows no such channels
    await bot.imagine()
    await bot.wait_until_notified()
    (copy,) = direct_messages(bot)
    assert painted(bot.channel)
    assert not copy.attachments


async def test_several_pictures_come_on_one_sheet_and_each_by_itself(bot: BotHarness):
    await bot.imagine(count=2)
    result = await result_of(bot)
    (shown,) = posted(bot.channel)
    assert len(bot.thread().history()) == 2
    (sheet,), (same,) = pictures_of(result), pictures_of(shown)
    assert sheet.filename == same.filename == "picture-1-grid.png"
    singles = await singles_of(result)
    assert [each.filename for each in singles] == ["picture-1-1.png", "picture-1-2.png"]
    assert (sheet.description or "").startswith("2 pictures")
    assert [(each.description or "").split(" painted")[0] for each in singles] == [
        "Picture 1 of 2",
        "Picture 2 of 2",
    ]
    (clip,) = (each for each in result.attachments if each.filename.endswith(".webp"))
    assert clip.description == f"How it grew from random colours, painted from the prompt: {PROMPT}"


@pytest.mark.parametrize("notify", ["ping", "none"])
async def test_without_threads_one_message_does_both(tmp_path: Path, notify: str):
    async with open_bot(make_settings(tmp_path, threads=False)) as bot:
        await prefer(bot, notify)
        with steps_held():
            await bot.imagine()
            (announced,) = posted(bot.channel)
        result = await result_of(bot, bot.channel)
        assert [each.id for each in posted(bot.channel)] == [result.id]
        assert (result.id == announced.id) == (notify == "none")
        assert pinged(bot, result) == ([bot.alice.id] if notify == "ping" else [])
        found = await bot.services.store.jobs.by_message(announced.id)
        assert found is not None


async def test_in_direct_messages_one_message_does_both(bot: BotHarness):
    await bot.alice.user.slash("imagine", prompt=PROMPT, steps=1)
    await bot.wait_until_notified()
    (result,) = direct_messages(bot)
    assert pictures_of(result)
    assert labels(result) == RESULT


async def test_a_job_that_failed_says_why_in_its_messages(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(Generation, "step", lambda _: 1 / 0)
    await bot.imagine()
    await bot.wait_until_notified()
    (there,), (shown,) = bot.thread().history(), posted(bot.channel)
    assert there.content == shown.content
    assert len(there.content.splitlines()) == 2
    assert labels(shown) == labels(there)
    assert pinged(bot, there) == [bot.alice.id]


async def test_a_job_that_waits_is_cancelled_in_its_messages(bot: BotHarness):
    with steps_held():
        await bot.imagine()
        await bot.bob.slash(bot.channel, "imagine", prompt="a blue square", steps=2)
        await bot.services.control.cancel(2, Actor(bot.bob.id))
        cancelled = posted(bot.channel)[1]
    await bot.wait_until_notified()
    (thread,) = (each for each in bot.channel.threads if each.name == "a blue square")
    shown = posted(bot.channel)[1]
    assert shown.id == cancelled.id
    assert shown.content.endswith(" · cancelled")
    assert not labels(shown)
    assert {each.content for each in thread.history()} <= {"Cancelled."}
    assert not any(pinged(bot, each) for each in thread.history())


@pytest.mark.parametrize("method", ["show_in_channel", "remove_replaced"])
async def test_an_end_that_was_interrupted_is_told_once(
    settings: BotSettings, monkeypatch: pytest.MonkeyPatch, method: str
):
    reached: list[bool] = []

    async def never_ends(*_: object) -> None:
        reached.append(True)
        await asyncio.Event().wait()

    async with open_restartable_bot(settings, monkeypatch) as restartable:
        async with restartable.start() as bot:
            with monkeypatch.context() as patched:
                patched.setattr(JobPoster, method, never_ends)
                await bot.imagine()
                await until(lambda: reached)
                await restartable.kill(bot.services)
            result = painted(bot.thread())[-1]
        async with restartable.start() as bot:
            await bot.wait_until_notified()
            assert [each.id for each in bot.thread().history()] == [result.id]
            assert len(painted(bot.channel)) == len(posted(bot.channel)) == 1


# --- The private answer


def minutes(text: str) -> bool:
    return re.search(r"ready in about \d+ (s|min)", text) is not None


async def test_the_answer_says_when_and_is_gone_when_it_is_told(bot: BotHarness):
    await bot.imagine()
    await bot.wait_until_notified()
    with steps_held():
        first = await bot.imagine()
        second = await bot.bob.slash(bot.channel, "imagine", prompt="a ring", steps=2)
        assert minutes(ephemeral_text(first))
        assert "1 job is before yours." in ephemeral_text(second)
        assert posted(bot.channel)[-1].jump_url in ephemeral_text(second)
    await bot.wait_until_notified()
    assert (first.response, second.response) == (None, None)


async def test_an_answer_with_a_notice_stays_and_says_where(bot: BotHarness):
    answered = await bot.imagine("a red circle | fog:0.5")
    result = await result_of(bot)
    assert answered.response is not None
    assert "with the weight 0.5" in answered.response.content
    assert f"This is done: {result.jump_url}" in answered.response.content


async def test_an_answer_that_discord_keeps_harms_no_result(bot: BotHarness):
    path = "/webhooks/*/*/messages/@original"
    bot.env.inject_error("DELETE", path, status=401, code=50027)
    answered = await bot.imagine()
    await result_of(bot)
    assert answered.response is not None
    assert await bot.services.store.jobs.state(1) is JobState.DONE
