"""What the server of the host's page does with those who mean it no good."""

import asyncio

import pytest

from bot.config import BotSettings
from bot.host_page import server
from tests.harness.bot_harness import PATIENCE, BotHarness, open_test_services
from tests.harness.host_visitor import Visitor


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 503),
        ("localhost:1", 503),
        ("[::1]:8", 503),
        ("bot.example.org", 503),
        ("rebound.example.net", 403),
        ("bot.example.org.example.net", 403),
        ("[", 403),
        ("", 403),
    ],
)
async def test_only_known_names_of_the_machine_are_answered(
    visitor: Visitor, host: str, status: int, bot: BotHarness
):
    await bot.client.close()
    assert (await visitor.get("/readyz", Host=host)).status == status


@pytest.mark.usefixtures("bot")
async def test_other_sites_are_refused(visitor: Visitor):
    for origin in ("http://example.net", "null", "http://["):
        assert (await visitor.get("/readyz", Origin=origin)).status == 403
    assert (await visitor.get("/readyz", Origin=visitor.origin)).status != 403


@pytest.mark.usefixtures("bot")
async def test_long_addresses_and_unknown_ones_are_refused(visitor: Visitor):
    assert (await visitor.get(f"/readyz?{'a' * 3000}")).status == 414
    assert (await visitor.get(f"/readyz?{'a' * 30_000}")).status == 400
    assert (await visitor.get("/secret")).status == 404
    assert (await visitor.get("/healthz")).status == 200


@pytest.mark.usefixtures("bot")
async def test_a_crowd_gets_an_answer_now_and_then_but_health_checks_always(visitor: Visitor):
    answers = await asyncio.gather(*(visitor.get("/readyz") for _ in range(200)))
    refused = [each for each in answers if each.status == 429]
    assert 50 < len(refused) < 200
    assert refused[0].headers["Retry-After"] == "1"
    healthy = await asyncio.gather(*(visitor.get("/healthz") for _ in range(100)))
    assert {each.status for each in healthy} == {200}


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "])
async def test_connections_that_say_nothing_or_never_end_are_closed(
    monkeypatch: pytest.MonkeyPatch, settings: BotSettings, sent: bytes
):
    monkeypatch.setattr(server, "IDLE_SECONDS", 0.5)
    async with open_test_services(settings):
        reader, writer = await asyncio.open_connection("127.0.0.1", settings.host.port)
        writer.write(sent)
        async with asyncio.timeout(PATIENCE):
            await reader.read()
        writer.close()


async def test_more_connections_than_the_server_takes_are_closed_at_once(
    bot: BotHarness, visitor: Visitor
):
    port = bot.services.settings.host.port
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(64)]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(PATIENCE):
        assert await reader.read() == b""
    for _, each in (*held, (reader, writer)):
        each.close()
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                assert (await visitor.get("/healthz")).status == 200
                return
            except OSError:
                await asyncio.sleep(0.05)
