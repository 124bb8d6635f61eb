"""Who may press which buttons, pressing twice or at the same time, and deleting."""

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import discord
import pytest
import simcord

from bot.config import BotSettings
from bot.jobs.job import JobState
from bot.storage.connection import DATABASE
from tests.harness.bot_harness import (
    FAST,
    BotHarness,
    ephemeral_text,
    is_accepted,
    job_in_progress,
    make_settings,
    open_bot,
    painted,
    result_of,
    until,
    wait_for_first_progress,
)
from tests.harness.interactions import (
    NEVER_FINISHES,
    RESULT,
    at_the_same_time,
    deliver_again,
    labels,
    moderator,
    posted_with,
    progress_message,
)
from tests.harness.restartable_bot import open_restartable_bot

NOT_YOURS = "Only the person who asked"


async def asked_to_delete(
    bot: BotHarness, result: discord.Message, who: simcord.MemberActor | None = None
) -> simcord.InteractionResult:
    """Delete a job's pictures, having said that this is meant."""
    asked = await (who or bot.alice).click(result, label="Delete")
    assert "can't be undone" in ephemeral_text(asked)
    assert asked.response is not None
    assert asked.response.ephemeral
    await (who or bot.alice).click(asked.response, label="Delete it")
    return asked


def said(place: simcord.ChannelHandle) -> list[discord.Message]:
    """Return the messages in a place without Discord's own notes about threads."""
    return [each for each in place.history() if each.type is discord.MessageType.default]


@pytest.mark.slow
async def test_other_users_cannot_stop_cancel_or_delete(bot: BotHarness):
    async with job_in_progress(bot, steps=3):
        for label in ("Stop here", "Cancel"):
            assert NOT_YOURS in ephemeral_text(
                await bot.bob.click(progress_message(bot), label=label)
            )
    result = await result_of(bot)
    assert "3 steps" in result.content
    assert NOT_YOURS in ephemeral_text(await bot.bob.click(result, label="Delete"))
    assert await bot.services.store.lifecycle.pictures(1)


@pytest.mark.parametrize(("label", "end"), [("Stop here", "Stopped"), ("Cancel", "Cancelled")])
async def test_a_moderator_can_stop_and_cancel(bot: BotHarness, label: str, end: str):
    await bot.imagine(steps=NEVER_FINISHES)
    await wait_for_first_progress(bot)
    assert end in ephemeral_text(await moderator(bot).click(progress_message(bot), label=label))
    await bot.wait_until_notified()


@pytest.mark.parametrize("threads", [True, False])
async def test_deleting_removes_the_messages_and_the_pictures(tmp_path: Path, threads: bool):
    async with open_bot(make_settings(tmp_path, threads=threads)) as bot:
        await bot.imagine(count=2)
        place = bot.thread() if threads else bot.channel
        result = await result_of(bot, place)
        answered = await asked_to_delete(bot, result)
        assert "Deleted" in ephemeral_text(answered)
        assert labels(answered.response.message) == []  # pyright: ignore[reportOptionalMemberAccess]
        assert not place.history()
        assert not bot.channel.history()
        assert not await bot.services.store.lifecycle.pictures(1)
        assert ("thread stays" in ephemeral_text(answered)) == threads
        assert not threads or bot.thread().name == "removed"


async def test_deleting_is_only_asked_about_at_first(bot: BotHarness):
    await bot.imagine()
    result = await result_of(bot)
    await bot.alice.click(result, label="Delete")
    assert painted(bot.thread())
    assert await bot.services.store.lifecycle.pictures(1)


async def test_a_moderator_can_delete(bot: BotHarness):
    await bot.imagine()
    assert "Deleted" in ephemeral_text(
        await asked_to_delete(bot, await result_of(bot), moderator(bot))
    )


async def test_undeletable_message_is_linked(bot: BotHarness):
    await bot.imagine()
    result = await result_of(bot)
    path = f"/channels/{bot.thread().id}/messages/{result.id}"
    bot.env.inject_error("DELETE", path, status=403, code=50013)
    answered = await asked_to_delete(bot, result)
    assert result.jump_url in ephemeral_text(answered)
    assert not said(bot.channel)
    assert not await bot.services.store.lifecycle.pictures(1)


async def test_an_archived_thread_keeps_no_message_from_being_deleted(bot: BotHarness):
    await bot.imagine()
    result = await result_of(bot)
    path = f"/channels/{bot.thread().id}/messages/{result.id}"
    bot.env.inject_error("DELETE", path, status=400, code=50083)
    answered = await asked_to_delete(bot, result)
    assert result.jump_url not in ephemeral_text(answered)
    assert not bot.thread().history()


async def test_second_deletion_says_job_is_gone(bot: BotHarness):
    await bot.imagine()
    result = await result_of(bot)
    asked = [await bot.alice.click(result, label="Delete") for _ in range(2)]
    for each in asked:
        assert each.response is not None
        await bot.alice.click(each.response, label="Delete it")
    assert "Deleted" in ephemeral_text(asked[0])
    assert "already deleted" in ephemeral_text(asked[1])


async def test_pictures_of_others_can_be_forbidden(tmp_path: Path):
    settings = make_settings(tmp_path)
    limits = settings.limits.model_copy(update={"edit_others": False})
    async with open_bot(settings.model_copy(update={"limits": limits})) as bot:
        await bot.imagine()
        result = await result_of(bot)
        for label in ("Rerun", "Vary", "More steps", "Edit prompt"):
            refused = ephemeral_text(await bot.bob.click(result, label=label))
            assert "only the person who asked" in refused
        assert is_accepted(ephemeral_text(await bot.alice.click(result, label="Rerun")))
        await bot.wait_until_notified()


async def test_limits_of_user_who_presses_apply(tmp_path: Path):
    settings = make_settings(tmp_path)
    limits = settings.limits.model_copy(update={"jobs_per_person": 1})
    async with open_bot(settings.model_copy(update={"limits": limits})) as bot:
        await bot.imagine()
        result = await result_of(bot)
        await bot.bob.slash(bot.channel, "imagine", prompt="a blue square", steps=NEVER_FINISHES)
        assert "at a time" in ephemeral_text(await bot.bob.click(result, label="Rerun"))
        assert is_accepted(ephemeral_text(await bot.alice.click(result, label="Rerun")))
        await bot.bob.slash(bot.channel, "cancel", job="all")
        await bot.wait_until_notified()


async def test_a_button_pressed_twice_counts_once(bot: BotHarness, monkeypatch: pytest.MonkeyPatch):
    await bot.imagine()
    result = await result_of(bot)
    presses = (bot.alice.click(result, label="Rerun") for _ in range(2))
    answers = [ephemeral_text(each) for each in await at_the_same_time(bot, monkeypatch, *presses)]
    assert sum(is_accepted(each) for each in answers) == 1
    assert sum("a moment ago" in each for each in answers) == 1
    await bot.wait_until_notified()
    assert len(painted(bot.thread())) == 2
    await bot.env.advance_time(FAST.debounce_seconds + 1)
    assert is_accepted(ephemeral_text(await bot.alice.click(result, label="Rerun")))
    await bot.wait_until_notified()


async def test_a_press_that_discord_delivers_twice_counts_once(bot: BotHarness):
    """Discord takes one acknowledgement of an interaction, and without it nothing is done."""
    await bot.imagine()
    result = await result_of(bot)
    await bot.alice.click(result, label="Rerun")
    await bot.wait_until_notified()
    await bot.env.advance_time(FAST.debounce_seconds + 1)
    await deliver_again(bot, "INTERACTION_CREATE", bot.alice)
    await bot.wait_until_notified()
    assert len(bot.channel.threads) == 1
    assert await bot.services.store.jobs.state(3) is None


async def test_two_people_may_press_the_same_button(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    await bot.imagine()
    result = await result_of(bot)
    presses = (each.click(result, label="Rerun") for each in (bot.alice, bot.bob))
    answers = [ephemeral_text(each) for each in await at_the_same_time(bot, monkeypatch, *presses)]
    assert all(is_accepted(each) for each in answers)
    await bot.wait_until_notified()


async def test_two_stops_stop_once(bot: BotHarness, monkeypatch: pytest.MonkeyPatch):
    await bot.imagine(steps=NEVER_FINISHES)
    await wait_for_first_progress(bot)
    message = progress_message(bot)
    presses = (bot.alice.click(message, label="Stop here") for _ in range(2))
    answers = [ephemeral_text(each) for each in await at_the_same_time(bot, monkeypatch, *presses)]
    assert all("Stopped" in each or "stopped already" in each for each in answers)
    await bot.wait_until_notified()
    assert len(painted(bot.thread())) == 1


@pytest.mark.parametrize("order", [("Stop here", "Cancel"), ("Cancel", "Stop here")])
async def test_racing_stop_and_cancel_have_one_outcome_and_true_answers(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch, order: tuple[str, str]
):
    await bot.imagine(steps=NEVER_FINISHES)
    await wait_for_first_progress(bot)
    people = (bot.alice, moderator(bot))
    message = progress_message(bot)
    presses = (who.click(message, label=label) for who, label in zip(people, order, strict=True))
    answers = [ephemeral_text(each) for each in await at_the_same_time(bot, monkeypatch, *presses)]
    said = dict(zip(order, answers, strict=True))
    await bot.wait_until_notified()
    end = await bot.services.store.jobs.state(1)
    if end is JobState.CANCELLED:
        assert "ancelled" in said["Stop here"]
        assert said["Cancel"] == "Cancelled."
        assert not painted(bot.thread())
    else:
        assert end is JobState.STOPPED
        assert "as it is now" in said["Stop here"]
        assert "stopped already" in said["Cancel"]
        assert len(painted(bot.thread())) == 1


TAMPERED: Sequence[str] = (
    "job:rerun:1",
    "job:delete-indeed:2",
    "job:stop:999",
    "job:rerun:0",
    "job:rerun:-1",
    "job:rerun:²",
    "job:rerun:1x",
    f"job:rerun:{10**30}",
    "job:explode:1",
    "job:rerun:",
    "job:",
    "job:rerun:1\n",
    "job:rerun:1:2",
)


async def test_buttons_that_were_tampered_with_do_nothing(bot: BotHarness):
    await bot.imagine()
    await bot.wait_until_notified()
    other = bot.guild.create_text_channel("other")
    await bot.bob.slash(other, "imagine", prompt="a blue square", steps=1)
    await bot.wait_until_notified()
    before = await bot.services.store.lifecycle.pictures(2)
    for custom_id in TAMPERED:
        pressed = await bot.alice.click(await posted_with(bot, custom_id), custom_id=custom_id)
        answers = (pressed.response, *pressed.followups)
        replies = [each for each in answers if each and each.ephemeral]
        assert any(each.content.endswith(".") for each in replies)
        assert not bot.services.queue.jobs()
        assert await bot.services.store.lifecycle.pictures(2) == before


OTHERS_TAMPERED: Sequence[str] = (
    "history:rerun:1:1:",
    "history:post:²:1:",
    f"history:older:1:{10**30}:",
    "history:explode:{alice}:1:",
    "history:post:{alice}:-1:",
    "mask:²:paint",
    f"mask:{10**30}:paint",
    "mask:1:explode",
    "mask::",
    "recipe:again",
)


async def test_other_buttons_that_were_tampered_with_do_nothing(bot: BotHarness):
    await bot.imagine(steps=1)
    await bot.wait_until_notified()
    for template in OTHERS_TAMPERED:
        custom_id = template.replace("{alice}", str(bot.alice.id))
        pressed = await bot.alice.click(await posted_with(bot, custom_id), custom_id=custom_id)
        answers = (pressed.response, *pressed.followups)
        replies = [each for each in answers if each and each.ephemeral]
        assert any(each.content.endswith(".") for each in replies)
        assert not bot.services.queue.jobs()
        assert await bot.services.store.jobs.state(2) is None


async def test_a_moderator_elsewhere_cannot_delete_from_there(bot: BotHarness):
    """The button that deletes stands in a message that only one person sees."""
    await bot.imagine()
    await bot.wait_until_notified()
    elsewhere = bot.env.create_guild("elsewhere")
    channel = elsewhere.create_text_channel("general")
    role = elsewhere.create_role("all", permissions=discord.Permissions.all())
    dave = elsewhere.add_member(bot.env.create_user("dave"), roles=[role])
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="?", custom_id="job:delete-indeed:1"))
    there = bot.client.get_channel(channel.id)
    assert isinstance(there, discord.TextChannel)
    refused = await dave.click(await there.send("x", view=view), custom_id="job:delete-indeed:1")
    (reply,) = refused.followups
    assert "belongs to another picture" in reply.content
    assert await bot.services.store.lifecycle.pictures(1)


async def test_a_moderator_deletes_only_the_messages_that_they_moderate(bot: BotHarness):
    """Whoever posts a picture again in a channel of theirs gets no power over the others."""
    await bot.imagine()
    await bot.wait_until_notified()
    role = bot.guild.create_role("hosts")
    may = discord.PermissionOverwrite(manage_messages=True)
    other = bot.guild.create_text_channel("other", overwrites={role: may})
    mallory = bot.guild.add_member(bot.env.create_user("mallory"), roles=[role])
    page = await bot.alice.slash(other, "history")
    assert page.response is not None
    await bot.alice.click(page.response, label="Post again")
    again = other.history()[0]
    asked = await asked_to_delete(bot, again, mallory)
    assert "messages in other channels stay" in ephemeral_text(asked)
    assert not other.history()
    assert painted(bot.thread())
    assert bot.thread().name != "removed"
    assert await bot.services.store.lifecycle.pictures(1)
    result = await result_of(bot)
    assert "Deleted" in ephemeral_text(await asked_to_delete(bot, result))
    assert not await bot.services.store.lifecycle.pictures(1)


async def test_a_moderator_of_all_channels_deletes_what_was_posted_again_too(bot: BotHarness):
    await bot.imagine()
    await bot.wait_until_notified()
    other = bot.guild.create_text_channel("other")
    page = await bot.alice.slash(other, "history")
    assert page.response is not None
    await bot.alice.click(page.response, label="Post again")
    await asked_to_delete(bot, await result_of(bot), moderator(bot))
    assert not painted(bot.thread())
    assert not other.history()
    assert not await bot.services.store.lifecycle.pictures(1)


async def test_buttons_of_earlier_runs_work(settings: BotSettings, monkeypatch: pytest.MonkeyPatch):
    async with open_restartable_bot(settings, monkeypatch) as restartable:
        async with restartable.start() as bot:
            await bot.imagine(steps=2)
            result = await result_of(bot)
            await bot.imagine("a blue square", steps=NEVER_FINISHES)
            thread = next(t for t in bot.channel.threads if t.name == "a blue square")
            await until(lambda: thread.last_message and thread.last_message.attachments)
        kept = thread.history()[0]
        assert "is saved" in kept.content
        assert labels(kept) == ["Stop here", "Cancel"]
        async with restartable.start() as bot:
            assert "Stopped" in ephemeral_text(await bot.alice.click(kept, label="Stop here"))
            assert is_accepted(ephemeral_text(await bot.bob.click(result, label="Rerun")))
            await bot.wait_until_notified()
            stopped = painted(thread)[-1]
            assert "stopped at step" in stopped.content
        async with restartable.start() as bot:
            assert labels(stopped)[0] == "Resume"
            form = await bot.bob.click(result, label="More steps")
            assert is_accepted(ephemeral_text(await bot.bob.submit_modal(form, {"steps": "2"})))
            assert "Deleted" in ephemeral_text(await asked_to_delete(bot, stopped))
            await bot.wait_until_notified()


async def test_pictures_of_models_that_are_gone_are_not_painted_again(
    settings: BotSettings, monkeypatch: pytest.MonkeyPatch
):
    async with open_restartable_bot(settings, monkeypatch) as restartable:
        async with restartable.start() as bot:
            await bot.imagine()
            result = await result_of(bot)
        with closing(sqlite3.connect(settings.storage.folder / DATABASE)) as database, database:
            ((recipes,),) = database.execute("SELECT recipes FROM jobs")
            old = json.dumps([each.replace('"demo"', '"old"') for each in json.loads(recipes)])
            database.execute("UPDATE jobs SET recipes = ?", [old])
        async with restartable.start() as bot:
            for label in ("Rerun", "Vary"):
                refused = ephemeral_text(await bot.alice.click(result, label=label))
                assert "painted by" in refused
                assert "demo" in refused
            assert labels(result) == RESULT
            assert not bot.services.queue.jobs()
