"""Sentences that are put into a language when they are sent."""

from typing import Self

from bot.languages.catalogue import ENGLISH, Language


class Message:
    """A whole sentence, or several, in English, with values for its named placeholders.

    `Message("At most {most} steps are allowed here.", most=100)`. The text must be a literal, so
    that `make messages` finds it.
    """

    def __init__(self, text: str, /, **values: object) -> None:
        self._text = text
        self._values = values
        self._counted: tuple[str, int] | None = None
        """The text for other counts than one, and the count, if the text depends on one."""

    @classmethod
    def counted(cls, one: str, several: str, /, count: int, **values: object) -> Self:
        """Return a message whose text depends on a count, which is one of its values."""
        message = cls(one, count=count, **values)
        message._counted = several, count
        return message

    def in_language(self, language: Language) -> str:
        """Return the text in a language, with its values; messages among them are translated."""
        if self._counted is None:
            found = language.text(self._text)
        else:
            found = language.counted(self._text, *self._counted)
        values = {
            name: value.in_language(language) if isinstance(value, Message) else value
            for name, value in self._values.items()
        }
        return found.format_map(values)

    def __str__(self) -> str:
        return self.in_language(ENGLISH)
