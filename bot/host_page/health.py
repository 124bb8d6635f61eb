"""Whether the bot lives, and whether it is able to paint for people."""

import discord
from aiohttp import web

from bot.background import Background
from bot.host_page.vitals import Vitals


class Health:
    """Answers health checks. They need no token, and tell nothing that is secret."""

    def __init__(self, background: Background, vitals: Vitals) -> None:
        self._background = background
        self._vitals = vitals

    async def live(self, _: web.Request) -> web.Response:
        """Answer whether the program should go on: status 200, or 503 if it should be restarted."""
        if self._background.worker.is_alive():
            return web.Response(text="alive\n")
        return web.Response(status=503, text="no painter lives\n")

    async def ready(self, _: web.Request) -> web.Response:
        """Answer what is there, as JSON, with status 200 if all is, else 503."""
        parts = self.parts()
        return web.json_response(parts, status=200 if all(parts.values()) else 503)

    def parts(self) -> dict[str, bool]:
        """Return whether each part is there that the bot needs to paint for people."""
        loaded = self._background.worker.loaded
        return {
            "models": loaded.done() and not loaded.cancelled() and loaded.exception() is None,
            "painters": self._background.worker.is_alive(),
            "discord": is_connected(self._background.reporter.client_if_any),
            "store": self._vitals.is_store_reachable,
        }


def is_connected(client: discord.Client | None) -> bool:
    """Return True if every connection of a client to Discord is open."""
    if client is None or client.is_closed() or not client.is_ready():
        return False
    shards = client.shards if isinstance(client, discord.AutoShardedClient) else {}
    return not any(each.is_closed() for each in shards.values())
