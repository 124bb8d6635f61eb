"""Connect to Discord, and try again for as long as Discord or the network is away.

Discord's close codes: https://docs.discord.com/developers/topics/opcodes-and-status-codes
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import discord

from bot.client import PaintingBot
from bot.services import Services
from bot.timings import Timings
from bot.ui.discord_errors import NETWORK_ERRORS, describe, wait_before_repeating

log = logging.getLogger(__name__)

T = TypeVar("T")

_LONGEST_PAUSE = 300.0
"""Maximum seconds between two attempts to reach Discord."""
_BAD_TOKEN = (
    "Discord does not accept the token in DISCORD_TOKEN or DISCORD_TOKEN_FILE: copy it again from "
    "the page of your application, or reset it there"
)
_FORBIDDEN_INTENTS = (
    "Discord does not allow the intents that the bot asks for: allow them on the page of your "
    "application, under Bot"
)
_REFUSALS = {
    4004: _BAD_TOKEN,
    4010: "Discord refuses the number of this shard: update the program",
    4011: "Discord wants the bot to use more shards: start it again",
    4012: "Discord no longer supports this version of its interface: update the program",
    4013: "Discord does not know the bot's intents: update the program",
    4014: _FORBIDDEN_INTENTS,
}
"""What it means that Discord ends a connection with one of these codes; others are temporary."""
_UNAUTHORIZED = 401
_UNREACHABLE = (discord.HTTPException, discord.GatewayNotFound, *NETWORK_ERRORS)


class DiscordRefusalError(Exception):
    """Discord refuses the bot, and to try again would not help; the message says what to do."""


async def check_token(token: str, timings: Timings) -> None:
    """Log in and out, to find a bad token before minutes are spent on models.

    Raises `DiscordRefusalError`.
    """

    async def log_in() -> None:
        async with discord.Client(intents=discord.Intents.none()) as client:
            await client.login(token)

    await _reach_discord(log_in, timings)


async def connect(services: Services, token: str) -> None:
    """Run the bot on Discord until cancelled. Raises `DiscordRefusalError`."""
    timings = services.timings

    async def log_in() -> PaintingBot:
        client = PaintingBot(services)
        try:
            await client.login(token)
        except BaseException:
            await client.close()
            raise
        return client

    client = await _reach_discord(log_in, timings)
    try:
        await _reach_discord(client.connect, timings)
    finally:
        await client.close()


async def _reach_discord(act: Callable[[], Awaitable[T]], timings: Timings) -> T:
    """Do something; repeat it, with growing pauses, while Discord cannot be reached."""
    pause = timings.connect_pause
    while True:
        try:
            return await act()
        except (*_UNREACHABLE, discord.ClientException) as error:
            if (reason := _reason(error)) is not None:
                raise DiscordRefusalError(reason) from error
            if not isinstance(error, _UNREACHABLE):
                raise
            wait = wait_before_repeating(error, pause)
            cause = {"cause": describe(error), "seconds": round(wait)}
            log.warning("Discord cannot be reached, trying again", extra=cause)
        await asyncio.sleep(wait)
        pause = min(_LONGEST_PAUSE, 2 * pause)


def _reason(error: Exception) -> str | None:
    """Return why trying again would not help; None if it can help."""
    cause = error.__cause__ if isinstance(error, discord.GatewayNotFound) else error
    match cause:
        case discord.LoginFailure():
            return _BAD_TOKEN
        case discord.HTTPException(status=status) if status == _UNAUTHORIZED:
            return _BAD_TOKEN
        case discord.PrivilegedIntentsRequired():
            return _FORBIDDEN_INTENTS
        case discord.ConnectionClosed(code=code):
            return _REFUSALS.get(code)
        case _:
            return None
