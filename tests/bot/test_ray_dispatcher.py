"""The dispatcher on a real cluster of Ray, whose only machine is this one."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from importlib.util import find_spec

import pytest
from pydantic import SecretStr

from bot.config import BotSettings, ClusterSettings
from bot.dispatch.ray_link import RayLink
from bot.services import Services
from bot.worker.ray_environment import import_ray
from tests.harness.bot_harness import PATIENCE, until
from tests.harness.postgres import PostgresServer
from tests.harness.ray_head import RayHead, running_head
from tests.harness.sharded_bot import TIMINGS, ShardedBot

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed"),
]


@pytest.fixture
def head(monkeypatch: pytest.MonkeyPatch) -> Iterator[RayHead]:
    with running_head(cpus=2) as head:
        monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(head.folder / "token"))
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


async def steps_stored(services: Services, job_id: int, steps: int) -> None:
    """Wait until a checkpoint of a job holds so many steps."""
    async with asyncio.timeout(PATIENCE):
        while (await services.store.jobs.steps_stored()).get(job_id, 0) < steps:
            await asyncio.sleep(0.05)


async def test_pictures_survive_their_dispatcher_and_their_process(
    bot: ShardedBot, postgres: PostgresServer
):
    url = bot.settings.storage.url.get_secret_value()
    async with bot.process("0-1/2") as services:
        await bot.imagine(0, steps=40)
        await steps_stored(services, 1, 3)
        assert isinstance(bot.link, RayLink)
        import_ray().kill(bot.link._actor, no_restart=False)
        await until(lambda: bot.pictures(0))
        await bot.imagine(1, steps=30)
        await steps_stored(services, 2, 3)
    async with bot.process("0-1/2"):
        await until(lambda: bot.pictures(1))
        (row,) = await postgres.execute(url, "SELECT value FROM facts WHERE name = 'epoch'")
        assert row["value"] == "2"  # it was started again once
        assert [bot.pictures(shard) for shard in (0, 1)] == [1, 1]
