"""`/queue`: what people see of what is painted and what waits."""

import discord
import simcord

from tests.harness.bot_harness import (
    PROMPT,
    BotHarness,
    ephemeral_text,
    until,
    wait_for_first_progress,
)
from tests.harness.interactions import NEVER_FINISHES


async def queue(
    bot: BotHarness,
    who: simcord.MemberActor | None = None,
    channel: simcord.ChannelHandle | None = None,
) -> str:
    return ephemeral_text(await (who or bot.alice).slash(channel or bot.channel, "queue"))


async def all_cancelled(bot: BotHarness, *people: simcord.MemberActor) -> None:
    for each in people or (bot.alice, bot.bob):
        await each.slash(bot.channel, "cancel", job="all")
    await bot.wait_until_notified()


async def test_nothing_waits_at_first(bot: BotHarness):
    assert "queue is empty" in await queue(bot)


async def test_queue_lists_jobs_with_users_and_times(bot: BotHarness):
    await bot.imagine(steps=NEVER_FINISHES)
    await wait_for_first_progress(bot)
    await bot.imagine("a blue square", steps=NEVER_FINISHES)
    await bot.bob.slash(bot.channel, "imagine", prompt="a green ring", steps=NEVER_FINISHES)
    await until(lambda: bot.services.reporter.progress_of(3))
    heading, first, *others = (await queue(bot)).split("\n")
    assert "3 jobs" in heading
    assert "of work" in heading
    assert PROMPT in first
    assert bot.alice.mention in first
    assert f"of {NEVER_FINISHES}" in first
    assert bot.job_message().jump_url in first
    assert "done <t:" in first
    (blue,) = (each for each in others if "a blue square" in each)
    assert "waiting" in blue
    assert any("a green ring" in each and bot.bob.mention in each for each in others)
    await all_cancelled(bot)
    assert "queue is empty" in await queue(bot)


async def test_a_long_queue_is_cut(bot: BotHarness):
    people = [bot.guild.add_member(bot.env.create_user(f"p{n}")) for n in range(5)]
    long_prompt = "**[a](b) c** " * 40
    for person in people:
        for _ in range(4):
            await person.slash(bot.channel, "imagine", prompt=long_prompt, steps=NEVER_FINISHES)
    text = await queue(bot)
    assert "20 jobs" in text
    lines = text.split("\n")
    listed = [line for line in lines if "done" in line or "waiting" in line or "step" in line]
    assert lines[-1] == f"and {20 - len(listed)} more"
    assert 5 <= len(listed) < 20
    assert len(text) <= 2000
    await all_cancelled(bot, *people)


async def test_jobs_in_hidden_channels_are_only_counted(bot: BotHarness):
    hidden = discord.PermissionOverwrite(view_channel=False)
    secret = bot.guild.create_text_channel("secret", overwrites={bot.bob: hidden})
    await bot.imagine("a secret ring", steps=NEVER_FINISHES, channel=secret)
    text = await queue(bot, bot.bob)
    assert "secret" not in text
    assert "1 elsewhere" in text
    assert "a secret ring" in await queue(bot, bot.alice)
    await all_cancelled(bot)


async def test_other_servers_are_only_counted_and_ones_own_jobs_are_everywhere(bot: BotHarness):
    elsewhere = bot.env.create_guild("elsewhere")
    channel = elsewhere.create_text_channel("general")
    bob_there = elsewhere.add_member(bot.bob.user)
    await bob_there.slash(channel, "imagine", prompt="a blue square", steps=NEVER_FINISHES)
    assert "a blue square" not in await queue(bot)
    assert "a blue square" in await queue(bot, bot.bob)
    direct = await bot.bob.user.slash("queue")
    assert "a blue square" in ephemeral_text(direct)
    await all_cancelled(bot)
