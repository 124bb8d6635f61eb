"""While the models are downloaded, the bot takes jobs and tells people what they wait for."""

import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bot.config import BotSettings
from bot.ui.loading_text import download_text
from bot.worker.engine_worker import EngineWorker
from engine.weights.downloads import DownloadProgress, Missing
from engine.weights.registry_entries import WeightsFile
from tests.harness.bot_harness import (
    FAST,
    PATIENCE,
    TAKEN_BACK,
    BotHarness,
    ephemeral_text,
    open_bot,
    pictures_of,
    result_of,
    until,
)
from tests.harness.picture_filters import BLUE

TIMINGS = replace(FAST, waiting_seconds=0.05, refresh_seconds=0.05)
FILE = WeightsFile(name="a.ckpt", mirrors=("http://127.0.0.1/a",), bytes=10**9)


@dataclass
class Downloading:
    """A bot whose models are downloaded, until `arrive` is called."""

    bot: BotHarness
    progress: DownloadProgress
    _are_here: threading.Event

    def arrive(self) -> None:
        self._are_here.set()


@pytest.fixture
async def downloading(
    settings: BotSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[Downloading]:
    progress = DownloadProgress(Missing.of((FILE,), tmp_path))
    progress.update(FILE, 4 * 10**8)
    are_here, load = threading.Event(), EngineWorker._load

    def download_and_load(worker: EngineWorker) -> str:
        worker.loading.downloads = progress
        are_here.wait(PATIENCE)
        worker.loading.downloads = None
        return load(worker)

    monkeypatch.setattr(EngineWorker, "_load", download_and_load)
    try:
        async with open_bot(settings, timings=TIMINGS, is_loaded=False) as bot:
            yield Downloading(bot, progress, are_here)
            are_here.set()
    finally:
        are_here.set()


async def test_a_job_waits_for_the_models_and_is_painted_when_they_are_here(
    downloading: Downloading,
):
    bot = downloading.bot
    answered = await bot.imagine()
    assert "40 % of 1,000 MB are here" in ephemeral_text(answered)
    thread = bot.thread()
    await until(lambda: thread.history() and "40 % of 1,000 MB" in thread.history()[0].content)
    downloading.progress.update(FILE, 9 * 10**8)
    await until(lambda: "90 % of 1,000 MB" in thread.history()[0].content)
    downloading.progress.update(FILE, 10**9)
    await until(lambda: "prepare them" in thread.history()[0].content)
    downloading.arrive()
    assert len(pictures_of(await result_of(bot))) == 1
    assert ephemeral_text(answered) == TAKEN_BACK


async def test_a_waiting_job_can_be_cancelled(downloading: Downloading):
    bot = downloading.bot
    await bot.imagine()
    thread = bot.thread()
    await until(lambda: thread.history() and thread.history()[0].components)
    await bot.alice.click(thread.history()[0], label="Cancel")
    await bot.wait_until_notified()
    assert "cancelled" in bot.job_message().content


async def test_what_needs_the_models_at_once_is_refused_until_they_are_here(
    downloading: Downloading,
):
    bot, image = downloading.bot, ("blue.png", BLUE)
    refused = await bot.alice.slash(bot.channel, "mask", image=image, what="a circle")
    assert "40 % of 1,000 MB are here" in ephemeral_text(refused)
    assert "Try again when they are here" in ephemeral_text(refused)
    status = await bot.alice.slash(bot.channel, "status")
    assert "40 % of 1,000 MB are here" in ephemeral_text(status)


def test_what_is_unknown_is_said_to_be_unknown(tmp_path: Path):
    endless = FILE.model_copy(update={"bytes": None})
    progress = DownloadProgress(Missing.of((endless,), tmp_path))
    progress.update(endless, 5)
    assert "can't tell how long" in str(download_text(progress))
    progress = DownloadProgress(Missing.of((FILE,), tmp_path))
    progress.update(FILE, 10**6)
    assert "can't tell yet" in str(download_text(progress))
    progress._received, progress._began = 10**9, -1e6
    assert "are here, about " in str(download_text(progress))
