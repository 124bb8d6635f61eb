"""Who may press which buttons, pressing twice or at the same time, and deleting."""

import json
import sqlite3
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
    Studio,
    begun,
    make_settings,
    open_studio,
    painted,
    result_of,
    told,
    until,
)
from tests.harness.interactions import (
    LONG,
    RESULT,
    labels,
    moderator,
    posted_with,
    progress,
    together,
)
from tests.harness.restartable_bot import open_theatre

NOT_YOURS = "Only the person who asked"


async def asked_to_delete(
    studio: Studio, result: discord.Message, who: simcord.MemberActor | None = None
) -> simcord.InteractionResult:
    """Delete a job's pictures, having said that this is meant."""
    asked = await (who or studio.alice).click(result, label="Delete")
    assert "can't be undone" in told(asked)
    assert asked.response is not None
    assert asked.response.ephemeral
    await (who or studio.alice).click(asked.response, label="Delete it")
    return asked


def said(place: simcord.ChannelHandle) -> list[discord.Message]:
    """The messages in a place, without what Discord says itself of threads."""
    return [each for each in place.history() if each.type is discord.MessageType.default]


async def test_somebody_else_can_neither_stop_nor_cancel_nor_delete(studio: Studio):
    await studio.imagine(steps=60)
    await begun(studio)
    for label in ("Stop here", "Cancel"):
        assert NOT_YOURS in told(await studio.bob.click(progress(studio), label=label))
    result = await result_of(studio)
    assert "60 steps" in result.content
    assert NOT_YOURS in told(await studio.bob.click(result, label="Delete"))
    assert await studio.services.store.lifecycle.pictures(1)


@pytest.mark.parametrize(("label", "end"), [("Stop here", "Stopped"), ("Cancel", "Cancelled")])
async def test_a_moderator_can_stop_and_cancel(studio: Studio, label: str, end: str):
    await studio.imagine(steps=LONG)
    await begun(studio)
    assert end in told(await moderator(studio).click(progress(studio), label=label))
    await studio.all_told()


@pytest.mark.parametrize("threads", [True, False])
async def test_deleting_removes_the_messages_and_the_pictures(tmp_path: Path, threads: bool):
    async with open_studio(make_settings(tmp_path, threads=threads)) as studio:
        await studio.imagine(count=2)
        place = studio.thread() if threads else studio.channel
        result = await result_of(studio, place)
        answered = await asked_to_delete(studio, result)
        assert "Deleted" in told(answered)
        assert labels(answered.response.message) == []  # pyright: ignore[reportOptionalMemberAccess]
        assert not place.history()
        assert not studio.channel.history()
        assert not await studio.services.store.lifecycle.pictures(1)
        assert ("thread stays" in told(answered)) == threads
        assert not threads or studio.thread().name == "removed"


async def test_deleting_is_only_asked_about_at_first(studio: Studio):
    await studio.imagine()
    result = await result_of(studio)
    await studio.alice.click(result, label="Delete")
    assert painted(studio.thread())
    assert await studio.services.store.lifecycle.pictures(1)


async def test_a_moderator_can_delete(studio: Studio):
    await studio.imagine()
    assert "Deleted" in told(
        await asked_to_delete(studio, await result_of(studio), moderator(studio))
    )


async def test_what_cannot_be_deleted_is_named(studio: Studio):
    await studio.imagine()
    result = await result_of(studio)
    path = f"/channels/{studio.thread().id}/messages/{result.id}"
    studio.env.inject_error("DELETE", path, status=403, code=50013)
    answered = await asked_to_delete(studio, result)
    assert result.jump_url in told(answered)
    assert not said(studio.channel)
    assert not await studio.services.store.lifecycle.pictures(1)


async def test_an_archived_thread_keeps_no_message_from_being_deleted(studio: Studio):
    await studio.imagine()
    result = await result_of(studio)
    path = f"/channels/{studio.thread().id}/messages/{result.id}"
    studio.env.inject_error("DELETE", path, status=400, code=50083)
    answered = await asked_to_delete(studio, result)
    assert result.jump_url not in told(answered)
    assert not studio.thread().history()


async def test_what_is_deleted_twice_is_said_to_be_gone(studio: Studio):
    await studio.imagine()
    result = await result_of(studio)
    asked = [await studio.alice.click(result, label="Delete") for _ in range(2)]
    for each in asked:
        assert each.response is not None
        await studio.alice.click(each.response, label="Delete it")
    assert "Deleted" in told(asked[0])
    assert "already deleted" in told(asked[1])


async def test_somebody_elses_picture_can_be_forbidden(tmp_path: Path):
    settings = make_settings(tmp_path)
    limits = settings.limits.model_copy(update={"edit_others": False})
    async with open_studio(settings.model_copy(update={"limits": limits})) as studio:
        await studio.imagine()
        result = await result_of(studio)
        for label in ("Rerun", "Vary", "More steps", "Edit prompt"):
            refused = told(await studio.bob.click(result, label=label))
            assert "only the person who asked" in refused
        assert "Queued" in told(await studio.alice.click(result, label="Rerun"))
        await studio.all_told()


async def test_the_limits_are_those_of_whoever_presses(tmp_path: Path):
    settings = make_settings(tmp_path)
    limits = settings.limits.model_copy(update={"jobs_per_person": 1})
    async with open_studio(settings.model_copy(update={"limits": limits})) as studio:
        await studio.imagine()
        result = await result_of(studio)
        await studio.bob.slash(studio.channel, "imagine", prompt="a blue square", steps=LONG)
        assert "at a time" in told(await studio.bob.click(result, label="Rerun"))
        assert "Queued" in told(await studio.alice.click(result, label="Rerun"))
        await studio.bob.slash(studio.channel, "cancel", job="all")
        await studio.all_told()


async def test_a_button_pressed_twice_counts_once(studio: Studio, monkeypatch: pytest.MonkeyPatch):
    await studio.imagine()
    result = await result_of(studio)
    presses = (studio.alice.click(result, label="Rerun") for _ in range(2))
    answers = [told(each) for each in await together(studio, monkeypatch, *presses)]
    assert sum("Queued" in each for each in answers) == 1
    assert sum("a moment ago" in each for each in answers) == 1
    await studio.all_told()
    assert len(painted(studio.thread())) == 2
    await studio.env.advance_time(FAST.debounce_seconds + 1)
    assert "Queued" in told(await studio.alice.click(result, label="Rerun"))
    await studio.all_told()


async def test_two_people_may_press_the_same_button(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
):
    await studio.imagine()
    result = await result_of(studio)
    presses = (each.click(result, label="Rerun") for each in (studio.alice, studio.bob))
    answers = [told(each) for each in await together(studio, monkeypatch, *presses)]
    assert all("Queued" in each for each in answers)
    await studio.all_told()


async def test_a_stop_that_is_wished_twice_stops_once(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
):
    await studio.imagine(steps=LONG)
    await begun(studio)
    message = progress(studio)
    presses = (studio.alice.click(message, label="Stop here") for _ in range(2))
    answers = [told(each) for each in await together(studio, monkeypatch, *presses)]
    assert all("Stopped" in each or "stopped already" in each for each in answers)
    await studio.all_told()
    assert len(painted(studio.thread())) == 1


@pytest.mark.parametrize("order", [("Stop here", "Cancel"), ("Cancel", "Stop here")])
async def test_a_stop_and_a_cancel_have_one_outcome_and_both_are_told_the_truth(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, order: tuple[str, str]
):
    await studio.imagine(steps=LONG)
    await begun(studio)
    people = (studio.alice, moderator(studio))
    message = progress(studio)
    presses = (who.click(message, label=label) for who, label in zip(people, order, strict=True))
    answers = [told(each) for each in await together(studio, monkeypatch, *presses)]
    said = dict(zip(order, answers, strict=True))
    await studio.all_told()
    end = await studio.services.store.jobs.state(1)
    if end is JobState.CANCELLED:
        assert "ancelled" in said["Stop here"]
        assert said["Cancel"] == "Cancelled."
        assert not painted(studio.thread())
    else:
        assert end is JobState.STOPPED
        assert "as it is now" in said["Stop here"]
        assert "stopped already" in said["Cancel"]
        assert len(painted(studio.thread())) == 1


@pytest.mark.parametrize(
    "custom_id",
    [
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
    ],
)
async def test_buttons_that_were_tampered_with_do_nothing(studio: Studio, custom_id: str):
    await studio.imagine()
    await studio.all_told()
    other = studio.guild.create_text_channel("other")
    await studio.bob.slash(other, "imagine", prompt="a blue square", steps=1)
    await studio.all_told()
    before = await studio.services.store.lifecycle.pictures(2)
    pressed = await studio.alice.click(await posted_with(studio, custom_id), custom_id=custom_id)
    replies = [each for each in (pressed.response, *pressed.followups) if each and each.ephemeral]
    assert any(each.content.endswith(".") for each in replies)
    assert not studio.services.queue.jobs()
    assert await studio.services.store.lifecycle.pictures(2) == before


async def test_a_moderator_elsewhere_cannot_delete_from_there(studio: Studio):
    """The button that deletes stands in a message that only one person sees."""
    await studio.imagine()
    await studio.all_told()
    elsewhere = studio.env.create_guild("elsewhere")
    channel = elsewhere.create_text_channel("general")
    role = elsewhere.create_role("all", permissions=discord.Permissions.all())
    dave = elsewhere.add_member(studio.env.create_user("dave"), roles=[role])
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="?", custom_id="job:delete-indeed:1"))
    there = studio.bot.get_channel(channel.id)
    assert isinstance(there, discord.TextChannel)
    refused = await dave.click(await there.send("x", view=view), custom_id="job:delete-indeed:1")
    (reply,) = refused.followups
    assert "belongs to another picture" in reply.content
    assert await studio.services.store.lifecycle.pictures(1)


async def test_buttons_of_earlier_runs_work(settings: BotSettings, monkeypatch: pytest.MonkeyPatch):
    async with open_theatre(settings, monkeypatch) as theatre:
        async with theatre.open() as studio:
            await studio.imagine(steps=2)
            result = await result_of(studio)
            await studio.imagine("a blue square", steps=LONG)
            thread = next(t for t in studio.channel.threads if t.name == "a blue square")
            await until(lambda: thread.last_message and thread.last_message.attachments)
        kept = thread.history()[0]
        assert "is saved" in kept.content
        assert labels(kept) == ["Stop here", "Cancel"]
        async with theatre.open() as studio:
            assert "Stopped" in told(await studio.alice.click(kept, label="Stop here"))
            assert "Queued" in told(await studio.bob.click(result, label="Rerun"))
            await studio.all_told()
            stopped = painted(thread)[-1]
            assert "stopped at step" in stopped.content
        async with theatre.open() as studio:
            assert labels(stopped)[0] == "Resume"
            form = await studio.bob.click(result, label="More steps")
            assert "Queued" in told(await studio.bob.submit_modal(form, {"steps": "2"}))
            assert "Deleted" in told(await asked_to_delete(studio, stopped))
            await studio.all_told()


async def test_pictures_of_models_that_are_gone_are_not_painted_again(
    settings: BotSettings, monkeypatch: pytest.MonkeyPatch
):
    async with open_theatre(settings, monkeypatch) as theatre:
        async with theatre.open() as studio:
            await studio.imagine()
            result = await result_of(studio)
        with closing(sqlite3.connect(settings.storage.folder / DATABASE)) as database, database:
            ((recipes,),) = database.execute("SELECT recipes FROM jobs")
            old = json.dumps([each.replace('"demo"', '"old"') for each in json.loads(recipes)])
            database.execute("UPDATE jobs SET recipes = ?", [old])
        async with theatre.open() as studio:
            for label in ("Rerun", "Vary"):
                refused = told(await studio.alice.click(result, label=label))
                assert "painted by" in refused
                assert "demo" in refused
            assert labels(result) == RESULT
            assert not studio.services.queue.jobs()
