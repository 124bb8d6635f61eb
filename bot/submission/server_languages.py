"""The languages of what everybody in a server sees."""

from dataclasses import dataclass

import discord

from bot.languages.catalogue import Language, language_of
from bot.storage import Store
from bot.submission.requester import Requester


@dataclass(frozen=True)
class ServerLanguages:
    """Finds the language of a server: the one that its moderators chose here, or on Discord."""

    _store: Store

    async def of(self, guild: discord.Guild | None) -> Language:
        """Return the language of public messages in a server; English in direct messages."""
        if guild is None:
            return language_of(None)
        chosen = (await self._store.guild_settings.get(guild.id)).language
        return language_of(chosen or guild.preferred_locale.value)

    async def locale_for(self, requester: Requester) -> str | None:
        """Return Discord's name of the language of public messages in a requester's channel."""
        settings = await self._store.guild_settings.get(requester.guild_id)
        return settings.language or requester.locale
