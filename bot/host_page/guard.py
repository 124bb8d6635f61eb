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
GALLERY_AT_ONCE, PAGE_COST = 200.0, 4.0
"""Requests for the gallery that can come at once, since a page of it has many pictures, and as how
many of them a page counts, which takes longer than a small picture. They are counted by
themselves, so that its readers keep nobody from the other pages."""
ANSWER_SECONDS = 15.0
"""Maximum seconds for reading a request and answering it."""
LONGEST_QUERY = 2000
GALLERY_PATH, SMALL = "/gallery", "/small"
"""What the addresses of the gallery begin with, and those of small pictures end with."""
_LIMIT = web.RequestKey("limit", asyncio.Timeout)
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "Server": "vqgan-clip-bot",  # instead of the versions of Python and aiohttp
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}


class Guard:
    """Refuses requests under names that are not known, from other sites, and too many of them."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = frozenset(("localhost", *names))
        self._most = _Allowance(REQUESTS_PER_SECOND)
        self._most_for_gallery = _Allowance(GALLERY_AT_ONCE)

    @web.middleware
    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a request if nothing forbids it; a middleware of aiohttp."""
        self._check(request)
        try:
            async with asyncio.timeout(ANSWER_SECONDS) as limit:
                request[_LIMIT] = limit
                return await handler(request)
        except TimeoutError:
            response = web.Response(status=408, text="This took too long.\n")
            response.force_close()
            return response

    def _check(self, request: web.Request) -> None:
        if request.path == HEALTH_PATH:  # else a crowd could have the bot restarted
            return
        if not self._may_answer(request.path):
            raise web.HTTPTooManyRequests(headers={"Retry-After": "1", "Connection": "close"})
        host = request.headers.get("Host", "")  # aiohttp's own would look up the machine's name
        if not self._is_known(host):
            raise web.HTTPForbidden(text="Unknown host: see host.names in config.toml.\n")
        origin = request.headers.get("Origin")
        if origin is not None and _parsed(origin).netloc != host:
            raise web.HTTPForbidden(text="Only the page itself may ask this.\n")
        if len(request.query_string) > LONGEST_QUERY:
            raise web.HTTPRequestURITooLong(text="The address is too long.\n")

    def _may_answer(self, path: str) -> bool:
        """Count a request, and return True unless there are too many."""
        if f"{path}/".startswith(f"{GALLERY_PATH}/"):
            return self._most_for_gallery.take(1.0 if path.endswith(SMALL) else PAGE_COST)
        return self._most.take(1.0)

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


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """Add what every answer has; only the gallery says itself what browsers may keep."""
    response.headers.update(_HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")


def allow_seconds(request: web.Request, seconds: float) -> None:
    """Give the answer to a request so many seconds from now on, because much is sent."""
    request[_LIMIT].reschedule(asyncio.get_running_loop().time() + seconds)


class _Allowance:
    """Counts requests: so many on average, and at most so many at once."""

    def __init__(self, at_once: float) -> None:
        self._at_once = self._left = at_once
        self._counted_at = time.monotonic()

    def take(self, cost: float) -> bool:
        """Count what a request costs, and return True unless that is too much."""
        now = time.monotonic()
        gained = (now - self._counted_at) * REQUESTS_PER_SECOND
        self._left = min(self._at_once, self._left + gained)
        self._counted_at = now
        if self._left < cost:
            return False
        self._left -= cost
        return True


def _parsed(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")
