"""Health checks and metrics, as a container and Prometheus ask for them."""

import asyncio
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.config import BotSettings
from bot.host_page import vitals
from tests.harness.bot_harness import PATIENCE, BotHarness, open_test_services, steps_held
from tests.harness.host_visitor import TOKEN, Visitor

PARTS = {"models": True, "painters": True, "discord": True, "store": True}


@pytest.mark.usefixtures("bot")
async def test_a_bot_that_can_paint_says_that_it_lives_and_is_ready(visitor: Visitor):
    assert (await visitor.get("/healthz")).status == 200
    async with asyncio.timeout(PATIENCE):
        while (ready := await visitor.get("/readyz")).status != 200:
            await asyncio.sleep(0.05)
    assert await ready.json() == PARTS


async def test_a_bot_without_discord_lives_and_is_not_ready(
    settings: BotSettings, visitor: Visitor
):
    async with open_test_services(settings):
        assert (await visitor.get("/healthz")).status == 200
        async with asyncio.timeout(PATIENCE):
            while not (answer := await (await visitor.get("/readyz")).json())["store"]:
                await asyncio.sleep(0.05)
        assert (await visitor.get("/readyz")).status == 503
        assert answer == {**PARTS, "discord": False}


async def test_the_health_check_of_a_container_asks_the_page(settings: BotSettings, tmp_path: Path):
    async def check(token: str) -> int:
        config = tmp_path / "config.toml"
        config.write_text(f"[host]\nport = {settings.host.port}\n")
        program = (sys.executable, "-m", "bot", "--config", str(config), "--healthy")
        process = await asyncio.create_subprocess_exec(*program, env={"HOST_TOKEN": token})
        return await process.wait()

    async with open_test_services(settings):
        assert await check(TOKEN) == 0
    assert await check(TOKEN) == 1


async def test_a_painted_job_is_counted(bot: BotHarness, visitor: Visitor):
    await bot.imagine(steps=3)
    await bot.wait_until_notified()
    with steps_held():
        await bot.imagine(steps=20)
        await bot.alice.slash(bot.channel, "cancel", job="all")
    await bot.wait_until_notified()
    await asyncio.sleep(1)  # a text of metrics is given for a second
    text = await visitor.metrics()
    assert 'vqgan_clip_jobs_accepted_total{kind="imagine"} 2.0' in text
    assert 'vqgan_clip_jobs_ended_total{end="done"} 1.0' in text
    assert 'vqgan_clip_jobs_ended_total{end="cancelled"} 1.0' in text
    assert 'vqgan_clip_painters{state="ready"} 1.0' in text
    assert 'vqgan_clip_jobs{state="waiting"} 0.0' in text
    assert "vqgan_clip_discord_connected 1.0" in text
    assert value(text, 'vqgan_clip_steps_total{kind="demo"}') >= 3
    assert value(text, "vqgan_clip_job_wait_seconds_count") >= 1
    assert value(text, 'vqgan_clip_store_transaction_seconds_count{access="write"}') > 3
    assert value(text, 'vqgan_clip_memory_bytes{kind="resident"}') > 2**20
    assert value(text, "vqgan_clip_store_bytes") > 1000


@pytest.mark.skipif(sys.platform == "win32", reason="a folder in use keeps its name")
async def test_a_folder_that_is_away_for_a_while_is_measured_again(
    bot: BotHarness, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
):
    async def until_free(holds: Callable[[float], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not holds(value(await visitor.metrics(), "vqgan_clip_disk_free_bytes")):
                await asyncio.sleep(0.1)

    folder = bot.services.settings.storage.folder
    monkeypatch.setattr(vitals, "PAUSE", 0.05)
    await until_free(lambda free: free > 0)
    away = folder.rename(folder.with_name("away"))
    try:
        await until_free(lambda free: free == 0)
    finally:
        away.rename(folder)
    await until_free(lambda free: free > 0)


async def test_metrics_hold_nothing_that_people_wrote(bot: BotHarness, visitor: Visitor):
    await bot.imagine('s3cret" words\n{kind="x"}', steps=1)
    await bot.wait_until_notified()
    await asyncio.sleep(1)
    text = await visitor.metrics()
    assert "s3cret" not in text
    assert str(bot.alice.id) not in text
    labels = {
        label for found in re.findall(r"{(.*)}", text) for label in re.findall(r"(\w+)=", found)
    }
    known = {"kind", "end", "state", "access", "le", "direction", "version"}
    assert labels <= known | {"method", "route", "status"}


@pytest.mark.usefixtures("bot")
async def test_metrics_need_the_token(visitor: Visitor):
    assert (await visitor.get("/metrics")).status == 401
    assert (await visitor.get("/metrics", Authorization="Bearer wrong")).status == 403
    guesses = [await visitor.get("/metrics", Authorization="Bearer wrong") for _ in range(12)]
    assert guesses[-1].status == 429
    assert (await visitor.get("/metrics", Authorization=f"Bearer {TOKEN}")).status == 429
    assert (await visitor.get("/healthz")).status == 200


def value(text: str, name: str) -> float:
    """Return the value of a metric."""
    (found,) = re.findall(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found)
