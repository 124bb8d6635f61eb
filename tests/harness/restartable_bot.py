"""A Discord that outlives the bot: the program ends or is killed, and starts again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

import pytest
import simcord

from bot.client import PaintingBot
from bot.config import BotSettings, QueueSettings
from bot.delivery.outbox import EventOutbox
from bot.delivery.reporter import Reporter
from bot.services import Services
from tests.harness.bot_harness import FAST, PATIENCE, BotHarness, open_test_services, until

EVERY_STEP_SAVED = replace(FAST, checkpoint_seconds=0.0)
"""Timings with which every step is followed by a checkpoint."""


@dataclass
class RestartableBot:
    """A bot that can be started several times in the same server."""

    settings: BotSettings
    patch: pytest.MonkeyPatch
    stack: AsyncExitStack
    env: simcord.Env | None = None
    bot: BotHarness | None = None

    @asynccontextmanager
    async def start(self) -> AsyncIterator[BotHarness]:
        """Run the program, from its start to its end, with the same people and channels."""
        async with open_test_services(self.settings, timings=EVERY_STEP_SAVED) as services:
            client = PaintingBot(services)
            if self.env is None:
                self.env = simcord.Env(client, shard_count=1, settle_timeout=PATIENCE)
                await self.env.start()
                self.stack.push_async_callback(self.env.shutdown)
                guild = self.env.create_guild()
                people = [guild.add_member(self.env.create_user(n)) for n in ("alice", "bob")]
                channel = guild.create_text_channel("art")
                self.bot = BotHarness(self.env, client, services, guild, channel, *people)
            else:
                await self.env.restart_bot(client)
                assert self.bot is not None
                self.bot.client, self.bot.services = client, services
            assert self.bot is not None
            yield self.bot

    async def kill(self, services: Services) -> None:
        """Stop storing and posting at once, as if the program were killed."""
        outbox = services.outbox
        assert isinstance(outbox, EventOutbox)
        self.patch.setattr(outbox, "_receive", lambda _: None)
        services.queue.close()
        # A transaction that is cancelled half-way would keep the database locked in this process.
        pool = services.store.jobs._database.engine.sync_engine.pool
        await until(lambda: pool.checkedout() == 0)  # pyright: ignore[reportAttributeAccessIssue]
        ends = (Reporter.run.__qualname__, EventOutbox.run.__qualname__)
        tasks = [
            t for t in asyncio.all_tasks() if getattr(t.get_coro(), "__qualname__", "") in ends
        ]
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        outbox._events = asyncio.Queue()
        services.reporter._reports.clear()


@asynccontextmanager
async def open_restartable_bot(
    settings: BotSettings, patch: pytest.MonkeyPatch, *, slice_steps: int = 5
) -> AsyncIterator[RestartableBot]:
    """Open a bot that stores a checkpoint after every step."""
    queue = QueueSettings(slice_steps=slice_steps)
    async with AsyncExitStack() as stack:
        yield RestartableBot(settings.model_copy(update={"queue": queue}), patch, stack)
