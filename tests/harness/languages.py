"""People and servers with other languages, which simcord does not offer."""

from typing import Any, cast

import discord
import pytest


def set_client_language(monkeypatch: pytest.MonkeyPatch, locale: str) -> None:
    """Let everybody's client be in a language, by Discord's name of it."""
    original = discord.Interaction._from_data  # pyright: ignore[reportPrivateUsage]

    def from_data(interaction: discord.Interaction[Any], data: Any) -> None:
        original(interaction, cast(Any, {**data, "locale": locale}))

    monkeypatch.setattr(discord.Interaction, "_from_data", from_data)


def set_server_language(guild: discord.Guild, locale: str) -> None:
    """Let a server, as the bot knows it, be in a language, as Community servers can."""
    guild.preferred_locale = discord.Locale(locale)
