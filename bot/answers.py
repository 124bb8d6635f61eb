"""Answers that only the person who gave a command sees, above all that it cannot be carried out."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import discord

from bot import phrases
from engine.errors import EngineError

log = logging.getLogger(__name__)

_EXPIRED = (10062, 50027)
"""Unknown interaction, invalid token: the answer came too late to be given."""


class RefusalError(Exception):
    """Somebody asked for what is not allowed or not possible; the message says what to do."""


@asynccontextmanager
async def refusals_answered(interaction: discord.Interaction) -> AsyncIterator[None]:
    """Tell the person, as a sentence, what keeps their command from being carried out."""
    try:
        yield
    except (RefusalError, EngineError) as error:
        text = phrases.sentence(str(error))
        command = interaction.command.qualified_name if interaction.command else "?"
        log.info("refused", extra={"command": command, "cause": text})
        await answer(interaction, text)


async def answer(interaction: discord.Interaction, text: str) -> None:
    """Answer a command, or replace the answer that it has; a failure is logged."""
    try:
        if interaction.response.is_done():
            await interaction.edit_original_response(content=text)
        else:
            await interaction.response.send_message(text, ephemeral=True)
    except discord.HTTPException as error:
        level = logging.INFO if error.code in _EXPIRED else logging.WARNING
        log.log(level, "an answer did not arrive", extra={"cause": str(error), "answer": text})
