"""The language of who reads a message."""

from typing import Any

import discord

from bot.languages.catalogue import ENGLISH, Language, language_of


def private_language(interaction: discord.Interaction[Any]) -> Language:
    """Return the language of the person's client, for what only they see."""
    return language_of(interaction.locale.value)


def public_language(guild: discord.Guild | None) -> Language:
    """Return the language that a server chose, for what everybody there sees; else English."""
    return ENGLISH if guild is None else language_of(guild.preferred_locale.value)
