"""The metrics as text, made off the event loop and at most once a second."""

import asyncio
from time import monotonic

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from bot.host_page.tokens import TokenCheck

_KEEP_SECONDS = 1.0
"""Seconds for which a text is used again."""


class MetricsText:
    """Answers Prometheus, which sends the host's token."""

    def __init__(self, registry: CollectorRegistry, tokens: TokenCheck) -> None:
        self._registry = registry
        self._tokens = tokens
        self._turn = asyncio.Lock()
        self._text = b""
        self._made_at = -_KEEP_SECONDS

    async def answer(self, request: web.Request) -> web.Response:
        """Answer with all metrics."""
        self._tokens.require_bearer(request)
        async with self._turn:
            if monotonic() - self._made_at >= _KEEP_SECONDS:
                self._text = await asyncio.to_thread(generate_latest, self._registry)
                self._made_at = monotonic()
        headers = {"Content-Type": CONTENT_TYPE_PLAIN_0_0_4}
        return web.Response(body=self._text, headers=headers)
