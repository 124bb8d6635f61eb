"""Reactions to the bot's messages, of any age, as people give them."""

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
    PROMPT,
    BotHarness,
    channel_of,
    job_in_progress,
    make_settings,
    message_after,
    open_bot,
    painted,
    posted,
    result_of,
    until,
    wait_for_first_progress,
)
from tests.harness.interactions import (
    NEVER_FINISHES,
    deliver_again,
    labels,
    moderator,
    progress_message,
    recipes_in,
    wait_for_progress_message,
)
from tests.harness.restartable_bot import open_restartable_bot

AGAIN, COPY, STOP, CANCEL = "🔁", "✉️", "🛑", "❌"


def replies(bot: BotHarness) -> list[discord.Message]:
    """Return the bot's replies in the only thread."""
    history = bot.thread().history()
    return [each for each in history if each.type is discord.MessageType.reply]


async def jobs(bot: BotHarness) -> int:
    """How many jobs there ever were."""
    number = 1
    while await bot.services.store.jobs.state(number) is not None:
        number += 1
    return number - 1


async def test_reaction_reruns_job_for_user_who_reacts(bot: BotHarness):
    await bot.imagine(seed=3, count=2)
    result = await result_of(bot)
    await bot.bob.react(result, AGAIN)
    again_painted = await result_of(bot)
    assert again_painted.id != result.id
    assert bot.bob.mention in again_painted.content
    before, after = await recipes_in(result), await recipes_in(again_painted)
    assert len({each.seed for each in (*before, *after)}) == 4
    assert before[0].prompts == after[0].prompts
    assert not replies(bot)


async def test_pictures_from_before_the_start_are_painted_again(
    settings: BotSettings, monkeypatch: pytest.MonkeyPatch
):
    async with open_restartable_bot(settings, monkeypatch) as restartable:
        async with restartable.start() as bot:
            await bot.imagine()
            result = await result_of(bot)
        async with restartable.start() as bot:
            await bot.bob.react(result, AGAIN)
            assert (await result_of(bot)).id != result.id


async def test_without_the_database_the_recipe_in_the_picture_counts(
    settings: BotSettings, monkeypatch: pytest.MonkeyPatch
):
    async with open_restartable_bot(settings, monkeypatch) as restartable:
        async with restartable.start() as bot:
            await bot.imagine(seed=3, count=2)
            result = await result_of(bot)
        for each in settings.storage.folder.glob(f"{DATABASE}*"):
            each.unlink()
        async with restartable.start() as bot:
            await bot.bob.react(await message_after(result), AGAIN)
            anew = await result_of(bot)
            assert bot.bob.mention in anew.content
            before, after = await recipes_in(result), await recipes_in(anew)
            assert [each.prompts for each in before] == [each.prompts for each in after]
            assert len({each.seed for each in (*before, *after)}) == 4


@pytest.mark.parametrize("emoji", ["👍", "🔂"])
async def test_other_reactions_are_left_alone(bot: BotHarness, emoji: str):
    await bot.imagine()
    await bot.bob.react(await result_of(bot), emoji)
    assert await jobs(bot) == 1


async def test_reactions_to_other_messages_are_ignored(bot: BotHarness):
    async with job_in_progress(bot):
        theirs = await bot.alice.send(bot.channel, "hello", attachments=[("a.png", b"x")])
        for message in (theirs, bot.job_message(), progress_message(bot)):
            await bot.bob.react(message, AGAIN)
    await bot.wait_until_notified()
    assert await jobs(bot) == 1
    assert not replies(bot)


async def test_reactions_of_bots_are_left_alone(bot: BotHarness):
    await bot.imagine()
    result = await result_of(bot)
    robot = bot.guild.add_member(bot.env.create_user("robot", bot=True))
    await robot.react(result, AGAIN)
    await result.add_reaction(AGAIN)
    await bot.env.settle()
    assert await jobs(bot) == 1


async def test_where_nothing_can_be_posted_reactions_are_left_alone(bot: BotHarness):
    place = bot.guild.create_text_channel("quiet")
    await bot.imagine(channel=place)
    await bot.wait_until_notified()
    (result,) = painted(place.threads[0])
    me = bot.guild.me
    assert me is not None
    channel = bot.client.get_channel(place.id)
    assert isinstance(channel, discord.TextChannel)
    await channel.set_permissions(me, send_messages=False, send_messages_in_threads=False)
    posts = len(place.threads[0].history())
    await bot.bob.react(result, AGAIN)
    assert await jobs(bot) == 1
    assert len(place.threads[0].history()) == posts


async def test_refusal_names_user_without_ping_and_is_deleted(tmp_path: Path):
    settings = make_settings(tmp_path)
    limits = settings.limits.model_copy(update={"jobs_per_person": 1})
    async with open_bot(settings.model_copy(update={"limits": limits})) as bot:
        await bot.imagine()
        result = await result_of(bot)
        other = bot.guild.create_text_channel("other")
        await bot.bob.slash(other, "imagine", prompt="a blue square", steps=NEVER_FINISHES)
        await bot.bob.react(result, AGAIN)
        (refusal,) = replies(bot)
        assert bot.bob.mention in refusal.content
        assert "at a time" in refusal.content
        sent = bot.env.backend.get_message(refusal.channel.id, refusal.id)
        assert not sent.allowed_mentions.allows_user(bot.bob.id)
        await bot.env.advance_time(FAST.brief_seconds + 1)
        assert not replies(bot)
        await bot.bob.slash(other, "cancel", job="all")
        await bot.wait_until_notified()


@pytest.mark.parametrize("known", [True, False])
async def test_pictures_of_others_can_be_forbidden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, known: bool
):
    settings = make_settings(tmp_path)
    limits = settings.limits.model_copy(update={"edit_others": False})
    settings = settings.model_copy(update={"limits": limits})
    async with open_restartable_bot(settings, monkeypatch) as restartable:
        async with restartable.start() as bot:
            await bot.imagine()
            result = await result_of(bot)
        if not known:
            with closing(sqlite3.connect(settings.storage.folder / DATABASE)) as base, base:
                base.execute("DELETE FROM posts")
        async with restartable.start() as bot:
            await bot.bob.react(result, AGAIN)
            (refusal,) = replies(bot)
            assert "only the person who asked" in refusal.content
            assert await jobs(bot) == 1


async def test_a_reaction_given_taken_and_given_again_counts_once(bot: BotHarness):
    await bot.imagine()
    result = await result_of(bot)
    await bot.bob.react(result, AGAIN)
    await bot.bob.unreact(result, AGAIN)
    await bot.bob.react(result, AGAIN)
    assert "a moment ago" in replies(bot)[0].content
    await bot.wait_until_notified()
    assert await jobs(bot) == 2
    await bot.bob.unreact(result, AGAIN)
    await bot.env.advance_time(FAST.debounce_seconds + 1)
    await bot.bob.react(result, AGAIN)
    await bot.wait_until_notified()
    assert await jobs(bot) == 3


async def test_a_reaction_that_discord_delivers_twice_counts_once(bot: BotHarness):
    await bot.imagine()
    await bot.bob.react(await result_of(bot), AGAIN)
    await deliver_again(bot, "MESSAGE_REACTION_ADD", bot.bob)
    await bot.wait_until_notified()
    await bot.env.advance_time(FAST.event_seconds - 1)
    await deliver_again(bot, "MESSAGE_REACTION_ADD", bot.bob)
    await bot.wait_until_notified()
    assert await jobs(bot) == 2
    assert not replies(bot)


async def test_a_flood_of_reactions_is_refused_once_a_minute(tmp_path: Path):
    settings = make_settings(tmp_path)
    limits = settings.limits.model_copy(update={"jobs_per_person": 1})
    async with open_bot(settings.model_copy(update={"limits": limits})) as bot:
        await bot.imagine()
        result = await result_of(bot)
        other = bot.guild.create_text_channel("other")
        await bot.bob.slash(other, "imagine", prompt="a blue square", steps=NEVER_FINISHES)
        for _ in range(5):
            await bot.bob.react(result, AGAIN)
            await bot.bob.unreact(result, AGAIN)
        assert len(replies(bot)) == 1
        await bot.env.advance_time(FAST.refusal_seconds + 1)
        await bot.bob.react(result, AGAIN)
        assert len(replies(bot)) == 2
        await bot.bob.slash(other, "cancel", job="all")
        await bot.wait_until_notified()


@pytest.mark.parametrize(
    ("emoji", "state"), [(STOP, JobState.STOPPED), (CANCEL, JobState.CANCELLED)]
)
async def test_the_author_and_moderators_end_a_job_by_a_reaction(
    bot: BotHarness, emoji: str, state: JobState
):
    for who in (bot.alice, moderator(bot)):
        channel = bot.guild.create_text_channel("place")
        await bot.imagine(steps=NEVER_FINISHES, channel=channel)
        thread = channel.threads[0]
        await until(lambda thread=thread: thread.last_message and thread.last_message.attachments)
        await wait_for_progress_message(bot, thread)
        message = thread.history()[0]
        await bot.bob.react(message, emoji)
        number = await jobs(bot)
        assert await bot.services.store.jobs.state(number) is JobState.RUNNING
        await who.react(message, emoji)
        await bot.wait_until_notified()
        assert await bot.services.store.jobs.state(number) is state


async def test_a_job_that_has_not_begun_is_not_stopped_and_its_author_is_told(bot: BotHarness):
    await bot.imagine(steps=NEVER_FINISHES)
    await wait_for_first_progress(bot)
    first = bot.thread()
    await bot.imagine("a blue square", steps=NEVER_FINISHES)
    second = next(each for each in bot.channel.threads if each.id != first.id)
    await wait_for_progress_message(bot, second)
    await bot.alice.react(second.history()[0], STOP)
    (refusal,) = (m for m in second.history() if m.type is discord.MessageType.reply)
    assert "cancel it instead" in refusal.content
    await bot.alice.slash(bot.channel, "cancel", job="all")
    await bot.wait_until_notified()


async def test_in_direct_messages_reactions_work_unless_these_are_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    settings = make_settings(tmp_path)
    off = settings.discord.model_copy(update={"direct_messages": False})
    async with open_restartable_bot(settings, monkeypatch) as restartable:
        async with restartable.start() as bot:
            alice = bot.alice.user
            await alice.slash("imagine", prompt=PROMPT, steps=1)
            await bot.wait_until_notified()
            (result,) = painted(alice.dm_channel)
            backend = bot.env.backend
            backend.add_reaction(alice.dm_channel.id, result.id, AGAIN, alice.id)
            await bot.env.settle()
            await bot.wait_until_notified()
            assert len(painted(alice.dm_channel)) == 2
        restartable.settings = settings.model_copy(update={"discord": off})
        async with restartable.start() as bot:
            backend.remove_reaction(alice.dm_channel.id, result.id, AGAIN, alice.id)
            backend.add_reaction(alice.dm_channel.id, result.id, AGAIN, alice.id)
            await bot.env.settle()
            assert await jobs(bot) == 2


async def test_nothing_privileged_is_asked_for(bot: BotHarness):
    intents = bot.client.intents
    assert intents.guild_reactions
    assert intents.dm_reactions
    assert not (intents.members or intents.presences or intents.message_content)


# --- Copies by direct message


def copies(who: simcord.MemberActor) -> list[discord.Message]:
    """Return the messages with pictures among a person's direct messages."""
    return painted(who.user.dm_channel)


async def test_a_reaction_sends_who_reacts_a_copy_once(bot: BotHarness):
    await bot.imagine(seed=7)
    result = await result_of(bot)
    for _ in range(2):
        await bot.bob.react(result, COPY)
        await bot.bob.unreact(result, COPY)
    (copy,) = copies(bot.bob)
    assert result.jump_url in copy.content
    assert [each.seed for each in await recipes_in(copy)] == [7]
    assert not copies(bot.alice)
    assert not replies(bot)
    await bot.env.advance_time(FAST.event_seconds + 1)
    await bot.bob.react(bot.job_message(), COPY)
    assert len(copies(bot.bob)) == 2


async def test_copies_go_when_the_picture_is_deleted(bot: BotHarness):
    await bot.imagine()
    result = await result_of(bot)
    await bot.bob.react(result, COPY)
    asked = await bot.alice.click(result, label="Delete")
    assert asked.response is not None
    await bot.alice.click(asked.response, label="Delete it")
    assert not copies(bot.bob)


async def test_who_takes_no_direct_messages_is_told_so_once(bot: BotHarness):
    await bot.imagine()
    result = await result_of(bot)
    path = f"/channels/{bot.bob.user.dm_channel.id}/messages"
    bot.env.inject_error("POST", path, status=403, code=50007)
    for _ in range(2):
        await bot.bob.react(result, COPY)
        await bot.bob.unreact(result, COPY)
    (told,) = replies(bot)
    assert "direct message" in told.content
    assert bot.bob.mention in told.content
    await bot.env.advance_time(FAST.refusal_seconds + 1)
    await bot.bob.react(result, COPY)
    assert len(copies(bot.bob)) == 1


async def test_no_copy_leaves_where_the_bot_may_not_be_used(bot: BotHarness):
    await bot.imagine()
    result = await result_of(bot)
    other = bot.guild.create_text_channel("other")
    change = bot.services.store.guild_settings.change
    await change(bot.guild.id, lambda before: before.changed(channels=(other.id,)))
    await bot.bob.react(result, COPY)
    assert not copies(bot.bob)
    assert other.mention in replies(bot)[0].content


async def test_what_is_age_restricted_is_not_sent_as_a_copy(bot: BotHarness):
    channel_of(bot, bot.channel.id).nsfw = True  # simcord knows no such channels
    await bot.imagine()
    await bot.wait_until_notified()
    await bot.bob.react(bot.job_message(), COPY)
    assert not copies(bot.bob)
    assert "stay there" in posted(bot.channel)[-1].content


# --- Deleting a finished picture


async def test_the_author_is_asked_whether_to_delete_and_only_they_or_moderators_may(
    bot: BotHarness,
):
    await bot.imagine()
    result = await result_of(bot)
    await bot.bob.react(result, CANCEL)
    assert not replies(bot)
    for _ in range(2):
        await bot.alice.react(result, CANCEL)
        await bot.alice.unreact(result, CANCEL)
    (asked,) = replies(bot)
    assert labels(asked) == ["Delete it"]
    refused = await bot.bob.click(asked, label="Delete it")
    assert "Only the person who asked" in refused.followups[0].content
    await moderator(bot).click(asked, label="Delete it")
    assert not painted(bot.thread())
    assert not posted(bot.channel)
    assert "Deleted" in replies(bot)[0].content
    await bot.env.advance_time(FAST.brief_seconds + 1)
    assert not replies(bot)


async def test_a_question_that_nobody_answers_vanishes(bot: BotHarness):
    await bot.imagine()
    await bot.wait_until_notified()
    await bot.alice.react(bot.job_message(), CANCEL)
    assert len(posted(bot.channel)) == 2
    await bot.env.advance_time(FAST.brief_seconds + 1)
    assert len(posted(bot.channel)) == 1
    assert len(painted(bot.thread())) == 1
