"""Calls to Discord are measured through discord.py's own client."""

import discord
import pytest
from discord.http import Route
from prometheus_client import generate_latest
from yarl import URL

from bot.monitoring import Metrics
from bot.monitoring.discord_calls import DiscordCalls, route_of
from tests.harness.discord_server import Fault, serve_discord


async def test_a_rate_limit_is_counted_with_the_time_that_the_call_waits(
    monkeypatch: pytest.MonkeyPatch,
):
    metrics = Metrics()
    calls = DiscordCalls(metrics)
    async with serve_discord() as server:
        monkeypatch.setattr(Route, "BASE", server.url)
        limited = {"message": "slow down", "retry_after": 0.3, "global": False}
        server.faults.append(Fault("GET", "/users/@me", 429, limited, {"Via": "1.1 google"}))
        client = discord.Client(intents=discord.Intents.none(), http_trace=calls.trace())
        client.http.request = calls.measured(client.http.request)
        async with client:
            await client.login("token")
    text = generate_latest(metrics.registry).decode()
    for status in (429, 200):
        labels = f'method="GET",route="/users/@me",status="{status}"'
        assert f"vqgan_clip_discord_calls_total{{{labels}}} 1.0" in text
    waited = next(x for x in text.splitlines() if x.startswith("vqgan_clip_discord_wait_seconds_t"))
    assert 0.25 < float(waited.split()[-1]) < 5


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/api/v10/channels/123/messages/456", "/channels/{}/messages/{}"),
        (
            "/api/v10/webhooks/12/aW50ZXJhY3Rpb246MTI/messages/@original",
            "/webhooks/{}/{}/messages/@original",
        ),
        (
            "/api/v10/channels/1/messages/2/reactions/%F0%9F%8E%A8/@me",
            "/channels/{}/messages/{}/reactions/{}/@me",
        ),
        ("/attachments/1/2/picture.png", "elsewhere"),
    ],
)
def test_routes_hold_no_ids_and_no_secrets(path: str, route: str):
    assert route_of(URL(f"https://discord.com{path}", encoded=True)) == route
