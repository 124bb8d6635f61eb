"""`/style`: save styles under names of your own, for the option `style` of `/imagine`."""

import discord
from discord import app_commands
from discord.app_commands import Choice, Range
from discord.ext import commands

from bot.client import BotCog
from bot.languages.message import Message
from bot.saved_style import MAX_NAME, MAX_STYLE
from bot.submission.requester import Requester
from bot.ui import formatting
from bot.ui.attachments import Attachment
from bot.ui.reader_language import private_language
from bot.ui.responses import defer, respond, update_response
from bot.ui.styles_text import saved_text, style_choices, styles_file, styles_text

_LONGEST = 2000
"""Maximum length of a message, in characters; a longer list is a file."""


class Style(BotCog, commands.GroupCog, name="style"):
    """Your saved styles."""

    @app_commands.command()
    @app_commands.describe(
        name="What to call the style. An existing one with this name is replaced",
        words="The words that it adds to a prompt, such as: charcoal drawing, soft light",
    )
    async def save(
        self,
        interaction: discord.Interaction,
        name: Range[str, 1, MAX_NAME],
        words: Range[str, 1, MAX_STYLE],
    ) -> None:
        """Save words as a style, which /imagine offers to you."""
        await defer(interaction)
        requester = Requester.of_interaction(interaction)
        style = await self._services.styles.save(requester, name, words)
        await respond(interaction, saved_text(style))

    @app_commands.command(name="list")
    async def list_styles(self, interaction: discord.Interaction) -> None:
        """Show your saved styles."""
        await defer(interaction)
        styles = await self._services.styles.of_user(interaction.user.id)
        text, language = styles_text(styles), private_language(interaction)
        if len(text.in_language(language)) <= _LONGEST:
            return await respond(interaction, text)
        description = Message("Your saved styles").in_language(language)
        file = Attachment("styles.txt", styles_file(styles), description)
        text = Message("**Your styles** are in the file.")
        return await update_response(interaction, text, [file])

    @app_commands.command()
    @app_commands.describe(name="One of your styles")
    async def delete(
        self, interaction: discord.Interaction, name: Range[str, 1, MAX_STYLE]
    ) -> None:
        """Delete one of your saved styles."""
        await defer(interaction)
        style = await self._services.styles.delete(interaction.user.id, name)
        name = formatting.escape_name(style.name)
        await respond(interaction, Message("Deleted the style {name}.", name=name))

    @delete.autocomplete("name")
    async def _names(self, interaction: discord.Interaction, typed: str) -> list[Choice[str]]:
        return style_choices(typed, await self._services.styles.of_user(interaction.user.id))
