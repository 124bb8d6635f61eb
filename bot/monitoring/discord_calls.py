"""Measures calls to Discord: by aiohttp's own hooks, and around discord.py's method for them.

The hooks see each attempt and its answer. What a call takes beyond its attempts, it has waited: for
a rate limit, or before it was repeated.

aiohttp's hooks: https://docs.aiohttp.org/en/stable/tracing_reference.html
"""

import re
import time
from collections.abc import Callable
from contextvars import ContextVar
from types import CoroutineType, SimpleNamespace
from typing import Any, ParamSpec, TypeVar

import aiohttp
from yarl import URL

from bot.monitoring.metrics import Metrics

T = TypeVar("T")
P = ParamSpec("P")

_ELSEWHERE = "elsewhere"
"""The route of calls to other servers, such as that for files."""
_VERSION = re.compile(r"^/api/v\d+")
_WORD = re.compile(r"@?[a-z-]{2,20}")
"""A part of a route that is no id, no token and no emoji."""
_MOST_ROUTES, _OTHERS = 100, "others"
"""Number of routes that are told apart; the bot uses about 30."""
_LONGEST = 10
"""Maximum number of parts of a route."""


class DiscordCalls:
    """Counts the calls of one client."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._attempts = ContextVar[list[float] | None]("attempts", default=None)
        """The seconds of each attempt of the call that this task makes."""
        self._routes: set[str] = set()

    def trace(self) -> aiohttp.TraceConfig:
        """Return the hooks for the client's connection."""
        config = aiohttp.TraceConfig()
        config.on_request_start.append(self._on_start)
        config.on_request_end.append(self._on_end)
        config.on_request_exception.append(self._on_error)
        return config

    def measured(
        self, request: "Callable[P, CoroutineType[Any, Any, T]]"
    ) -> "Callable[P, CoroutineType[Any, Any, T]]":
        """Return discord.py's method for calls, so that their waits are counted."""

        async def measured(*values: P.args, **options: P.kwargs) -> T:
            attempts = list[float]()
            self._metrics.call_counts.note()
            token, began = self._attempts.set(attempts), time.monotonic()
            try:
                return await request(*values, **options)
            finally:
                self._attempts.reset(token)
                self._metrics.discord_waited(time.monotonic() - began - sum(attempts))

        return measured

    async def _on_start(
        self,
        _: aiohttp.ClientSession,
        context: SimpleNamespace,
        __: aiohttp.TraceRequestStartParams,
    ) -> None:
        context.began = time.monotonic()

    async def _on_end(
        self,
        _: aiohttp.ClientSession,
        context: SimpleNamespace,
        params: aiohttp.TraceRequestEndParams,
    ) -> None:
        self._note(context, params.method, params.url, str(params.response.status))

    async def _on_error(
        self,
        _: aiohttp.ClientSession,
        context: SimpleNamespace,
        params: aiohttp.TraceRequestExceptionParams,
    ) -> None:
        self._note(context, params.method, params.url, "error")

    def _note(self, context: SimpleNamespace, method: str, url: URL, status: str) -> None:
        seconds = time.monotonic() - context.began
        if (attempts := self._attempts.get()) is not None:
            attempts.append(seconds)
        route = route_of(url)
        if len(self._routes) < _MOST_ROUTES:
            self._routes.add(route)
        known = route if route in self._routes else _OTHERS
        self._metrics.discord_answered(method, known, status, seconds)


def route_of(url: URL) -> str:
    """Return the route of a call, in which every id, token and name is `{}`."""
    if _VERSION.match(url.path) is None:
        return _ELSEWHERE
    parts = _VERSION.sub("", url.path).strip("/").split("/")[:_LONGEST]
    return "/" + "/".join(each if _WORD.fullmatch(each) else "{}" for each in parts)
