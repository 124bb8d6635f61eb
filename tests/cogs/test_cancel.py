"""`/cancel`: which jobs are offered, and what comes of it."""

import pytest
import simcord

from bot.jobs.job import JobState
from tests.harness.bot_harness import (
    Studio,
    another_job_is_painted,
    begun,
    channel_of,
    result_of,
    told,
)
from tests.harness.interactions import LONG, moderator


async def offered(studio: Studio, who: simcord.MemberActor, typed: str = "") -> dict[str, str]:
    """The choices, and what they stand for."""
    choices = await who.autocomplete(studio.channel, "cancel", "job", typed)
    return {each["name"]: each["value"] for each in choices}


async def cancel(studio: Studio, who: simcord.MemberActor, job: str) -> str:
    return told(await who.slash(studio.channel, "cancel", job=job))


async def states(studio: Studio, *numbers: int) -> list[JobState | None]:
    return [await studio.services.store.jobs.state(number) for number in numbers]


async def three_jobs(studio: Studio) -> None:
    """Two of Alice's, one of Bob's."""
    await studio.imagine(steps=LONG)
    await begun(studio)
    await studio.imagine("a blue square", steps=LONG)
    await studio.bob.slash(studio.channel, "imagine", prompt="a green ring", steps=LONG)


async def test_ones_own_open_jobs_are_offered(studio: Studio):
    await three_jobs(studio)
    mine = await offered(studio, studio.alice)
    assert list(mine.values()) == ["all", "1", "2"]
    first, second = list(mine)[1:]
    assert "being painted" in first
    assert "a blue square" in second
    assert "waiting" in second
    assert list((await offered(studio, studio.alice, "SQUARE")).values()) == ["2"]
    assert list((await offered(studio, studio.bob)).values()) == ["3"]
    everybodys = await offered(studio, moderator(studio))
    assert list(everybodys.values()) == ["1", "2", "3"]
    assert all("someone else's" in each for each in everybodys)
    for who in (studio.alice, studio.bob):
        await cancel(studio, who, "all")
    await studio.all_told()


async def test_one_job_is_cancelled_and_the_others_go_on(studio: Studio):
    await three_jobs(studio)
    assert "a blue square" in await cancel(studio, studio.alice, "2")
    assert await states(studio, 1, 2, 3) == [
        JobState.RUNNING,
        JobState.CANCELLED,
        await studio.services.store.jobs.state(3),
    ]
    assert await studio.services.store.jobs.state(3) in (JobState.QUEUED, JobState.RUNNING)
    assert "cancelled already" in await cancel(studio, studio.alice, "#2")
    assert "Only the person who asked" in await cancel(studio, studio.alice, "3")
    text = await cancel(studio, studio.alice, "all")
    assert "a red circle" in text
    assert "a green ring" not in text
    assert (await states(studio, 1))[0] is JobState.CANCELLED
    assert "no queued or running jobs" in await cancel(studio, studio.alice, "all")
    await cancel(studio, studio.bob, "3")
    await studio.all_told()
    await another_job_is_painted(studio)


async def test_a_moderator_cancels_others_jobs_of_their_server_only(studio: Studio):
    await studio.imagine(steps=LONG)
    elsewhere = studio.env.create_guild("elsewhere")
    channel = elsewhere.create_text_channel("general")
    bob_there = elsewhere.add_member(studio.bob.user)
    await bob_there.slash(channel, "imagine", prompt="a blue square", steps=LONG)
    carol = moderator(studio)
    assert list((await offered(studio, carol)).values()) == ["1"]
    assert "Only the person who asked" in await cancel(studio, carol, "2")
    assert "Cancelled" in await cancel(studio, carol, "1")
    assert "no queued or running jobs" in await cancel(studio, carol, "all")
    await cancel(studio, studio.bob, "all")
    await studio.all_told()
    assert await states(studio, 1, 2) == [JobState.CANCELLED] * 2


async def test_in_direct_messages_nobody_is_a_moderator(studio: Studio):
    await studio.imagine(steps=LONG)
    refused = told(await studio.bob.user.slash("cancel", job="1"))
    assert "Only the person who asked" in refused
    assert "Cancelled" in told(await studio.alice.user.slash("cancel", job="1"))
    await studio.all_told()


@pytest.mark.parametrize("typed", ["", "x", "0", "-1", "²", "1.5", str(10**30), "None"])
async def test_what_is_no_job_is_refused_in_a_sentence(studio: Studio, typed: str):
    refused = await cancel(studio, studio.alice, typed or " ")
    assert "Choose one of the jobs" in refused


async def test_a_job_that_is_not_there_is_said_to_be_gone(studio: Studio):
    assert "not there any more" in await cancel(studio, studio.alice, "999")
    await studio.imagine()
    await result_of(studio)
    assert "done already" in await cancel(studio, studio.alice, "1")


async def test_a_job_whose_channel_is_gone_is_cancelled(studio: Studio):
    doomed = studio.guild.create_text_channel("doomed")
    await studio.imagine(steps=LONG, channel=doomed)
    carol = moderator(studio)
    await channel_of(studio, doomed.id).delete()
    assert "1" in (await offered(studio, carol)).values()
    assert "Cancelled" in await cancel(studio, studio.alice, "1")
    await studio.all_told()
    assert await states(studio, 1) == [JobState.CANCELLED]
    await another_job_is_painted(studio)
