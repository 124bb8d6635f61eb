"""`/queue`: what people see of what is painted and what waits."""

import discord
import simcord

from tests.harness.bot_harness import PROMPT, Studio, begun, told, until
from tests.harness.interactions import LONG


async def queue(
    studio: Studio,
    who: simcord.MemberActor | None = None,
    channel: simcord.ChannelHandle | None = None,
) -> str:
    return told(await (who or studio.alice).slash(channel or studio.channel, "queue"))


async def all_cancelled(studio: Studio, *people: simcord.MemberActor) -> None:
    for each in people or (studio.alice, studio.bob):
        await each.slash(studio.channel, "cancel", job="all")
    await studio.all_told()


async def test_nothing_waits_at_first(studio: Studio):
    assert "queue is empty" in await queue(studio)


async def test_what_runs_and_what_waits_is_listed_with_its_people_and_times(studio: Studio):
    await studio.imagine(steps=LONG)
    await begun(studio)
    await studio.imagine("a blue square", steps=LONG)
    await studio.bob.slash(studio.channel, "imagine", prompt="a green ring", steps=LONG)
    await until(lambda: studio.services.reporter.progress_of(3))
    heading, first, *others = (await queue(studio)).split("\n")
    assert "3 jobs" in heading
    assert "of work" in heading
    assert PROMPT in first
    assert studio.alice.mention in first
    assert f"of {LONG}" in first
    assert studio.job_message().jump_url in first
    assert "done <t:" in first
    (blue,) = (each for each in others if "a blue square" in each)
    assert "waiting" in blue
    assert any("a green ring" in each and studio.bob.mention in each for each in others)
    await all_cancelled(studio)
    assert "queue is empty" in await queue(studio)


async def test_a_long_queue_is_cut(studio: Studio):
    people = [studio.guild.add_member(studio.env.create_user(f"p{n}")) for n in range(5)]
    long_prompt = "**[a](b) c** " * 40
    for person in people:
        for _ in range(4):
            await person.slash(studio.channel, "imagine", prompt=long_prompt, steps=LONG)
    text = await queue(studio)
    assert "20 jobs" in text
    lines = text.split("\n")
    listed = [line for line in lines if "done" in line or "waiting" in line or "step" in line]
    assert lines[-1] == f"and {20 - len(listed)} more"
    assert 5 <= len(listed) < 20
    assert len(text) <= 2000
    await all_cancelled(studio, *people)


async def test_what_somebody_cannot_read_is_only_counted(studio: Studio):
    hidden = discord.PermissionOverwrite(view_channel=False)
    secret = studio.guild.create_text_channel("secret", overwrites={studio.bob: hidden})
    await studio.imagine("a secret ring", steps=LONG, channel=secret)
    text = await queue(studio, studio.bob)
    assert "secret" not in text
    assert "1 elsewhere" in text
    assert "a secret ring" in await queue(studio, studio.alice)
    await all_cancelled(studio)


async def test_other_servers_are_only_counted_and_ones_own_jobs_are_everywhere(studio: Studio):
    elsewhere = studio.env.create_guild("elsewhere")
    channel = elsewhere.create_text_channel("general")
    bob_there = elsewhere.add_member(studio.bob.user)
    await bob_there.slash(channel, "imagine", prompt="a blue square", steps=LONG)
    assert "a blue square" not in await queue(studio)
    assert "a blue square" in await queue(studio, studio.bob)
    direct = await studio.bob.user.slash("queue")
    assert "a blue square" in told(direct)
    await all_cancelled(studio)
