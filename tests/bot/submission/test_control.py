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
from bot.worker import picture_progress
from engine.provenance import read_provenance
from tests.harness.bot_harness import (
    FAST,
    PATIENCE,
    PROMPT,
    BotHarness,
    another_job_is_painted,
    channel_of,
    make_settings,
    open_bot,
    painted,
    pictures_of,
    result_of,
    singles_of,
    steps_held,
    until,
    wait_for_first_progress,
)

STEPS = 8


@pytest.fixture
def settings(tmp_path: Path) -> BotSettings:
    """Use short slices, so that requests are soon obeyed."""
    return make_settings(tmp_path).model_copy(update={"queue": QueueSettings(slice_steps=5)})


@pytest.fixture
async def bot(settings: BotSettings) -> AsyncIterator[BotHarness]:
    async with open_bot(settings) as opened:
        yield opened


def alice(bot: BotHarness) -> Actor:
    return Actor(bot.alice.id)


def asker(bot: BotHarness) -> Requester:
    return Requester(
        bot.alice.id,
        bot.guild.id,
        channel_of(bot, bot.channel.id),
        discord.Permissions.all(),
    )


async def running(bot: BotHarness, job_id: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while await bot.services.store.jobs.state(job_id) is JobState.QUEUED:
            await asyncio.sleep(0.02)


async def test_a_job_that_is_stopped_keeps_its_picture_as_it_is(bot: BotHarness):
    await bot.imagine(steps=1000)
    await wait_for_first_progress(bot)
    await bot.services.control.stop(1, alice(bot))
    result = await result_of(bot)
    assert "stopped at step" in result.content
    origin = read_provenance(await pictures_of(result)[0].read())
    assert 0 < origin.steps < origin.recipe.steps == 1000
    assert origin.precision == "float32"
    assert f"step {origin.steps} of 1000" in result.content


@pytest.mark.slow
async def test_stopped_variations_that_have_begun_are_kept(
    bot: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(picture_progress, "PROGRESS_SECONDS", 0.0)
    with steps_held(seed=8):
        await bot.imagine(steps=4, count=4, seed=7)
        thread = bot.thread()
        await until(lambda: any("picture 2" in message.content for message in thread.history()))
        await bot.services.control.stop(1, alice(bot))
    result = await result_of(bot)
    names = [each.filename for each in await singles_of(result)]
    assert names[:2] == ["picture-1-1.png", "picture-1-2.png"]
    assert "picture-1-4.png" not in names
    assert "not begun" in result.content


@pytest.mark.slow
async def test_resumed_job_paints_picture_of_uninterrupted_job(bot: BotHarness):
    await bot.imagine(steps=STEPS, seed=7)
    whole = await pictures_of(await result_of(bot))[0].read()
    with steps_held(after=3):
        await bot.imagine(steps=STEPS, seed=7)
        await running(bot, 2)
        await bot.services.control.stop(2, alice(bot))
    stopped = await result_of(bot)
    assert await bot.services.store.jobs.state(2) is JobState.STOPPED
    assert await pictures_of(stopped)[0].read() != whole
    await bot.services.control.resume(2, asker(bot))
    assert await pictures_of(await result_of(bot))[0].read() == whole
    record = await bot.services.control.job(3)
    assert (record.job.kind, record.job.parent_id, record.state) == ("more", 2, JobState.DONE)


async def test_queued_job_can_be_cancelled_but_not_stopped(bot: BotHarness):
    with steps_held():
        await bot.imagine()
        await bot.imagine(steps=1)
        with pytest.raises(UserError, match="cancel it instead"):
            await bot.services.control.stop(2, alice(bot))
        await bot.services.control.cancel(2, alice(bot))
    await bot.wait_until_notified()
    first, second = sorted(bot.channel.threads, key=lambda thread: thread.id)
    assert len(painted(first)) == 1
    assert [message.content for message in second.history()] == ["Cancelled."]


async def test_a_running_job_that_is_cancelled_leaves_the_engine_to_others(bot: BotHarness):
    await bot.imagine(steps=1000)
    await wait_for_first_progress(bot)
    await bot.services.control.cancel(1, alice(bot))
    await another_job_is_painted(bot)
    first = min(bot.channel.threads, key=lambda thread: thread.id)
    assert not painted(first)
    assert first.history()[0].content == "Cancelled."
    for act in (bot.services.control.cancel, bot.services.control.stop):
        with pytest.raises(UserError, match="cancelled already"):
            await act(1, alice(bot))


async def test_only_the_author_and_moderators_may(bot: BotHarness):
    control = bot.services.control
    await bot.imagine(steps=1000)
    await wait_for_first_progress(bot)
    for act in (control.stop, control.cancel):
        with pytest.raises(UserError, match="Only the person who asked"):
            await act(1, Actor(bot.bob.id))
    await control.cancel(1, Actor(bot.bob.id, is_moderator=True))
    assert await bot.services.store.jobs.state(1) is JobState.CANCELLED
    with pytest.raises(UserError, match="not there any more"):
        await control.stop(999, alice(bot))
    await bot.wait_until_notified()


async def test_a_role_has_the_share_that_the_settings_give_it(settings: BotSettings):
    weights = {"Patron": 3.0, "everything": 0.5}
    queue = settings.queue.model_copy(update={"role_shares": weights})
    async with open_bot(settings.model_copy(update={"queue": queue})) as bot:
        role = bot.guild.create_role(name="Patron")
        patron = bot.guild.add_member(bot.env.create_user("patron"), roles=[role])
        await patron.slash(bot.channel, "imagine", prompt=PROMPT, steps=1)
        await bot.imagine(steps=1)
        records = [await bot.services.control.job(number) for number in (1, 2)]
        assert [record.job.weight for record in records] == [3.0, 1.0]
        await bot.wait_until_notified()


@pytest.fixture
async def refreshed(settings: BotSettings) -> AsyncIterator[BotHarness]:
    """Open a bot that soon shows changed times."""
    timings = replace(FAST, waiting_seconds=0.1, refresh_seconds=0.1)
    async with open_bot(settings, timings=timings) as opened:
        yield opened


async def test_announced_times_are_corrected_when_things_change(
    refreshed: BotHarness, monkeypatch: pytest.MonkeyPatch
):
    """Set the clock of the machine forward."""
    bot = refreshed
    await bot.imagine(steps=500)
    await bot.imagine(steps=1, seed=2)
    waiting = max(bot.channel.threads, key=lambda thread: thread.id)
    await until(lambda: waiting.last_message and "<t:" in waiting.last_message.content)
    announced = moment(waiting.last_message)

    class Later(eta.datetime):
        @classmethod
        def now(cls, tz=None):
            return eta.datetime.fromtimestamp(announced + 100_000, tz)

    monkeypatch.setattr(eta, "datetime", Later)
    await until(lambda: moment(waiting.last_message) >= announced + 90_000)
    for job_id in (2, 1):
        await bot.services.control.cancel(job_id, alice(bot))
    await bot.wait_until_notified()


def moment(message: discord.Message | None) -> int:
    """Return the first time that a message names, in Unix seconds."""
    assert message is not None
    return int(message.content.split("<t:")[1].split(":")[0])
