"""Sentences that are put into a language when they are sent."""

from collections.abc import Iterable, Mapping
from typing import Literal, Self

from bot.languages.catalogue import ENGLISH, Language
from engine.text import Text

Value = object
"""A value in a message: itself a message, which is translated, or anything that `str` shows."""
Listing = Literal["and", "or"]
"""How the last of several items is joined to the others."""


class Message:
    """A whole sentence, or several, in English, with values for its named placeholders.

    `Message("At most {most} steps are allowed here.", most=100)`. The text must be a literal, so
    that `make messages` finds it. A message can't be put into an f-string, which would make it
    English before anyone knows who reads it: it becomes a value of another message, or a part of
    `joined`.
    """

    def __init__(self, text: str, /, **values: Value) -> None:
        self._text = text
        self._values: Mapping[str, Value] = values
        self._counted: tuple[str, int] | None = None
        """The text for other counts than one, and the count, if the text depends on one."""
        self._context: str | None = None

    @classmethod
    def counted(cls, one: str, several: str, /, count: int, **values: Value) -> Self:
        """Return a message whose text depends on a count, which is one of its values."""
        message = cls(one, count=count, **values)
        message._counted = several, count
        return message

    @classmethod
    def in_context(cls, context: str, text: str, /, **values: Value) -> Self:
        """Return a message whose text means something else elsewhere, such as a button's label."""
        message = cls(text, **values)
        message._context = context
        return message

    def in_language(self, language: Language) -> str:
        """Return the text in a language, with its values; messages among them are translated."""
        if self._counted is None:
            found = language.text(self._text, self._context)
        else:
            found = language.counted(self._text, *self._counted)
        if not self._values:
            return found
        return found.format_map(
            {name: in_language(value, language) for name, value in self._values.items()}
        )

    def __str__(self) -> str:
        return self.in_language(ENGLISH)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __format__(self, _: str) -> str:
        raise TypeError(f"a message has no language yet: {self!s}")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash(str(self))


class _Joined(Message):
    """Texts one after the other, with a separator that is the same in all languages."""

    def __init__(self, separator: str, parts: Iterable[Message | str]) -> None:
        self._separator = separator
        self._parts = tuple(parts)

    def __bool__(self) -> bool:
        return any(self._parts)

    def in_language(self, language: Language) -> str:
        return self._separator.join(in_language(part, language) for part in self._parts)


class _Listed(Message):
    """Items as a list within a sentence: "a, b or c"."""

    def __init__(self, items: Iterable[Message | str], style: Listing) -> None:
        self._items = tuple(items)
        self._style: Listing = style

    def in_language(self, language: Language) -> str:
        from babel.lists import format_list

        items = [in_language(item, language) for item in self._items]
        style = "standard" if self._style == "and" else "or"
        return format_list(items, style=style, locale=language.region)


class Sentence(Message):
    """A text as a sentence: with a capital at the beginning and a full stop at the end."""

    def __init__(self, text: Message | str) -> None:
        self._of = text

    def in_language(self, language: Language) -> str:
        """Return the sentence in a language."""
        text = in_language(self._of, language)
        stop = "" if text.endswith((".", "!", "?", "。", "！", "？")) else language.full_stop
        return f"{text[:1].upper()}{text[1:]}{stop}"


def in_language(value: Value, language: Language) -> str:
    """Return a message in a language, and any other value as it is."""
    return value.in_language(language) if isinstance(value, Message) else str(value)


def from_engine(text: Text) -> Message:
    """Return a text of the engine as a message."""
    values = text.values.items()
    found = {name: from_engine(each) if isinstance(each, Text) else each for name, each in values}
    return Message(text.template, **found)


def sentences(texts: Iterable[Text]) -> Message:
    """Return texts of the engine as sentences, one after the other."""
    return joined(" ", (Sentence(from_engine(each)) for each in texts))


def command_name(name: str) -> Message:
    """Return the name of a command or a group of commands, as the reader sees it on Discord."""
    return Message.in_context("command", name)


def option_names(*names: str) -> Message:
    """Return the names of options of commands, as the reader sees them on Discord: "`a`, `b`"."""
    found = (Message.in_context("option", name) for name in names)
    return joined(", ", (joined("", ("`", name, "`")) for name in found))


def joined(separator: str, parts: Iterable[Message | str | None]) -> Message:
    """Join texts by a separator such as a line break; those that are None or "" are left out.

    What is joined from nothing counts as false, as "" does.
    """
    return _Joined(separator, (part for part in parts if part))


def listed(items: Iterable[Message | str], style: Listing = "and") -> Message:
    """List items within a sentence: "a, b and c", or "a, b or c"."""
    return _Listed(items, style)


def percentage(share: float) -> Message:
    """Return a share from 0 to 1 as a percentage."""
    return Message("{number} %", number=round(100 * share))
