"""Whoever opens the host's page, through HTTP."""

import html
import re
from typing import Any

import aiohttp

TOKEN = "a-token-for-the-host"


class Visitor:
    """A browser or a program that asks the host's page."""

    def __init__(self, session: aiohttp.ClientSession, origin: str) -> None:
        self.session, self.origin = session, origin

    async def get(self, path: str, **headers: str) -> aiohttp.ClientResponse:
        """Ask for a page, and read it."""
        response = await self.session.get(self.origin + path, headers=headers)
        await response.read()
        return response

    async def metrics(self) -> str:
        """Return the metrics, as Prometheus asks for them."""
        response = await self.get("/metrics", Authorization=f"Bearer {TOKEN}")
        assert response.status == 200
        return await response.text()

    async def post(
        self, path: str, values: dict[str, Any], **headers: str
    ) -> aiohttp.ClientResponse:
        """Send a form; no redirect is followed."""
        url = self.origin + path
        response = await self.session.post(url, data=values, headers=headers, allow_redirects=False)
        await response.read()
        return response

    async def log_in(self) -> None:
        """Log in with the host's token; the session keeps the cookie."""
        response = await self.post("/login", {"token": TOKEN})
        assert (response.status, response.headers["Location"]) == (303, "/")

    async def page(self) -> str:
        """Return the page's text, without its tags."""
        source = await self.source()
        return " ".join(html.unescape(re.sub("<[^>]*>", " ", source)).split())

    async def source(self) -> str:
        """Return the page as HTML."""
        response = await self.get("/")
        assert response.status == 200
        return await response.text()

    async def act(self, action: str, **values: object) -> str:
        """Send one of the page's forms; return what the page then says about it."""
        found = re.search(r'name="form_token" value="([^"]+)"', await self.source())
        assert found is not None
        response = await self.post(f"/actions/{action}", {"form_token": found[1], **values})
        assert (response.status, response.headers["Location"]) == (303, "/")
        said = re.search(r'role="status">(.*)</p>', await self.source())
        assert said is not None
        return html.unescape(said[1])
