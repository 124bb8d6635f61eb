"""Files are fetched within limits, from Discord's hosts only, whatever is announced about them."""

import gzip
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import simcord.backend.cdn
from aiohttp import web
from aiohttp.test_utils import TestServer
from PIL import Image

from tests.harness.bot_harness import (
    BotHarness,
    encoded,
    ephemeral_text,
    is_accepted,
    make_settings,
    open_bot,
)

PICTURE = encoded(Image.linear_gradient("L").convert("RGB"))
MEBIBYTE = 2**20


class FileHost:
    """A host of files over HTTP, which answers every address with the same."""

    def __init__(self) -> None:
        self.response: dict[str, Any] = {"body": PICTURE}
        self.endless = False
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if request.path == "/elsewhere":
            return web.Response(body=PICTURE)
        if not self.endless:
            return web.Response(**self.response)
        response = web.StreamResponse()
        await response.prepare(request)
        with suppress(ConnectionError):  # the bot has read enough
            while True:
                await response.write(bytes(MEBIBYTE))
        return response


@asynccontextmanager
async def bot_with_host(
    folder: Path, patch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[BotHarness, FileHost]]:
    """Open a bot whose Discord keeps files on another host."""
    host, application = FileHost(), web.Application()
    application.router.add_get("/{path:.*}", host.answer)
    async with TestServer(application) as server:
        patch.setattr(simcord.backend.cdn, "CDN_BASE", f"http://{server.host}:{server.port}")
        hosts = frozenset((f"{server.host}:{server.port}",))
        async with open_bot(make_settings(folder), hosts=hosts) as bot:
            yield bot, host


@pytest.fixture
async def hosted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[BotHarness, FileHost]]:
    async with bot_with_host(tmp_path, monkeypatch) as opened:
        yield opened


async def edited(bot: BotHarness) -> str:
    """Let Alice edit a picture that is announced with its true size."""
    return ephemeral_text(
        await bot.alice.slash(
            bot.channel, "edit", image=("a.png", PICTURE), prompt="a star", steps=1
        )
    )


async def test_files_are_fetched(hosted: tuple[BotHarness, FileHost]):
    bot, _ = hosted
    assert is_accepted(await edited(bot))
    await bot.wait_until_notified()


async def test_file_that_never_ends_is_left(hosted: tuple[BotHarness, FileHost]):
    bot, host = hosted
    host.endless = True
    assert "a.png is too large; files can be at most 8 MiB here." in await edited(bot)


async def test_nothing_is_unpacked_on_the_way(hosted: tuple[BotHarness, FileHost]):
    bot, host = hosted
    packed = gzip.compress(PICTURE)
    host.response = {"body": packed, "headers": {"Content-Encoding": "gzip"}}
    assert "it is not a picture" in await edited(bot)


REDIRECTS: Sequence[tuple[str, str | None]] = (
    ("/elsewhere", None),
    ("http://localhost/elsewhere", "attached to a message on Discord"),
    ("//169.254.169.254/latest", "attached to a message on Discord"),
    ("file:///etc/passwd", "attached to a message on Discord"),
)


async def test_redirects_lead_nowhere_else(hosted: tuple[BotHarness, FileHost]):
    bot, host = hosted
    for target, said in REDIRECTS:
        host.response = {"status": 302, "headers": {"Location": target}}
        answer = await edited(bot)
        assert is_accepted(answer) if said is None else said in answer
        await bot.wait_until_notified()


async def test_redirects_end(hosted: tuple[BotHarness, FileHost]):
    bot, host = hosted
    host.response = {"status": 302, "headers": {"Location": "/again"}}
    assert "attached to a message on Discord" in await edited(bot)
    assert len(host.asked) < 10


GONE: Sequence[int] = (403, 404, 500)


async def test_file_that_is_gone_is_said_to_be(hosted: tuple[BotHarness, FileHost]):
    bot, host = hosted
    for status in GONE:
        host.response = {"status": status}
        assert "I couldn't fetch a.png from Discord." in await edited(bot)
