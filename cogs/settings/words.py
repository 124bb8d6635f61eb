"""`/settings words`: words that prompts may not contain."""

from collections.abc import Sequence
from typing import Literal

import discord
from discord import app_commands

from bot.languages.message import Message
from bot.submission.settings_changes import WORD_LISTS, list_change, word_entries
from bot.ui import formatting
from bot.ui.responses import defer
from cogs.settings.base import SettingsCommands
from cogs.settings.lists import respond_list

Kind = Literal["blocked", "age-restricted"]


class WordCommands(SettingsCommands):
    """Block words, and allow them again."""

    words = app_commands.Group(name="words", description="Words that prompts may not contain")

    @words.command(name="add")
    @app_commands.describe(
        words="Words, separated by commas. * stands for any letters",
        kind="Blocked everywhere, or only outside age-restricted channels",
    )
    async def add_words(
        self, interaction: discord.Interaction, words: str, kind: Kind = "blocked"
    ) -> None:
        """Block words in prompts."""
        await defer(interaction)
        await self._change(interaction, list_change(WORD_LISTS[kind], word_entries(words)))

    @words.command(name="remove")
    @app_commands.describe(words="Words on the list, separated by commas", kind="Which list")
    async def remove_words(
        self, interaction: discord.Interaction, words: str, kind: Kind = "blocked"
    ) -> None:
        """Allow words again."""
        await defer(interaction)
        change = list_change(WORD_LISTS[kind], removed=word_entries(words))
        await self._change(interaction, change)

    @words.command(name="list")
    @app_commands.describe(kind="Which list")
    async def list_words(self, interaction: discord.Interaction, kind: Kind = "blocked") -> None:
        """Show this server's words, to you only."""
        await defer(interaction)
        server = await self._services.server_settings.get(interaction)
        listed: Sequence[str] = getattr(server, WORD_LISTS[kind])
        shown = map(formatting.escape_prompt, listed)
        await respond_list(interaction, _title(kind, len(listed)), shown, "words.txt", listed)


def _title(kind: Kind, count: int) -> Message:
    """Return what a list of words is called, with the number of words on it."""
    match kind, count:
        case "blocked", 0:
            return Message("Blocked words of this server: none")
        case "blocked", _:
            return Message("Blocked words of this server: {count}", count=count)
        case _, 0:
            return Message("Age-restricted words of this server: none")
        case _:
            return Message("Age-restricted words of this server: {count}", count=count)
