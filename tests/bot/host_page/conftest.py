import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

from bot.config import BotSettings, HostSettings
from tests.harness.bot_fixtures import any_words, bot, few_cutouts
from tests.harness.bot_harness import make_settings
from tests.harness.host_visitor import TOKEN, Visitor

__all__ = ["any_words", "bot", "few_cutouts"]


@pytest.fixture
def settings(tmp_path: Path) -> BotSettings:
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        host = HostSettings(port=found.getsockname()[1], names=("bot.example.org",))
    changes = {"host": host, "host_token": SecretStr(TOKEN)}
    return make_settings(tmp_path / "data").model_copy(update=changes)


@pytest.fixture
async def visitor(settings: BotSettings) -> AsyncIterator[Visitor]:
    jar = aiohttp.CookieJar(unsafe=True)  # which keeps cookies of addresses
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        yield Visitor(session, f"http://127.0.0.1:{settings.host.port}")


@pytest.fixture
async def browser() -> AsyncIterator[Any]:
    """Chromium, where playwright and a browser are installed."""
    reason = "playwright is not installed"
    api: Any = pytest.importorskip("playwright.async_api", reason=reason)
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("Chromium is not installed")
    async with api.async_playwright() as play:
        opened = await play.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        await opened.close()
