"""Whoever opens the host's page, through HTTP."""

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
