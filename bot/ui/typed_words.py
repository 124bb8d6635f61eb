"""The words of a prompt that a person typed: how long they may be, and how they get them back."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import discord
from discord import app_commands

from bot.languages.message import Message, joined
from bot.ui.attachments import Attachment
from bot.ui.reader_language import private_language

_NAMES = frozenset(("prompt", "negative", "what", "replace_with"))
"""Names of the options of commands, and of the fields of forms, that hold such words."""
_TEXT, _TEXT_INPUT = discord.AppCommandOptionType.string, discord.ComponentType.text_input
_FENCE = "```"
_MAX_MESSAGE = 2000
"""Maximum length of a message, in characters."""


def limit_length(command: app_commands.Command[Any, ..., Any], longest: int) -> None:
    """Have Discord accept at most `longest` characters in a command's prompts.

    discord.py takes such a limit only from annotations, before the settings are read.
    """
    parameters = command._params  # pyright: ignore[reportPrivateUsage]
    for name in parameters.keys() & _NAMES:
        parameters[name] = dataclasses.replace(parameters[name], max_value=longest)


def with_words(
    text: Message, interaction: discord.Interaction[Any]
) -> tuple[Message, tuple[Attachment, ...]]:
    """Return a refusal followed by the words that the person typed, so that they can copy them.

    Words that do not fit into the message are a file beside it.
    """
    words = "\n".join(_typed(interaction.data or {}))
    if not words:
        return text, ()
    language = private_language(interaction)
    quoted = joined("\n", (text, Message("Your words, to copy:"), _FENCE, words, _FENCE))
    if _FENCE not in words and len(quoted.in_language(language)) <= _MAX_MESSAGE:
        return quoted, ()
    description = Message("The words that you typed").in_language(language)
    file = Attachment("words.txt", words.encode(), description)
    return joined("\n", (text, Message("Your words are in the file."))), (file,)


def _typed(data: Any) -> Iterator[str]:
    """Find the words in the options of a command or the fields of a form, however nested."""
    name, value = data.get("name") or data.get("custom_id"), data.get("value")
    is_text = data.get("type") in (_TEXT.value, _TEXT_INPUT.value)
    if name in _NAMES and is_text and isinstance(value, str) and value:
        yield value
    for each in (*data.get("options", ()), *data.get("components", ())):
        yield from _typed(each)
    if component := data.get("component"):
        yield from _typed(component)
