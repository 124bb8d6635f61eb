"""`/cancel`: which jobs are offered, and what comes of it."""

from collections.abc import Sequence

import simcord

from bot.jobs.job import JobState
from tests.harness.bot_harness import (
    BotHarness,
    another_job_is_painted,
    channel_of,
    ephemeral_text,
    result_of,
    wait_for_first_progress,
)
from tests.harness.interactions import NEVER_FINISHES, moderator


async def offered(bot: BotHarness, who: simcord.MemberActor, typed: str = "") -> dict[str, str]:
    """Return the labels and values of the choices."""
    choices = await who.autocomplete(bot.channel, "cancel", "job", typed)
    return {each["name"]: each["value"] for each in choices}


async def cancel(bot: BotHarness, who: simcord.MemberActor, job: str) -> str:
    return ephemeral_text(await who.slash(bot.channel, "cancel", job=job))


async def states(bot: BotHarness, *numbers: int) -> list[JobState | None]:
    return [await bot.services.store.jobs.state(number) for number in numbers]


async def three_jobs(bot: BotHarness) -> None:
    """Two of Alice's, one of Bob's."""
    await bot.imagine(steps=NEVER_FINISHES)
    await wait_for_first_progress(bot)
    await bot.imagine("a blue square", steps=NEVER_FINISHES)
    await bot.bob.slash(bot.channel, "imagine", prompt="a green ring", steps=NEVER_FINISHES)


async def test_ones_own_open_jobs_are_offered(bot: BotHarness):
    await three_jobs(bot)
    mine = await offered(bot, bot.alice)
    assert list(mine.values()) == ["all", "1", "2"]
    first, second = list(mine)[1:]
    assert "being painted" in first
    assert "a blue square" in second
    assert "waiting" in second
    assert list((await offered(bot, bot.alice, "SQUARE")).values()) == ["2"]
    assert list((await offered(bot, bot.bob)).values()) == ["3"]
    everybodys = await offered(bot, moderator(bot))
    assert list(everybodys.values()) == ["1", "2", "3", "all-of-server"]
    assert all("someone else's" in each for each in list(everybodys)[:3])
    for who in (bot.alice, bot.bob):
        await cancel(bot, who, "all")
    await bot.wait_until_notified()


async def test_one_job_is_cancelled_and_the_others_go_on(bot: BotHarness):
    await three_jobs(bot)
    assert "a blue square" in await cancel(bot, bot.alice, "2")
    assert await states(bot, 1, 2, 3) == [
        JobState.RUNNING,
        JobState.CANCELLED,
        await bot.services.store.jobs.state(3),
    ]
    assert await bot.services.store.jobs.state(3) in (JobState.QUEUED, JobState.RUNNING)
    assert "cancelled already" in await cancel(bot, bot.alice, "#2")
    assert "Only the person who asked" in await cancel(bot, bot.alice, "3")
    text = await cancel(bot, bot.alice, "all")
    assert "a red circle" in text
    assert "a green ring" not in text
    assert (await states(bot, 1))[0] is JobState.CANCELLED
    assert "no queued or running jobs" in await cancel(bot, bot.alice, "all")
    await cancel(bot, bot.bob, "3")
    await bot.wait_until_notified()
    await another_job_is_painted(bot)


async def test_a_moderator_cancels_others_jobs_of_their_server_only(bot: BotHarness):
    await bot.imagine(steps=NEVER_FINISHES)
    elsewhere = bot.env.create_guild("elsewhere")
    channel = elsewhere.create_text_channel("general")
    bob_there = elsewhere.add_member(bot.bob.user)
    await bob_there.slash(channel, "imagine", prompt="a blue square", steps=NEVER_FINISHES)
    carol = moderator(bot)
    assert list((await offered(bot, carol)).values()) == ["1"]
    assert "Only the person who asked" in await cancel(bot, carol, "2")
    assert "Cancelled" in await cancel(bot, carol, "1")
    assert "no queued or running jobs" in await cancel(bot, carol, "all")
    await cancel(bot, bot.bob, "all")
    await bot.wait_until_notified()
    assert await states(bot, 1, 2) == [JobState.CANCELLED] * 2


async def test_no_one_is_moderator_in_direct_messages(bot: BotHarness):
    await bot.imagine(steps=NEVER_FINISHES)
    refused = ephemeral_text(await bot.bob.user.slash("cancel", job="1"))
    assert "Only the person who asked" in refused
    assert "Cancelled" in ephemeral_text(await bot.alice.user.slash("cancel", job="1"))
    await bot.wait_until_notified()


UNKNOWN: Sequence[str] = ("", "x", "0", "-1", "²", "1.5", str(10**30), "None")


async def test_unknown_job_is_refused(bot: BotHarness):
    for typed in UNKNOWN:
        refused = await cancel(bot, bot.alice, typed or " ")
        assert "Choose one of the jobs" in refused


async def test_a_job_that_is_not_there_is_said_to_be_gone(bot: BotHarness):
    assert "not there any more" in await cancel(bot, bot.alice, "999")
    await bot.imagine()
    await result_of(bot)
    assert "done already" in await cancel(bot, bot.alice, "1")


async def test_a_job_whose_channel_is_gone_is_cancelled(bot: BotHarness):
    doomed = bot.guild.create_text_channel("doomed")
    await bot.imagine(steps=NEVER_FINISHES, channel=doomed)
    carol = moderator(bot)
    await channel_of(bot, doomed.id).delete()
    assert "1" in (await offered(bot, carol)).values()
    assert "Cancelled" in await cancel(bot, bot.alice, "1")
    await bot.wait_until_notified()
    assert await states(bot, 1) == [JobState.CANCELLED]
    await another_job_is_painted(bot)


async def told(bot: BotHarness, who: simcord.MemberActor, **options: object) -> str:
    return ephemeral_text(await who.slash(bot.channel, "cancel", **options))


async def test_a_moderator_cancels_all_jobs_of_a_person(bot: BotHarness):
    await three_jobs(bot)
    carol = moderator(bot)
    assert "Only moderators" in await told(bot, bot.bob, person=bot.alice.user)
    assert "not both" in await told(bot, carol, person=bot.alice.user, job="3")
    text = await told(bot, carol, person=bot.alice.user)
    assert "a red circle" in text
    assert "a blue square" in text
    assert await states(bot, 1, 2) == [JobState.CANCELLED] * 2
    assert "They have no" in await told(bot, carol, person=bot.alice.user)
    assert "a green ring" in await told(bot, bot.bob, person=bot.bob.user)
    await bot.wait_until_notified()


async def test_a_moderator_cancels_all_jobs_of_the_server_and_of_no_other(bot: BotHarness):
    await three_jobs(bot)
    elsewhere = bot.env.create_guild("elsewhere")
    bob_there = elsewhere.add_member(bot.bob.user)
    channel = elsewhere.create_text_channel("general")
    await bob_there.slash(channel, "imagine", prompt="a pink egg", steps=NEVER_FINISHES)
    assert "Only moderators" in await told(bot, bot.bob, job="all-of-server")
    text = await told(bot, moderator(bot), job="all-of-server")
    assert "a green ring" in text
    assert "pink" not in text
    assert await states(bot, 1, 2, 3) == [JobState.CANCELLED] * 3
    assert "pink" in await cancel(bot, bot.bob, "all")
    await bot.wait_until_notified()
