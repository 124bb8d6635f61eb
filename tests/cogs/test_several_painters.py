"""A bot with several painters: what they do is shown, and people's pictures are as with one."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import discord
import pytest
import simcord

from bot.config import BotSettings
from bot.jobs.job import JobState
from tests.harness.bot_harness import (
    PROMPT,
    BotHarness,
    ephemeral_text,
    open_bot,
    painted,
    pictures_of,
    recipe_of,
    steps_held,
    until,
)
from tests.harness.restartable_bot import open_restartable_bot

pytestmark = pytest.mark.slow


def with_devices(settings: BotSettings, *devices: str) -> BotSettings:
    engine = settings.engine.model_copy(update={"device": devices})
    return settings.model_copy(update={"engine": engine})


@pytest.fixture
async def bot(settings: BotSettings) -> AsyncIterator[BotHarness]:
    async with open_bot(with_devices(settings, "cpu", "cpu")) as opened:
        yield opened


async def ask(who: simcord.MemberActor, bot: BotHarness, command: str) -> str:
    return ephemeral_text(await who.slash(bot.channel, command))


async def test_status_says_what_each_painter_does(bot: BotHarness):
    lines = (await ask(bot.alice, bot, "status")).split("\n")
    assert sum("has nothing to do" in each for each in lines) == 2
    assert any(each.startswith("**Device 2** cpu") and "GiB" in each for each in lines)
    hidden = discord.PermissionOverwrite(view_channel=False)
    secret = bot.guild.create_text_channel("secret", overwrites={bot.bob: hidden})
    with steps_held(1):
        await bot.imagine(steps=3, channel=secret)
        await bot.bob.slash(bot.channel, "imagine", prompt=PROMPT, steps=3)
        await until(lambda: all(each.jobs() for each in bot.services.worker.all))
        status = await ask(bot.alice, bot, "status")
        assert "paints #1" in status
        assert "paints #2" in status
        assert "paints 1 elsewhere" in await ask(bot.bob, bot, "status")
        queue = await ask(bot.alice, bot, "queue")
        assert queue.count("waiting") == 0
    await bot.wait_until_notified()


async def test_a_third_person_waits_behind_two_painters(bot: BotHarness):
    carol = bot.guild.add_member(bot.env.create_user("carol"))
    with steps_held(1):
        await bot.imagine(steps=3)
        await bot.bob.slash(bot.channel, "imagine", prompt=PROMPT, steps=3)
        await until(lambda: all(each.jobs() for each in bot.services.worker.all))
        await carol.slash(bot.channel, "imagine", prompt=PROMPT, steps=3)
        eta = bot.services.reporter.eta(3)
        assert eta is not None
        assert eta.jobs_ahead == 2
        assert bot.services.queue.waiting() == 1
    await bot.wait_until_notified()


async def test_all_go_on_after_a_restart(settings: BotSettings, monkeypatch: pytest.MonkeyPatch):
    changed = with_devices(settings, "cpu", "cpu")
    async with open_restartable_bot(changed, monkeypatch) as restartable:
        async with restartable.start() as bot:
            with steps_held(1):
                await bot.imagine(steps=4)
                await bot.bob.slash(bot.channel, "imagine", prompt=PROMPT, steps=4)
                await until(lambda: all(each.jobs() for each in bot.services.worker.all))
                await restartable.kill(bot.services)
        async with restartable.start() as bot:
            await bot.wait_until_notified()
            assert [await bot.services.store.jobs.state(n) for n in (1, 2)] == [JobState.DONE] * 2
            assert sum(len(painted(thread)) for thread in bot.channel.threads) == 2


async def test_pictures_are_those_of_one_painter(settings: BotSettings):
    found: list[dict[int, str]] = []
    for devices in (("cpu",), ("cpu", "cpu")):
        folder = settings.storage.folder.with_name(f"data-{len(devices)}")
        storage = settings.storage.model_copy(update={"folder": folder})
        changed = with_devices(settings, *devices).model_copy(update={"storage": storage})
        async with AsyncExitStack() as stack:
            bot = await stack.enter_async_context(open_bot(changed))
            for seed in range(4):
                who = bot.alice if seed % 2 else bot.bob
                await who.slash(bot.channel, "imagine", prompt=PROMPT, steps=3, seed=seed)
            await bot.wait_until_notified()
            results = [each for thread in bot.channel.threads for each in painted(thread)]
            contents = [await pictures_of(each)[0].read() for each in results]
        found.append({recipe_of(each).seed: hashlib.sha256(each).hexdigest() for each in contents})
    assert len(found[0]) == 4
    assert found[0] == found[1]
