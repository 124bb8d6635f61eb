"""The names and descriptions of commands, options and choices in the languages of their users.

discord.py asks for each of them in each of Discord's locales when the commands are synced. Discord
then shows people the commands in the language of their client.
"""

import asyncio
from typing import Literal

import discord
from discord import app_commands
from discord.app_commands import TranslationContextLocation as Location

from bot.languages.catalogue import ENGLISH, language_of, read_all

TextKind = Literal["command", "menu", "option", "choice", "description"]
"""The contexts in the catalogues: the same word can be translated otherwise as a name."""
_KINDS: dict[Location, TextKind] = {
    Location.command_name: "command",
    Location.group_name: "command",
    Location.command_description: "description",
    Location.group_description: "description",
    Location.parameter_name: "option",
    Location.parameter_description: "description",
    Location.choice_name: "choice",
}
_TEMPLATE = "template"
"""The key among the extras of a text: the text with placeholders for the other extras."""
MAX_DESCRIPTION = 100
"""Maximum length of a description, in characters; set by Discord."""


class CommandTranslator(app_commands.Translator):
    """Translates what Discord shows of commands by the catalogues."""

    async def load(self) -> None:
        """Read the catalogues, off the event loop; discord.py calls this first."""
        await asyncio.to_thread(read_all)

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        """Return a text in the language of a locale; None for English."""
        language = language_of(locale.value)
        if language is ENGLISH:
            return None
        found = language.text(template_of(string), kind_of(context))
        values = {key: value for key, value in string.extras.items() if key != _TEMPLATE}
        return found.format_map(values)[:MAX_DESCRIPTION] if values else found


def with_values(template: str, **values: str) -> app_commands.locale_str:
    """Return a text of a command whose values, such as examples, stay as they are."""
    text = template.format_map(values)[:MAX_DESCRIPTION]
    return app_commands.locale_str(text, template=template, **values)


def template_of(string: app_commands.locale_str) -> str:
    """Return what is looked up for a text: the text, or its template if it has values."""
    return string.extras.get(_TEMPLATE, string.message)


def kind_of(context: app_commands.TranslationContextTypes) -> TextKind:
    """Return the context of a text in the catalogues."""
    if isinstance(context.data, app_commands.ContextMenu):
        return "menu"
    return _KINDS[context.location]
