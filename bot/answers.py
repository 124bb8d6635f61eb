"""Answers that only the person who gave a command sees, above all that it cannot be carried out.

Discord takes an answer for a few seconds, and once it is acknowledged, for a quarter of an hour.
An answer that does not arrive harms nothing else: it is logged.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import discord

from bot import phrases
from engine.errors import EngineError

log = logging.getLogger(__name__)

_FAILURES = (discord.HTTPException, aiohttp.ClientError, OSError)
"""Refused by Discord, or lost on the way."""


class RefusalError(Exception):
    """Somebody asked for what is not allowed or not possible; the message says what to do."""


class _UnacknowledgedError(Exception):
    """A command is not acknowledged: it counts as failed, and takes no answer any more."""


async def acknowledge(interaction: discord.Interaction) -> None:
    """Tell Discord that an answer will come, or end the command: inside `refusals_answered`."""
    try:
        await interaction.response.defer(ephemeral=True, thinking=True)
    except _FAILURES as error:
        raise _UnacknowledgedError(_cause(error)) from error


@asynccontextmanager
async def refusals_answered(interaction: discord.Interaction) -> AsyncIterator[None]:
    """Tell the person, as a sentence, what keeps their command from being carried out."""
    command = interaction.command.qualified_name if interaction.command else "?"
    try:
        yield
    except _UnacknowledgedError as error:
        log.warning("not acknowledged", extra={"command": command, "cause": str(error)})
    except (RefusalError, EngineError) as error:
        text = phrases.sentence(str(error))
        log.info("refused", extra={"command": command, "cause": text})
        await answer(interaction, text)


async def answer(interaction: discord.Interaction, text: str) -> None:
    """Answer a command, or replace the answer that it has; a failure is logged."""
    try:
        if interaction.response.is_done():
            await interaction.edit_original_response(content=text)
        else:
            await interaction.response.send_message(text, ephemeral=True)
    except _FAILURES as error:
        log.warning("an answer did not arrive", extra={"cause": _cause(error), "answer": text})


def _cause(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
