"""The server: it listens, and bounds what those cost who connect to it."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from aiohttp import web

from bot.background import Background
from bot.healthcheck import HEALTH_PATH
from bot.host_page.gauges import Gauges
from bot.host_page.guard import Guard
from bot.host_page.health import Health
from bot.host_page.prometheus import MetricsText
from bot.host_page.tokens import TokenCheck
from bot.host_page.vitals import VitalsWatch
from bot.tasks import cancel
from engine.errors import SettingsError

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 64
IDLE_SECONDS = 15.0
"""Seconds after which a connection is closed that sent no request, or not all of one."""
_LARGEST_REQUEST = 16 * 1024
_END_SECONDS = 1.0
"""Maximum seconds for which the end of the program waits for answers."""


class HostPage:
    """The server's address, while it listens."""

    def __init__(self, port: int) -> None:
        self.port = port


@asynccontextmanager
async def open_host_page(background: Background) -> AsyncGenerator[HostPage | None]:
    """Serve the page if the settings have a port, on that port; else open nothing.

    Raises `SettingsError` if nobody can listen there.
    """
    settings = background.settings
    if not settings.host.port:
        yield None
        return
    async with listening(background, settings.host.port) as page:
        yield page


@asynccontextmanager
async def listening(background: Background, port: int) -> AsyncGenerator[HostPage]:
    """Serve the page on a port; 0 stands for any that is free."""
    settings = background.settings
    assert settings.host_token is not None
    watch = VitalsWatch(background.store, settings.storage.folder)
    gauges = Gauges(background, watch.latest)
    background.metrics.registry.register(gauges)
    tokens = TokenCheck(settings.host_token)
    app = web.Application(
        client_max_size=_LARGEST_REQUEST, middlewares=[Guard(settings.host.names).check]
    )
    health = Health(background, watch.latest)
    app.router.add_get(HEALTH_PATH, health.live)
    app.router.add_get("/readyz", health.ready)
    app.router.add_get("/metrics", MetricsText(background.metrics.registry, tokens).answer)
    watching = asyncio.create_task(watch.run())
    try:
        async with _served(app, settings.host.address, port) as bound:
            yield HostPage(bound)
    finally:
        await cancel(watching)
        background.metrics.registry.unregister(gauges)


@asynccontextmanager
async def _served(app: web.Application, address: str, port: int) -> AsyncGenerator[int]:
    """Serve an application, and return its port."""
    runner = web.AppRunner(
        app, access_log=None, keepalive_timeout=IDLE_SECONDS, shutdown_timeout=_END_SECONDS
    )
    await runner.setup()
    try:
        assert runner.server is not None
        bounded = _Bounded(runner.server)
        try:
            server = await asyncio.get_running_loop().create_server(bounded, address, port)
        except OSError as error:
            reason = f"host.port {port} at {address} cannot be used: {error.strerror}"
            raise SettingsError(reason) from error
        bound = server.sockets[0].getsockname()[1]
        log.info("the host's page is open", extra={"address": address, "port": bound})
        try:
            yield bound
        finally:
            server.close()
    finally:
        await runner.cleanup()


class _Bounded:
    """Makes what answers each connection, for so many at a time."""

    def __init__(self, server: web.Server) -> None:
        self._server = server

    def __call__(self) -> asyncio.BaseProtocol:
        if len(self._server.connections) >= MOST_CONNECTIONS:
            return _Refusal()
        return self._server()


class _Refusal(asyncio.Protocol):
    """Closes a connection at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close it."""
        transport.close()
