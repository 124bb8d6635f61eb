"""A bot whose servers several processes share; one of them at a time is connected."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

import simcord

from bot.client import PaintingBot
from bot.config import BotSettings
from bot.dispatch.link import Link
from bot.services import Services
from tests.harness.bot_harness import FAST, PATIENCE, PROMPT, open_test_services, painted

TIMINGS = replace(FAST, checkpoint_seconds=0.0)


@dataclass
class ShardedBot:
    """A Discord with a server on each of two shards; one process at a time is connected."""

    settings: BotSettings
    stack: AsyncExitStack
    link: Link | None = None
    """The line to the dispatcher that paints; None if each process does."""
    env: simcord.Env | None = None

    def settings_of(self, shards: str) -> BotSettings:
        """Return the settings of a process with some shards."""
        changed = self.settings.discord.model_copy(update={"shards": shards})
        return self.settings.model_copy(update={"discord": changed})

    @asynccontextmanager
    async def process(self, shards: str, *, is_loaded: bool = True) -> AsyncIterator[Services]:
        """Run a process with some shards, as in `open_test_services`."""
        settings = self.settings_of(shards)
        opened = open_test_services(settings, timings=TIMINGS, link=self.link, is_loaded=is_loaded)
        async with opened as services:
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

    async def imagine(self, shard: int, **options: object) -> None:
        """Let Alice ask for a picture in the server of a shard."""
        values = {"prompt": PROMPT, "steps": 3} | options
        await self.members[shard].slash(self.channels[shard], "imagine", **values)

    def pictures(self, shard: int) -> int:
        """Return the number of messages with finished pictures in the server of a shard."""
        threads = self.channels[shard].threads
        return sum(bool(each.components) for thread in threads for each in painted(thread))
