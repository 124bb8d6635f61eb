"""What the errors of calls to Discord mean: whether to try again, and what was too large."""

import aiohttp
import discord

NETWORK_ERRORS = (aiohttp.ClientError, OSError)
"""Errors of a call whose answer was lost, timeouts too: Discord may have done what it asked."""
CALL_ERRORS = (discord.HTTPException, *NETWORK_ERRORS)
"""All errors of a call: refused by Discord, or lost on the way."""
ALREADY_ACKNOWLEDGED = 40060
"""Discord's own code for an interaction that was acknowledged before."""
_TOO_MANY_REQUESTS, _PAYLOAD_TOO_LARGE, _SERVER_ERRORS = 429, 413, 500
"""HTTP statuses; those of server errors start at the last."""
_REQUEST_TOO_LARGE = 40005
"""Discord's own code for files that are too large together."""


def is_transient(error: discord.HTTPException) -> bool:
    """Return True if the same call can succeed later."""
    return error.status == _TOO_MANY_REQUESTS or error.status >= _SERVER_ERRORS


def is_too_large(error: discord.HTTPException) -> bool:
    """Return True if smaller files could be posted."""
    return error.code == _REQUEST_TOO_LARGE or error.status == _PAYLOAD_TOO_LARGE


def describe(error: Exception) -> str:
    """Return an error's class and message, for the log."""
    return f"{type(error).__name__}: {error}"
