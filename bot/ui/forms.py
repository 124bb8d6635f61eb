"""Forms about the pictures of one message, and fields that forms share."""

from typing import Any

import discord
from discord import ui

from bot.languages.catalogue import Language
from bot.languages.message import Message
from bot.ui.base import Form
from bot.ui.media import check_not_linked
from bot.ui.uploads import choose_picture, pictures_in

WHICH_PICTURE = Message.in_context("field", "Which picture?")
"""The question which of several pictures is meant."""
_LABEL = 100
"""Maximum length of an option, in characters."""


class PictureForm(Form):
    """A form that asks for one picture of a message, if it has several."""

    def __init__(self, title: Message, message: discord.Message, language: Language) -> None:
        super().__init__(title, language)
        self.message = message
        self._pictures = pictures_in(message)
        self._which: ui.Select[Any] | None = None
        check_not_linked(message, self._pictures)
        choose_picture(self._pictures, 1)

    def ask_which(self) -> None:
        """Ask which picture is meant, unless there is only one."""
        if len(self._pictures) == 1:
            return
        options = [
            discord.SelectOption(label=f"#{number} {file.filename}"[:_LABEL], value=str(number))
            for number, file in enumerate(self._pictures, 1)
        ]
        options[0].default = True
        self._which = ui.Select(custom_id="which", options=options)
        self.ask(WHICH_PICTURE, self._which)

    @property
    def picture(self) -> discord.Attachment:
        """The picture that was chosen."""
        number = int(self._which.values[0]) if self._which and self._which.values else 1
        return choose_picture(self._pictures, number)


def words_input(custom_id: str, limit: int, *, required: bool = True) -> ui.TextInput[Any]:
    """Return a text field of at most `limit` characters."""
    style = discord.TextStyle.paragraph
    return ui.TextInput(
        custom_id=custom_id, style=style, max_length=min(limit, 4000), required=required
    )
