"""Processes that share the servers of one bot: each tells people of its own servers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

import pytest
import simcord
from pydantic import SecretStr

from bot.client import PaintingBot
from bot.config import BotSettings
from bot.jobs.job import JobState
from bot.services import Services
from tests.harness.bot_harness import (
    FAST,
    PATIENCE,
    PROMPT,
    ephemeral_text,
    open_test_services,
    painted,
    steps_held,
    until,
)
from tests.harness.postgres import PostgresServer

TIMINGS = replace(FAST, checkpoint_seconds=0.0)


@dataclass
class ShardedBot:
    """A Discord with a server on each of two shards; one process at a time is connected."""

    settings: BotSettings
    stack: AsyncExitStack
    env: simcord.Env | None = None

    @asynccontextmanager
    async def process(self, shards: str) -> AsyncIterator[Services]:
        """Run a process with some shards."""
        changed = self.settings.discord.model_copy(update={"shards": shards})
        settings = self.settings.model_copy(update={"discord": changed})
        async with open_test_services(settings, timings=TIMINGS) as services:
            client = PaintingBot(services)
            if self.env is None:
                self.env = simcord.Env(client, settle_timeout=PATIENCE)
                await self.env.start()
                self.stack.push_async_callback(self.env.shutdown)
                self.alice = self.env.create_user("alice")
                guilds = [self.env.create_guild(shard_id=shard) for shard in (0, 1)]
                self.channels = [guild.create_text_channel("art") for guild in guilds]
                self.members = [guild.add_member(self.alice) for guild in guilds]
            else:
                self.env._shard_ids = settings.discord.own_shards.ids
                await self.env.restart_bot(client)
            yield services

    async def imagine(self, shard: int) -> None:
        """Let Alice ask for a picture in the server of a shard."""
        await self.members[shard].slash(self.channels[shard], "imagine", prompt=PROMPT, steps=3)

    def pictures(self, shard: int) -> int:
        """Return the number of messages with finished pictures in the server of a shard."""
        threads = self.channels[shard].threads
        return sum(bool(each.components) for thread in threads for each in painted(thread))


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
