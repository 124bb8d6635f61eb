"""A store that is locked, full, read-only or gone: somebody is told, and nothing is lost."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from bot.config import BotSettings
from bot.jobs.job import JobState
from bot.storage import open_store
from engine.errors import SettingsError
from tests.harness.bot_harness import (
    FAST,
    BotHarness,
    another_job_is_painted,
    encoded,
    ephemeral_text,
    job_in_progress,
    open_bot,
    painted,
    until,
)
from tests.harness.store_faults import complaints, full, locked

pytestmark = pytest.mark.slow


@pytest.fixture
async def bot(settings: BotSettings) -> AsyncIterator[BotHarness]:
    async with open_bot(settings, timings=replace(FAST, locked_seconds=1.0)) as opened:
        yield opened


@pytest.fixture
async def impatient(settings: BotSettings) -> AsyncIterator[BotHarness]:
    timings = replace(FAST, locked_seconds=0.2, waiting_seconds=0.1)
    async with open_bot(settings, timings=timings) as opened:
        yield opened


@pytest.mark.parametrize("fault", ["locked", "full"])
async def test_job_that_cannot_be_stored_is_refused(
    bot: BotHarness, settings: BotSettings, caplog: pytest.LogCaptureFixture, fault: str
):
    if fault == "locked":
        async with locked(settings):
            answered = await bot.imagine()
    else:
        async with full(bot):
            noise = Image.merge("RGB", [Image.effect_noise((64, 64), 100) for _ in "RGB"])
            answered = await bot.imagine(image=("noise.png", encoded(noise)))
    assert "nothing was queued" in ephemeral_text(answered)
    assert fault in complaints(caplog)
    assert not bot.channel.history()
    await another_job_is_painted(bot)


@pytest.mark.parametrize("fault", ["locked", "full"])
async def test_end_is_announced_once_database_accepts_it(
    bot: BotHarness, settings: BotSettings, caplog: pytest.LogCaptureFixture, fault: str
):
    async with AsyncExitStack() as faulty:
        async with job_in_progress(bot, steps=3):
            if fault == "locked":
                await faulty.enter_async_context(locked(settings))
            else:
                await faulty.enter_async_context(full(bot))
        await until(lambda: not bot.services.queue.jobs())
        await until(lambda: fault in complaints(caplog))
        await asyncio.sleep(0.5)
        assert not painted(bot.thread())
    await bot.wait_until_notified()
    assert len(painted(bot.thread())) == 1


@pytest.mark.skipif(os.name == "nt", reason="folders have other permissions there")
async def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path):
    folder = tmp_path / "data"
    folder.mkdir(mode=0o500)
    if os.access(folder, os.W_OK):  # root may write everywhere, but not here
        folder = Path("/proc/self/data")
    with pytest.raises(SettingsError, match="cannot write to") as error:
        async with open_store(folder):
            pass
    assert "storage.folder" in str(error.value)


async def test_a_database_that_something_else_has_locked_is_named(
    tmp_path: Path, settings: BotSettings
):
    folder = settings.storage.folder
    async with open_store(folder):
        pass
    async with locked(settings):
        with pytest.raises(SettingsError, match="locked"):
            async with open_store(folder, locked_seconds=0.2):
                pass
    assert tmp_path in folder.parents


async def test_a_waiting_job_and_a_painted_one_are_cancelled_while_nothing_can_be_stored(
    impatient: BotHarness, settings: BotSettings
):
    bot = impatient
    async with job_in_progress(bot, steps=3):
        await bot.imagine(prompt="a waiting ring", steps=1)
        threads = sorted(bot.channel.threads, key=lambda each: each.id)
        await until(lambda: all(each.history() for each in threads))
        async with locked(settings):
            for thread in threads:
                answered = await bot.alice.click(thread.history()[0], label="Cancel")
                assert "not painted any more" in ephemeral_text(answered)
            assert not bot.services.queue.jobs()
            await until(lambda: "not painted any more" in threads[1].history()[0].content)
        await bot.wait_until_notified()
    for thread in threads:
        assert [each.content for each in thread.history()] == ["Cancelled."]
    states = [await bot.services.store.jobs.state(each) for each in (1, 2)]
    assert states == [JobState.CANCELLED] * 2
    await another_job_is_painted(bot)


async def test_a_stop_is_obeyed_while_nothing_can_be_stored(
    impatient: BotHarness, settings: BotSettings
):
    bot = impatient
    async with AsyncExitStack() as faulty:
        async with job_in_progress(bot, steps=1000):
            await faulty.enter_async_context(locked(settings))
            answered = await bot.alice.click(bot.thread().history()[0], label="Stop here")
            assert "As soon as there is space again" in ephemeral_text(answered)
        await until(lambda: not bot.services.queue.jobs())
        assert not painted(bot.thread())
    await bot.wait_until_notified()
    (result,) = painted(bot.thread())
    assert "stopped at step" in result.content
    assert await bot.services.store.jobs.state(1) is JobState.STOPPED
