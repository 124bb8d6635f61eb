"""The line under the bot's name."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import discord
import pytest
from simcord.gateway import FakeWebSocket

from engine.weights.downloads import DownloadProgress, Missing
from engine.weights.registry_entries import WeightsFile
from tests.harness.bot_harness import BotHarness, job_in_progress, until


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Collect the lines that the bot sends to Discord; the second one is lost on the way."""
    lines: list[str] = []

    async def change(_: FakeWebSocket, *, activity: discord.CustomActivity, **__: Any) -> None:
        assert activity.type is discord.ActivityType.custom
        lines.append(str(activity.name))
        if len(lines) == 2:
            raise ConnectionResetError

    monkeypatch.setattr(FakeWebSocket, "change_presence", change)
    return lines


async def test_it_tells_how_far_a_download_is(sent: list[str], bot: BotHarness, tmp_path: Path):
    await until(lambda: sent)
    file = WeightsFile(name="a.ckpt", mirrors=("http://127.0.0.1/a",), bytes=1000)
    bot.services.loading.downloads = progress = DownloadProgress(Missing.of((file,), tmp_path))
    progress.update(file, 400)
    await until(lambda: sent[-1] == "Downloading models: 40%")
    bot.services.loading.downloads = None
    await until(lambda: sent[-1] == "demo models · ready")


async def test_it_tells_the_models_and_the_waiting_jobs(sent: list[str], bot: BotHarness):
    await until(lambda: sent == ["demo models · ready"])
    async with job_in_progress(bot, steps=2):
        await until(lambda: len(sent) >= 3 and sent[-1] == "demo models · painting")
        await bot.bob.slash(bot.channel, "imagine", prompt="a ring", steps=1)
        await until(lambda: sent[-1] == "demo models · 1 job waiting")
        await bot.bob.slash(bot.channel, "imagine", prompt="a star", steps=1)
        await until(lambda: sent[-1] == "demo models · 2 jobs waiting")
    await bot.wait_until_notified()
    await until(lambda: sent[-1] == "demo models · ready")
    assert all(a != b for a, b in pairwise(sent[2:]))


async def test_it_is_shown_again_after_a_new_session(sent: list[str], bot: BotHarness):
    await until(lambda: sent)
    bot.client.dispatch("shard_ready", 0)
    await until(lambda: sent == ["demo models · ready"] * 3)
