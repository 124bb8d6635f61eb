"""Processes that share the servers of one bot: each tells people of its own servers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from pydantic import SecretStr

from bot.config import BotSettings
from bot.jobs.job import JobState
from bot.services import Services
from tests.harness.bot_harness import PATIENCE, ephemeral_text, steps_held, until
from tests.harness.postgres import PostgresServer
from tests.harness.sharded_bot import ShardedBot


@pytest.fixture
async def sharded(settings: BotSettings, postgres: PostgresServer) -> AsyncIterator[ShardedBot]:
    url = SecretStr(await postgres.new_database())
    storage = settings.storage.model_copy(update={"url": url})
    async with AsyncExitStack() as stack:
        yield ShardedBot(settings.model_copy(update={"storage": storage}), stack)


async def two_jobs(bot: ShardedBot) -> None:
    """Let Alice ask for a picture in each server; end the process before they are done."""
    async with bot.process("0-1/2") as services:
        with steps_held():
            await bot.imagine(0)
            await bot.imagine(1)
            await until(lambda: len(services.queue.jobs()) == 2)
            services.queue.close()  # as at the end of the program, which waits for a step


async def states(services: Services) -> list[JobState | None]:
    return [await services.store.jobs.state(number) for number in (1, 2)]


async def test_a_process_goes_on_with_jobs_of_its_own_servers(sharded: ShardedBot):
    await two_jobs(sharded)
    async with sharded.process("1/2") as services:
        await until(lambda: sharded.pictures(1))
        assert [job.id for job in services.queue.jobs()] == []
        first, second = await states(services)
        assert (first in (JobState.QUEUED, JobState.RUNNING), second) == (True, JobState.DONE)
        await sharded.imagine(1)
        await until(lambda: sharded.pictures(1) == 2)
        assert sharded.pictures(0) == 0
    async with sharded.process("0/2") as services:
        await until(lambda: sharded.pictures(0))
        assert await states(services) == [JobState.DONE] * 2
    assert [sharded.pictures(shard) for shard in (0, 1)] == [1, 2]


async def test_data_are_deleted_although_jobs_are_with_another_process(sharded: ShardedBot):
    await two_jobs(sharded)
    async with sharded.process("1/2") as services:
        with steps_held():
            sure = await sharded.members[1].slash(sharded.channels[1], "privacy delete")
            assert sure.response is not None
            await sharded.members[1].click(sure.response, label="Delete everything")
            assert "direct message when it's done" in ephemeral_text(sure)
            async with asyncio.timeout(PATIENCE):
                while await services.store.jobs.count_open() > 1:  # its end is told too
                    await asyncio.sleep(0.05)
        assert (await states(services))[1] is JobState.CANCELLED
        assert await services.store.personal_data.erasures()
        assert not sharded.alice.dm_channel.history()
    async with sharded.process("0/2") as services:
        await until(sharded.alice.dm_channel.history)
        assert await states(services) == [None, None]
        assert not await services.store.personal_data.erasures()
