"""Forms about the pictures of one message, and the parts that they share."""

from typing import Any

import discord
from discord import ui

from bot.ui.base import Form
from bot.ui.uploads import choose_picture, pictures_in

_LABEL = 100
"""Characters of an option, at most."""


class PictureForm(Form):
    """A form that asks which picture of a message is meant, if there are several."""

    def __init__(self, title: str, message: discord.Message) -> None:
        super().__init__(title)
        self.message = message
        self._pictures = pictures_in(message)
        self._which: ui.Select[Any] | None = None
        choose_picture(self._pictures, 1)

    def open_for(self) -> None:
        """Add the question which picture is meant, unless there is one only."""
        if len(self._pictures) == 1:
            return
        options = [
            discord.SelectOption(label=f"#{number} {file.filename}"[:_LABEL], value=str(number))
            for number, file in enumerate(self._pictures, 1)
        ]
        options[0].default = True
        self._which = ui.Select(custom_id="which", options=options)
        self.ask("Which picture?", self._which)

    @property
    def picture(self) -> discord.Attachment:
        """The one that is meant."""
        number = int(self._which.values[0]) if self._which and self._which.values else 1
        return choose_picture(self._pictures, number)


def words_input(custom_id: str, limit: int, *, required: bool = True) -> ui.TextInput[Any]:
    """A field for words."""
    style = discord.TextStyle.paragraph
    return ui.TextInput(
        custom_id=custom_id, style=style, max_length=min(limit, 4000), required=required
    )
