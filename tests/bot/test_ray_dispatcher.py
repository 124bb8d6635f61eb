"""The dispatcher on a real cluster of Ray, which has no room for a painter: nothing is painted."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, suppress
from importlib.util import find_spec

import pytest
from pydantic import SecretStr

from bot.config import BotSettings, ClusterSettings
from bot.dispatch.messages import Question
from bot.dispatch.ray_link import RayLink
from bot.worker.ray_environment import import_ray
from tests.harness.bot_harness import PATIENCE, until
from tests.harness.postgres import PostgresServer
from tests.harness.ray_head import RayHead, known_to_this_process, running_head
from tests.harness.sharded_bot import TIMINGS, ShardedBot

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed"),
]


@pytest.fixture
def head() -> Iterator[RayHead]:
    with running_head() as head, known_to_this_process(head):
        yield head


@pytest.fixture
async def bot(
    settings: BotSettings, postgres: PostgresServer, head: RayHead
) -> AsyncIterator[ShardedBot]:
    storage = settings.storage.model_copy(update={"url": SecretStr(await postgres.new_database())})
    cluster = ClusterSettings(address=head.address, painters=1, gpus=0.0, cpus=1)
    changed = settings.model_copy(update={"storage": storage, "cluster": cluster})
    async with AsyncExitStack() as stack:
        bot = ShardedBot(changed, stack)
        bot.link = RayLink(bot.settings_of("0-1/2"), TIMINGS)
        yield bot


async def told(bot: ShardedBot, epoch: int, jobs: set[int]) -> None:
    """Wait until the dispatcher says its number, and the jobs that it has."""
    assert bot.link is not None
    async with asyncio.timeout(PATIENCE):
        while True:
            with suppress(import_ray().exceptions.RayError, TimeoutError):
                answer = await bot.link.ask(Question("test", [], []), 0.0)
                state = answer.state
                if state and (answer.epoch, state.order.job_ids) == (epoch, jobs):
                    return
            await asyncio.sleep(0.2)


async def test_the_dispatcher_is_started_again_and_goes_on(bot: ShardedBot):
    async with bot.process("0-1/2", is_loaded=False) as services:
        await bot.imagine(0)
        await until(lambda: services.worker.all)
        await told(bot, 1, {1})
        assert isinstance(bot.link, RayLink)
        import_ray().kill(bot.link._actor, no_restart=False)
        await bot.imagine(1)
        await told(bot, 2, {1, 2})
        await bot.members[0].slash(bot.channels[0], "cancel", job="#1")
        await told(bot, 2, {2})
    async with bot.process("1/2", is_loaded=False) as services:
        await until(lambda: [job.id for job in services.queue.jobs()] == [2])
        await bot.members[1].slash(bot.channels[1], "cancel", job="#2")
        await told(bot, 2, set())  # it lived on between the processes
        async with asyncio.timeout(PATIENCE):
            while await services.store.jobs.count_open():
                await asyncio.sleep(0.05)
