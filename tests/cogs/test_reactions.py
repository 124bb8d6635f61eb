"""Reactions to the bot's messages, of any age, as people give them."""

import sqlite3
from contextlib import closing
from pathlib import Path

import discord
import pytest

from bot.config import BotSettings
from bot.jobs.job import JobState
from bot.storage.connection import DATABASE
from bot.ui.responses import BRIEF_SECONDS
from tests.harness.bot_harness import (
    FAST,
    PROMPT,
    Studio,
    begun,
    make_settings,
    open_studio,
    painted,
    result_of,
    until,
)
from tests.harness.interactions import LONG, known, moderator, progress, recipes_in
from tests.harness.restartable_bot import open_theatre

AGAIN, STOP, CANCEL = "🔁", "🛑", "❌"


def replies(studio: Studio) -> list[discord.Message]:
    """The bot's replies in the only thread."""
    history = studio.thread().history()
    return [each for each in history if each.type is discord.MessageType.reply]


async def jobs(studio: Studio) -> int:
    """How many jobs there ever were."""
    number = 1
    while await studio.services.store.jobs.state(number) is not None:
        number += 1
    return number - 1


async def test_a_picture_is_painted_again_for_whoever_reacts(studio: Studio):
    await studio.imagine(seed=3, count=2)
    result = await result_of(studio)
    await studio.bob.react(result, AGAIN)
    again_painted = await result_of(studio)
    assert again_painted.id != result.id
    assert studio.bob.mention in again_painted.content
    before, after = await recipes_in(result), await recipes_in(again_painted)
    assert len({each.seed for each in (*before, *after)}) == 4
    assert before[0].prompts == after[0].prompts
    assert not replies(studio)


async def test_pictures_from_before_the_start_are_painted_again(
    settings: BotSettings, monkeypatch: pytest.MonkeyPatch
):
    async with open_theatre(settings, monkeypatch) as theatre:
        async with theatre.open() as studio:
            await studio.imagine()
            result = await result_of(studio)
        async with theatre.open() as studio:
            await studio.bob.react(result, AGAIN)
            assert (await result_of(studio)).id != result.id


async def test_without_the_database_the_recipe_in_the_picture_counts(
    settings: BotSettings, monkeypatch: pytest.MonkeyPatch
):
    async with open_theatre(settings, monkeypatch) as theatre:
        async with theatre.open() as studio:
            await studio.imagine(seed=3, count=2)
            result = await result_of(studio)
        for each in settings.storage.folder.glob(f"{DATABASE}*"):
            each.unlink()
        async with theatre.open() as studio:
            await studio.bob.react(result, AGAIN)
            anew = await result_of(studio)
            assert studio.bob.mention in anew.content
            before, after = await recipes_in(result), await recipes_in(anew)
            assert [each.prompts for each in before] == [each.prompts for each in after]
            assert len({each.seed for each in (*before, *after)}) == 4


@pytest.mark.parametrize("emoji", ["👍", "🔂"])
async def test_other_reactions_are_left_alone(studio: Studio, emoji: str):
    await studio.imagine()
    await studio.bob.react(await result_of(studio), emoji)
    assert await jobs(studio) == 1


async def test_reactions_to_what_is_no_picture_of_the_bots_are_left_alone(studio: Studio):
    await studio.imagine()
    await studio.all_told()
    theirs = await studio.alice.send(studio.channel, "hello", attachments=[("a.png", b"x")])
    for message in (theirs, studio.job_message(), progress(studio)):
        await studio.bob.react(message, AGAIN)
    assert await jobs(studio) == 1
    assert not replies(studio)


async def test_reactions_of_bots_are_left_alone(studio: Studio):
    await studio.imagine()
    result = await result_of(studio)
    robot = studio.guild.add_member(studio.env.create_user("robot", bot=True))
    await robot.react(result, AGAIN)
    await result.add_reaction(AGAIN)
    await studio.env.settle()
    assert await jobs(studio) == 1


async def test_where_nothing_can_be_posted_reactions_are_left_alone(studio: Studio):
    place = studio.guild.create_text_channel("quiet")
    await studio.imagine(channel=place)
    await studio.all_told()
    (result,) = painted(place.threads[0])
    me = studio.guild.me
    assert me is not None
    channel = studio.bot.get_channel(place.id)
    assert isinstance(channel, discord.TextChannel)
    await channel.set_permissions(me, send_messages=False, send_messages_in_threads=False)
    posts = len(place.threads[0].history())
    await studio.bob.react(result, AGAIN)
    assert await jobs(studio) == 1
    assert len(place.threads[0].history()) == posts


async def test_a_refusal_names_who_is_meant_calls_nobody_and_goes_away(tmp_path: Path):
    settings = make_settings(tmp_path)
    limits = settings.limits.model_copy(update={"jobs_per_person": 1})
    async with open_studio(settings.model_copy(update={"limits": limits})) as studio:
        await studio.imagine()
        result = await result_of(studio)
        other = studio.guild.create_text_channel("other")
        await studio.bob.slash(other, "imagine", prompt="a blue square", steps=LONG)
        await studio.bob.react(result, AGAIN)
        (refusal,) = replies(studio)
        assert studio.bob.mention in refusal.content
        assert "at a time" in refusal.content
        sent = studio.env.backend.get_message(refusal.channel.id, refusal.id)
        assert not sent.allowed_mentions.allows_user(studio.bob.id)
        await studio.env.advance_time(BRIEF_SECONDS + 1)
        assert not replies(studio)
        await studio.bob.slash(other, "cancel", job="all")
        await studio.all_told()


@pytest.mark.parametrize("known", [True, False])
async def test_somebody_elses_picture_can_be_forbidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool
):
    settings = make_settings(tmp_path)
    limits = settings.limits.model_copy(update={"edit_others": False})
    settings = settings.model_copy(update={"limits": limits})
    async with open_theatre(settings, monkeypatch) as theatre:
        async with theatre.open() as studio:
            await studio.imagine()
            result = await result_of(studio)
        if not known:
            with closing(sqlite3.connect(settings.storage.folder / DATABASE)) as base, base:
                base.execute("DELETE FROM posts")
        async with theatre.open() as studio:
            await studio.bob.react(result, AGAIN)
            (refusal,) = replies(studio)
            assert "only the person who asked" in refusal.content
            assert await jobs(studio) == 1


async def test_a_reaction_given_taken_and_given_again_counts_once(studio: Studio):
    await studio.imagine()
    result = await result_of(studio)
    await studio.bob.react(result, AGAIN)
    await studio.bob.unreact(result, AGAIN)
    await studio.bob.react(result, AGAIN)
    assert "a moment ago" in replies(studio)[0].content
    await studio.all_told()
    assert await jobs(studio) == 2
    await studio.bob.unreact(result, AGAIN)
    await studio.env.advance_time(FAST.debounce_seconds + 1)
    await studio.bob.react(result, AGAIN)
    await studio.all_told()
    assert await jobs(studio) == 3


@pytest.mark.parametrize(
    ("emoji", "state"), [(STOP, JobState.STOPPED), (CANCEL, JobState.CANCELLED)]
)
async def test_the_author_and_moderators_end_a_job_by_a_reaction(
    studio: Studio, emoji: str, state: JobState
):
    for who in (studio.alice, moderator(studio)):
        channel = studio.guild.create_text_channel("place")
        await studio.imagine(steps=LONG, channel=channel)
        thread = channel.threads[0]
        await until(lambda thread=thread: thread.last_message and thread.last_message.attachments)
        await known(studio, thread)
        message = thread.history()[0]
        await studio.bob.react(message, emoji)
        number = await jobs(studio)
        assert await studio.services.store.jobs.state(number) is JobState.RUNNING
        await who.react(message, emoji)
        await studio.all_told()
        assert await studio.services.store.jobs.state(number) is state


async def test_a_job_that_has_not_begun_is_not_stopped_and_its_author_is_told(studio: Studio):
    await studio.imagine(steps=LONG)
    await begun(studio)
    first = studio.thread()
    await studio.imagine("a blue square", steps=LONG)
    second = next(each for each in studio.channel.threads if each.id != first.id)
    await known(studio, second)
    await studio.alice.react(second.history()[0], STOP)
    (refusal,) = (m for m in second.history() if m.type is discord.MessageType.reply)
    assert "cancel it instead" in refusal.content
    await studio.alice.slash(studio.channel, "cancel", job="all")
    await studio.all_told()


async def test_in_direct_messages_reactions_work_unless_these_are_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    settings = make_settings(tmp_path)
    off = settings.discord.model_copy(update={"direct_messages": False})
    async with open_theatre(settings, monkeypatch) as theatre:
        async with theatre.open() as studio:
            alice = studio.alice.user
            await alice.slash("imagine", prompt=PROMPT, steps=1)
            await studio.all_told()
            (result,) = painted(alice.dm_channel)
            backend = studio.env.backend
            backend.add_reaction(alice.dm_channel.id, result.id, AGAIN, alice.id)
            await studio.env.settle()
            await studio.all_told()
            assert len(painted(alice.dm_channel)) == 2
        theatre.settings = settings.model_copy(update={"discord": off})
        async with theatre.open() as studio:
            backend.remove_reaction(alice.dm_channel.id, result.id, AGAIN, alice.id)
            backend.add_reaction(alice.dm_channel.id, result.id, AGAIN, alice.id)
            await studio.env.settle()
            assert await jobs(studio) == 2


async def test_nothing_privileged_is_asked_for(studio: Studio):
    intents = studio.bot.intents
    assert intents.guild_reactions
    assert intents.dm_reactions
    assert not (intents.members or intents.presences or intents.message_content)
