"""Base classes of forms, buttons and menus, which answer the errors of their subclasses."""

from re import Match
from typing import Any, Self

import discord
from discord import ui

from bot.languages.catalogue import Language
from bot.languages.message import Message
from bot.ui.responses import answer_error, mark_handled

FORM_SECONDS = 1800.0
"""Seconds after which an open form is no longer accepted."""


class Form(ui.Modal):
    """A modal dialog; a person whose form causes an error is told about it."""

    def __init__(self, title: Message, language: Language) -> None:
        super().__init__(title=title.in_language(language), timeout=FORM_SECONDS)
        self.language = language

    def ask(
        self, text: Message, component: ui.Item[Any], description: Message | None = None
    ) -> None:
        """Add a question."""
        hint = None if description is None else description.in_language(self.language)
        label = text.in_language(self.language)
        self.add_item(ui.Label(text=label, component=component, description=hint))

    async def interaction_check(self, interaction: discord.Interaction[Any], /) -> bool:
        """Accept the form, and note that it will be answered."""
        mark_handled(interaction)
        return True

    async def on_error(self, interaction: discord.Interaction[Any], error: Exception, /) -> None:
        """Answer the error, and close the form as after a success."""
        self.stop()
        await answer_error(interaction, error)


class PersistentItem(ui.DynamicItem[ui.Item[Any]], template=r"(?!)"):
    """Answers presses of buttons and choices in menus, also after a restart.

    Those are meant whose custom ids match its template, which subclasses name. Messages hold plain
    items: see `bot.ui.buttons.button_view`.
    """

    def __init__(self, item: ui.Item[Any], match: Match[str]) -> None:
        super().__init__(item)
        self.match = match

    @classmethod
    async def from_custom_id(
        cls, _: discord.Interaction[Any], item: ui.Item[Any], match: Match[str], /
    ) -> Self:
        """Return the item that was used, from the message that Discord sent along."""
        return cls(item, match)

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        """Answer a press, or its error: discord.py only logs the errors of dynamic items."""
        mark_handled(interaction)
        try:
            await self.press(interaction)
        except Exception as error:
            await answer_error(interaction, error)

    async def press(self, interaction: discord.Interaction[Any]) -> None:
        """Do what the item says."""
        raise NotImplementedError


class PersistentButton(PersistentItem, template=r"(?!)"):
    """Answers presses of buttons whose custom ids match its template, also after a restart."""
