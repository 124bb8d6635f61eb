"""The language of who reads a message."""

from collections.abc import Awaitable, Callable
from typing import Any

import discord

from bot.languages.catalogue import Language, language_of

PublicLanguage = Callable[[discord.Guild | None], Awaitable[Language]]
"""Finds the language of what everybody in a server sees."""


def private_language(interaction: discord.Interaction[Any]) -> Language:
    """Return the language of the person's client, for what only they see."""
    return language_of(interaction.locale.value)
