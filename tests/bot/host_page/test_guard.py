"""What the server of the host's page does with those who mean it no good."""

import asyncio
import socket
from contextlib import ExitStack

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


async def test_who_holds_all_connections_keeps_no_health_check_away(
    bot: BotHarness, visitor: Visitor
):
    port = bot.services.settings.host.port
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(80)]
    assert (await visitor.get("/healthz")).status == 200
    for reader, _ in held[:16]:  # the oldest ones
        async with asyncio.timeout(PATIENCE):
            assert await reader.read() == b""
    assert not held[-1][0].at_eof()
    for _, writer in held:
        writer.close()


@pytest.mark.usefixtures("bot")
async def test_who_does_not_read_answers_keeps_no_health_check_away(
    settings: BotSettings, visitor: Visitor
):
    request = b"GET /host.css HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with ExitStack() as held:
        for _ in range(64):
            each = held.enter_context(socket.socket())
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            each.setblocking(False)
            await asyncio.get_running_loop().sock_connect(each, ("127.0.0.1", settings.host.port))
            each.send(request * 20)
        assert (await visitor.get("/healthz")).status == 200


@pytest.mark.usefixtures("bot")
async def test_answers_do_not_name_versions(visitor: Visitor):
    for path in ("/healthz", "/login", "/nothing"):
        assert (await visitor.get(path)).headers["Server"] == "vqgan-clip-bot"
