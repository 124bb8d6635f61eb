"""Stopping, cancelling and going on: by whom, when, and what comes of it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import discord
import pytest

from bot.config import BotSettings, QueueSettings
from bot.errors import UserError
from bot.jobs.job import JobState
from bot.scheduling import eta
from bot.submission.permissions import Actor
from bot.submission.requester import Requester
from engine.painting import read_provenance
from tests.harness.bot_harness import (
    FAST,
    PATIENCE,
    PROMPT,
    Studio,
    another_job_is_painted,
    begun,
    channel_of,
    make_settings,
    open_studio,
    painted,
    pictures_of,
    result_of,
    until,
)

STEPS = 40


@pytest.fixture
def settings(tmp_path: Path) -> BotSettings:
    """Short turns, so that what is wished is soon done."""
    return make_settings(tmp_path).model_copy(update={"queue": QueueSettings(slice_steps=5)})


@pytest.fixture
async def studio(settings: BotSettings) -> AsyncIterator[Studio]:
    async with open_studio(settings) as opened:
        yield opened


def alice(studio: Studio) -> Actor:
    return Actor(studio.alice.id)


def asker(studio: Studio) -> Requester:
    return Requester(
        studio.alice.id,
        studio.guild.id,
        channel_of(studio, studio.channel.id),
        discord.Permissions.all(),
    )


async def running(studio: Studio, job_id: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while await studio.services.store.jobs.state(job_id) is JobState.QUEUED:
            await asyncio.sleep(0.02)


async def test_a_job_that_is_stopped_keeps_its_picture_as_it_is(studio: Studio):
    await studio.imagine(steps=1000)
    await begun(studio)
    await studio.services.control.stop(1, alice(studio))
    result = await result_of(studio)
    assert "stopped at step" in result.content
    origin = read_provenance(await pictures_of(result)[0].read())
    assert 0 < origin.steps < origin.recipe.steps == 1000
    assert f"step {origin.steps} of 1000" in result.content
    assert studio.thread().history()[0].content == "Stopped."


async def test_of_variations_those_that_were_begun_are_kept(studio: Studio):
    await studio.imagine(steps=60, count=4)
    thread = studio.thread()
    await until(lambda: any("picture 2" in message.content for message in thread.history()))
    await studio.services.control.stop(1, alice(studio))
    result = await result_of(studio)
    names = [each.filename for each in pictures_of(result)]
    assert names[:2] == ["picture-1-1.png", "picture-1-2.png"]
    assert "picture-1-4.png" not in names
    assert "not begun" in result.content


async def test_a_stopped_job_goes_on_to_the_picture_that_it_would_have_become(studio: Studio):
    await studio.imagine(steps=STEPS, seed=7)
    whole = await pictures_of(await result_of(studio))[0].read()
    await studio.imagine(steps=STEPS, seed=7)
    await running(studio, 2)
    await studio.services.control.stop(2, alice(studio))
    stopped = await result_of(studio)
    assert await studio.services.store.jobs.state(2) is JobState.STOPPED
    assert await pictures_of(stopped)[0].read() != whole
    await studio.services.control.resume(2, asker(studio))
    assert await pictures_of(await result_of(studio))[0].read() == whole
    record = await studio.services.control.job(3)
    assert (record.job.kind, record.job.parent_id, record.state) == ("more", 2, JobState.DONE)


async def test_what_has_not_begun_cannot_be_stopped_but_cancelled(studio: Studio):
    await studio.imagine(steps=STEPS)
    await studio.imagine(steps=1)
    with pytest.raises(UserError, match="cancel it instead"):
        await studio.services.control.stop(2, alice(studio))
    await studio.services.control.cancel(2, alice(studio))
    await studio.all_told()
    first, second = sorted(studio.channel.threads, key=lambda thread: thread.id)
    assert len(painted(first)) == 1
    assert [message.content for message in second.history()] == ["Cancelled."]


async def test_a_running_job_that_is_cancelled_leaves_the_engine_to_others(studio: Studio):
    await studio.imagine(steps=1000)
    await begun(studio)
    await studio.services.control.cancel(1, alice(studio))
    await another_job_is_painted(studio)
    first = min(studio.channel.threads, key=lambda thread: thread.id)
    assert not painted(first)
    assert first.history()[0].content == "Cancelled."
    for act in (studio.services.control.cancel, studio.services.control.stop):
        with pytest.raises(UserError, match="cancelled already"):
            await act(1, alice(studio))


async def test_only_the_author_and_moderators_may(studio: Studio):
    control = studio.services.control
    await studio.imagine(steps=1000)
    await begun(studio)
    for act in (control.stop, control.cancel):
        with pytest.raises(UserError, match="Only the person who asked"):
            await act(1, Actor(studio.bob.id))
    await control.cancel(1, Actor(studio.bob.id, is_moderator=True))
    assert await studio.services.store.jobs.state(1) is JobState.CANCELLED
    with pytest.raises(UserError, match="not there any more"):
        await control.stop(999, alice(studio))
    await studio.all_told()


async def test_a_role_has_the_share_that_the_settings_give_it(settings: BotSettings):
    weights = {"Patron": 3.0, "everything": 0.5}
    queue = settings.queue.model_copy(update={"role_shares": weights})
    async with open_studio(settings.model_copy(update={"queue": queue})) as studio:
        role = studio.guild.create_role(name="Patron")
        patron = studio.guild.add_member(studio.env.create_user("patron"), roles=[role])
        await patron.slash(studio.channel, "imagine", prompt=PROMPT, steps=1)
        await studio.imagine(steps=1)
        records = [await studio.services.control.job(number) for number in (1, 2)]
        assert [record.job.weight for record in records] == [3.0, 1.0]
        await studio.all_told()


@pytest.fixture
async def refreshed(settings: BotSettings) -> AsyncIterator[Studio]:
    """A bot that soon shows changed times."""
    timings = replace(FAST, waiting_seconds=0.1, refresh_seconds=0.1)
    async with open_studio(settings, timings=timings) as opened:
        yield opened


async def test_announced_times_are_corrected_when_things_change(
    refreshed: Studio, monkeypatch: pytest.MonkeyPatch
):
    """Somebody puts the clock of the machine forward."""
    studio = refreshed
    await studio.imagine(steps=500)
    await studio.imagine(steps=1, seed=2)
    waiting = max(studio.channel.threads, key=lambda thread: thread.id)
    await until(lambda: waiting.last_message and "<t:" in waiting.last_message.content)
    announced = moment(waiting.last_message)

    class Later(eta.datetime):
        @classmethod
        def now(cls, tz=None):
            return eta.datetime.fromtimestamp(announced + 100_000, tz)

    monkeypatch.setattr(eta, "datetime", Later)
    await until(lambda: moment(waiting.last_message) >= announced + 90_000)
    for job_id in (2, 1):
        await studio.services.control.cancel(job_id, alice(studio))
    await studio.all_told()


def moment(message: discord.Message | None) -> int:
    """The first moment that a message names, in seconds."""
    assert message is not None
    return int(message.content.split("<t:")[1].split(":")[0])
