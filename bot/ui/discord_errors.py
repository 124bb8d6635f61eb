"""Calls to Discord that do not wait for ever, and what their errors mean."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import aiohttp
import discord

T = TypeVar("T")

CALL_SECONDS = 60.0
"""Seconds after which a call to Discord counts as failed, if nothing else is said."""
NETWORK_ERRORS = (aiohttp.ClientError, OSError, discord.RateLimited)
"""Errors of a call that can succeed later: its answer was lost or did not come in time, so Discord
may have done what it asked, or Discord wants it to be made later."""
CALL_ERRORS = (discord.HTTPException, *NETWORK_ERRORS)
"""All errors of a call: refused by Discord, or lost on the way."""
ALREADY_ACKNOWLEDGED = 40060
"""Discord's own code for an interaction that was acknowledged before."""
_TOO_MANY_REQUESTS, _PAYLOAD_TOO_LARGE, _SERVER_ERRORS = 429, 413, 500
"""HTTP statuses; those of server errors start at the last."""
_REQUEST_TOO_LARGE = 40005
"""Discord's own code for files that are too large together."""


async def bounded(call: Awaitable[T], seconds: float = CALL_SECONDS) -> T:
    """Make a call for at most some seconds; raise `TimeoutError` then.

    Discord may have done what it was asked all the same.
    """
    async with asyncio.timeout(seconds):
        return await call


def wait_before_repeating(error: Exception, pause: float) -> float:
    """Return the seconds that Discord asks to wait after an error, or else `pause`."""
    return error.retry_after if isinstance(error, discord.RateLimited) else pause


def is_transient(error: discord.HTTPException) -> bool:
    """Return True if the same call can succeed later."""
    return error.status == _TOO_MANY_REQUESTS or error.status >= _SERVER_ERRORS


def is_too_large(error: discord.HTTPException) -> bool:
    """Return True if smaller files could be posted."""
    return error.code == _REQUEST_TOO_LARGE or error.status == _PAYLOAD_TOO_LARGE


def describe(error: Exception) -> str:
    """Return an error's class and message, for the log."""
    return f"{type(error).__name__}: {error}"
