"""The server: it listens, and bounds what those cost who connect to it."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial

from aiohttp import web

from bot.background import Background
from bot.healthcheck import HEALTH_PATH
from bot.host_page.actions import Actions
from bot.host_page.gallery import GalleryPages
from bot.host_page.gauges import Gauges
from bot.host_page.guard import Guard, add_headers
from bot.host_page.health import Health
from bot.host_page.pages import Pages
from bot.host_page.prometheus import MetricsText
from bot.host_page.sessions import Sessions
from bot.host_page.templates import Templates
from bot.host_page.tokens import TokenCheck
from bot.host_page.view import Views, read_versions
from bot.host_page.vitals import Vitals, VitalsWatch
from bot.services import Services
from bot.tasks import cancel
from engine.errors import SettingsError

log = logging.getLogger(__name__)

MOST_CONNECTIONS = 64
"""Connections at a time. Another one closes the oldest, so that a health check gets through."""
IDLE_SECONDS = 15.0
"""Seconds after which a connection is closed that sent no request, or not all of one."""
_LARGEST_REQUEST = 16 * 1024
_END_SECONDS = 1.0
"""Maximum seconds for which the end of the program waits for answers."""


class HostPage:
    """The page, while the server listens."""

    def __init__(
        self,
        pages: Pages,
        gallery: GalleryPages,
        actions: Actions,
        make_views: Callable[[Services], Views],
    ) -> None:
        self._pages = pages
        self._gallery = gallery
        self._actions = actions
        self._make_views = make_views

    async def close(self) -> None:
        """Ask the services nothing more."""
        if self._pages.views is not None:
            await self._pages.views.close()

    def attach(self, services: Services) -> None:
        """Show what the services do from now on; before, the page says that the bot starts."""
        self._pages.views = self._make_views(services)
        self._pages.services = self._actions.services = self._gallery.services = services


@asynccontextmanager
async def open_host_page(background: Background) -> AsyncGenerator[HostPage | None]:
    """Serve the page if the settings have a port, on that port; else open nothing.

    Raises `SettingsError` if nobody can listen there.
    """
    settings = background.settings
    if not settings.host.port:
        yield None
        return
    assert settings.host_token is not None
    watch = VitalsWatch(background.store, settings.storage.folder)
    health, gauges = Health(background, watch.latest), Gauges(background, watch.latest)
    tokens, sessions = TokenCheck(settings.host_token), Sessions()
    templates, readers = await asyncio.to_thread(Templates), settings.host.gallery
    pages = Pages(sessions, tokens, templates, has_gallery=readers != "off")
    gallery = GalleryPages(sessions, templates, readers)
    actions, versions = Actions(sessions), await asyncio.to_thread(read_versions)
    app = web.Application(
        client_max_size=_LARGEST_REQUEST, middlewares=[Guard(settings.host.names).check]
    )
    app.on_response_prepare.append(add_headers)
    app.router.add_get(HEALTH_PATH, health.live)
    app.router.add_get("/readyz", health.ready)
    app.router.add_get("/metrics", MetricsText(background.metrics.registry, tokens).answer)
    pages.add_to(app)
    actions.add_to(app)
    gallery.add_to(app)
    background.metrics.registry.register(gauges)
    watching = asyncio.create_task(watch.run())
    try:
        async with _served(app, settings.host.address, settings.host.port):
            make_views = partial(_views, health, watch.latest, versions)
            page = HostPage(pages, gallery, actions, make_views)
            try:
                yield page
            finally:
                await page.close()
    finally:
        await cancel(watching)
        background.metrics.registry.unregister(gauges)


def _views(health: Health, vitals: Vitals, versions: dict[str, str], services: Services) -> Views:
    return Views(services, health, vitals, versions)


@asynccontextmanager
async def _served(app: web.Application, address: str, port: int) -> AsyncGenerator[None]:
    """Serve an application until the end of the block."""
    runner = web.AppRunner(
        app,
        access_log=None,
        keepalive_timeout=IDLE_SECONDS,
        shutdown_timeout=_END_SECONDS,
        auto_decompress=False,  # no browser compresses a form, and some bytes can become gigabytes
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
        log.info("the host's page is open", extra={"address": address, "port": port})
        try:
            yield
        finally:
            server.close()
    finally:
        await runner.cleanup()


class _Bounded:
    """Makes what answers each connection, for so many at a time."""

    def __init__(self, server: web.Server) -> None:
        self._server = server

    def __call__(self) -> asyncio.BaseProtocol:
        transports = [each.transport for each in self._server.connections]
        held = [each for each in transports if each is not None and not each.is_closing()]
        for each in held[: max(0, len(held) - MOST_CONNECTIONS + 1)]:
            each.abort()  # also if whoever is at its other end does not read the answer
        return self._server()
