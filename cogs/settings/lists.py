"""Show a list that may be too long for a message."""

from collections.abc import Iterable

import discord

from bot.ui.attachments import Attachment
from bot.ui.responses import respond, update_response

_LONGEST = 1800
"""Maximum length of a list in a message, in characters; longer ones are files."""


async def respond_list(
    interaction: discord.Interaction,
    title: str,
    shown: Iterable[str],
    filename: str,
    lines: Iterable[str],
) -> None:
    """Respond with a list, or else with a file of this name that holds its lines."""
    text = "\n".join((title, ", ".join(shown)))
    if len(text) <= _LONGEST:
        return await respond(interaction, text)
    file = Attachment(filename, "\n".join(lines).encode(), title)
    return await update_response(interaction, title, [file])
