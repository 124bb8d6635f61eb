"""While the models are downloaded, people are told what the bot waits for."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import simcord

from bot.config import BotSettings
from bot.waiting_bot import WaitingBot, status_text, waiting_text
from engine.weights.downloads import DownloadProgress, Missing
from engine.weights.registry_entries import WeightsFile
from tests.harness.bot_harness import FAST, PATIENCE, PROMPT, BotHarness, ephemeral_text
from tests.harness.interactions import posted_with
from tests.harness.languages import put_texts, set_client_language
from tests.harness.restartable_bot import open_restartable_bot

TIMINGS = replace(FAST, download_seconds=PATIENCE + 100)
"""Timings with which messages are updated only when a test lets time pass."""
FILE = WeightsFile(name="a.ckpt", mirrors=("http://127.0.0.1/a",), bytes=1000)


@dataclass
class Waiting:
    """A server whose bot downloads its models, after an earlier run."""

    bot: BotHarness
    env: simcord.Env
    client: WaitingBot
    downloads: DownloadProgress | None

    async def later(self) -> None:
        """Let the time of an update pass."""
        await self.env.advance_time(TIMINGS.download_seconds + 1)


@pytest.fixture
async def waiting(
    settings: BotSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> AsyncIterator[Waiting]:
    progress = DownloadProgress(Missing.of((FILE,), tmp_path))
    progress.update(FILE, 400)
    async with open_restartable_bot(settings, monkeypatch) as restartable:
        async with restartable.start() as bot:
            await posted_with(bot, "job:rerun:1")
        assert restartable.env is not None
        client = WaitingBot(lambda: found.downloads, TIMINGS)
        found = Waiting(bot, restartable.env, client, progress)
        await restartable.env.restart_bot(client)
        yield found


async def test_commands_and_buttons_are_answered_with_the_progress(waiting: Waiting):
    bot, downloads = waiting.bot, waiting.downloads
    assert downloads is not None
    answered = await bot.alice.slash(bot.channel, "imagine", prompt=PROMPT)
    assert "downloading the models" in ephemeral_text(answered)
    assert "40 % are here" in ephemeral_text(answered)
    pressed = await bot.bob.click(bot.channel.history()[0], label="?")
    assert "40 % are here" in ephemeral_text(pressed)
    downloads.update(FILE, 900)
    await waiting.later()
    assert "90 % are here" in ephemeral_text(answered)
    downloads.update(FILE, 1000)
    again = await bot.alice.slash(bot.channel, "help")
    assert "prepare them" in ephemeral_text(again)
    waiting.downloads = None
    await waiting.client.close()
    for each in (answered, pressed, again):
        assert "I'm starting: please try again" in ephemeral_text(each)


async def test_people_are_answered_in_their_language(
    waiting: Waiting, monkeypatch: pytest.MonkeyPatch
):
    english = "My models are here. I'm starting: please try again in a minute."
    put_texts(monkeypatch, "de", {english: "Ich starte. Bitte versuche es gleich noch einmal."})
    set_client_language(monkeypatch, "de")
    waiting.downloads = None
    answered = await waiting.bot.alice.slash(waiting.bot.channel, "help")
    assert ephemeral_text(answered) == "Ich starte. Bitte versuche es gleich noch einmal."


async def test_a_message_that_cannot_be_updated_ends_nothing(
    waiting: Waiting, caplog: pytest.LogCaptureFixture
):
    bot = waiting.bot
    answered = await bot.alice.slash(bot.channel, "imagine", prompt=PROMPT)
    waiting.env.inject_error("PATCH", "/webhooks/*", status=404, code=10008)
    await waiting.later()
    assert "was not updated" in caplog.text
    again = await bot.alice.slash(bot.channel, "help")
    assert "40 % are here" in ephemeral_text(again)
    assert "40 % are here" in ephemeral_text(answered)


def test_what_is_unknown_is_said_to_be_unknown(tmp_path: Path):
    endless = FILE.model_copy(update={"bytes": None})
    progress = DownloadProgress(Missing.of((endless,), tmp_path))
    progress.update(endless, 5)
    assert "I don't know how long" in str(waiting_text(progress))
    assert status_text(progress) == "Downloading models"
    progress = DownloadProgress(Missing.of((FILE,), tmp_path))
    progress.update(FILE, 250)
    assert "can't tell yet" in str(waiting_text(progress))
    assert status_text(progress) == "Downloading models: 25 %"
    progress._received, progress._began = 10**9, -1e6
    assert "25 % are here, about " in str(waiting_text(progress))
