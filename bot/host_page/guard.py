"""What every request passes first: whose name it uses, how many there are, how long it may take.

A site can give its own name to this machine's address, so that browsers take its scripts for ours
(DNS rebinding). They then send that name as the host, which is refused.
"""

import asyncio
import time
from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.healthcheck import HEALTH_PATH

REQUESTS_PER_SECOND = 50.0
"""Requests that are answered, on average; as many can come at once. Others get status 429."""
ANSWER_SECONDS = 15.0
"""Maximum seconds for reading a request and answering it."""
LONGEST_QUERY = 2000
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "Server": "vqgan-clip-bot",  # instead of the versions of Python and aiohttp
    "X-Content-Type-Options": "nosniff",
}


class Guard:
    """Refuses requests under names that are not known, from other sites, and too many of them."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = frozenset(("localhost", *names))
        self._left = REQUESTS_PER_SECOND
        self._counted_at = time.monotonic()

    @web.middleware
    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a request if nothing forbids it; a middleware of aiohttp."""
        try:
            self._check(request)
            async with asyncio.timeout(ANSWER_SECONDS):
                response = await handler(request)
        except web.HTTPException as error:
            error.headers.update(_HEADERS)
            raise
        except TimeoutError:
            response = web.Response(status=408, text="This took too long.\n")
            response.force_close()
        response.headers.update(_HEADERS)
        return response

    def _check(self, request: web.Request) -> None:
        if request.path == HEALTH_PATH:  # else a crowd could have the bot restarted
            return
        if not self._may_answer():
            raise web.HTTPTooManyRequests(headers={"Retry-After": "1", "Connection": "close"})
        host = request.headers.get("Host", "")  # aiohttp's own would look up the machine's name
        if not self._is_known(host):
            raise web.HTTPForbidden(text="Unknown host: see host.names in config.toml.\n")
        origin = request.headers.get("Origin")
        if origin is not None and _parsed(origin).netloc != host:
            raise web.HTTPForbidden(text="Only the page itself may ask this.\n")
        if len(request.query_string) > LONGEST_QUERY:
            raise web.HTTPRequestURITooLong(text="The address is too long.\n")

    def _may_answer(self) -> bool:
        """Count a request, and return True unless there are too many."""
        now = time.monotonic()
        gained = (now - self._counted_at) * REQUESTS_PER_SECOND
        self._left = min(REQUESTS_PER_SECOND, self._left + gained)
        self._counted_at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def _is_known(self, host: str) -> bool:
        """Return True for addresses, which no site can take as its name, and for known names."""
        name = _parsed(f"//{host}").hostname or ""
        if name in self._names:
            return True
        try:
            ip_address(name)
        except ValueError:
            return False
        return True


def _parsed(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")
