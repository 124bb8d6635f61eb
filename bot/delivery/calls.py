"""Calls to Discord that are repeated until it accepts or refuses them.

Discord's error codes: https://docs.discord.com/developers/topics/opcodes-and-status-codes
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import discord

from bot.timings import Timings
from bot.ui.discord_errors import (
    NETWORK_ERRORS,
    bounded,
    describe,
    is_too_large,
    is_transient,
    wait_before_repeating,
)

log = logging.getLogger(__name__)

T = TypeVar("T")

UNKNOWN_MESSAGE, ARCHIVED, TOO_OLD = 10008, 50083, 30046
"""Discord's codes for a message that was deleted, one in an archived thread, which a new message
reopens, and one too old for more edits."""
_LONGEST_PAUSE = 60.0
"""Maximum seconds between two attempts."""


class TooLargeError(Exception):
    """Discord accepts no file of this size in any channel."""


class RefusedError(Exception):
    """Discord will never accept this call: a channel or message is gone, or closed to the bot."""

    def __init__(self, error: discord.HTTPException) -> None:
        super().__init__(str(error))
        self.code = error.code
        """Discord's own code of the error."""


async def until_accepted(call: Callable[[], Awaitable[T]], job_id: int, timings: Timings) -> T:
    """Make a call about a job; repeat it after temporary failures, for ever.

    Raises `RefusedError`, or `TooLargeError` if its files have to be smaller.
    """
    pause = timings.post_pause
    while True:
        wait = pause
        try:
            return await bounded(call(), timings.call_seconds)
        except NETWORK_ERRORS as error:
            wait = wait_before_repeating(error, pause)
            cause = describe(error)
        except discord.HTTPException as error:
            if is_too_large(error):
                raise TooLargeError from error
            if not is_transient(error) or error.code == TOO_OLD:
                raise RefusedError(error) from error
            cause = describe(error)
        extra = {"job": job_id, "cause": cause}
        log.warning("a message about a job has to wait, trying again", extra=extra)
        await asyncio.sleep(wait)
        pause = min(_LONGEST_PAUSE, 2 * pause)
