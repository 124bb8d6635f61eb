"""Show a list that may be too long for a message."""

from collections.abc import Iterable

import discord

from bot.languages.message import Message, joined
from bot.ui.attachments import Attachment
from bot.ui.reader_language import private_language
from bot.ui.responses import respond, update_response

_LONGEST = 1800
"""Maximum length of a list in a message, in characters; longer ones are files."""


async def respond_list(
    interaction: discord.Interaction,
    title: Message,
    shown: Iterable[str],
    filename: str,
    lines: Iterable[str],
) -> None:
    """Respond with a list, or else with a file of this name that holds its lines."""
    language = private_language(interaction)
    text = joined("\n", (title, ", ".join(shown))).in_language(language)
    if len(text) <= _LONGEST:
        return await respond(interaction, text)
    file = Attachment(filename, "\n".join(lines).encode(), title.in_language(language))
    return await update_response(interaction, title, [file])
