"""Languages and their catalogues."""

import gettext
import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import IO

CATALOGUES = ("de", "fr", "es", "pt_BR", "ja")
"""The languages that the bot is translated into, by the names of their catalogues."""
_OF_LOCALE = {
    "de": "de",
    "fr": "fr",
    "es-ES": "es",
    "es-419": "es",
    "pt-BR": "pt_BR",
    "ja": "ja",
}
"""Catalogues by Discord's names of locales; all others are English.

https://docs.discord.com/developers/reference#locales
"""
_OWN_NAMES = {
    "de": "Deutsch",
    "en": "English",
    "es": "Español",
    "fr": "Français",
    "ja": "日本語",
    "pt_BR": "Português do Brasil",
}
"""What each language is called in itself, by the names of their catalogues."""


@dataclass(frozen=True)
class Language:
    """A language with its catalogue."""

    name: str
    """The name of the catalogue; "en" for English, which needs none."""
    _texts: gettext.NullTranslations

    @property
    def region(self) -> str:
        """The locale whose lists are written as in the bot's English: "a, b or c"."""
        return "en_GB" if self.name == "en" else self.name

    @property
    def full_stop(self) -> str:
        """The sign at the end of a sentence."""
        return "。" if self.name == "ja" else "."

    def text(self, text: str, context: str | None = None) -> str:
        """Return an English text in this language, or as it is if it is not translated.

        `context` tells apart texts that are the same in English.
        """
        if context is None:  # in catalogues, the empty text stands for their header
            return self._texts.gettext(text) if text else ""
        return self._texts.pgettext(context, text)

    def counted(self, one: str, several: str, count: int) -> str:
        """Return the form of a text for a count, out of those that this language has."""
        return self._texts.ngettext(one, several, count)


ENGLISH = Language("en", gettext.NullTranslations())


def language_of(locale: str | None) -> Language:
    """Return the language of one of Discord's locales; English for those without a catalogue."""
    name = _OF_LOCALE.get(locale or "")
    return ENGLISH if name is None else _read(name)


def own_name(locale: str | None) -> str:
    """Return what the language of one of Discord's locales is called in itself."""
    return _OWN_NAMES[_OF_LOCALE.get(locale or "", "en")]


CHOICES: Mapping[str, str] = {
    locale: own_name(locale) for locale in ("de", "en-US", "es-ES", "fr", "ja", "pt-BR")
}
"""The languages that a server can choose, in themselves, by Discord's names of their locales."""


def read_all() -> None:
    """Read all catalogues, so that nothing waits for one later. This takes a moment."""
    for name in CATALOGUES:
        _read(name)


@cache
def _read(name: str) -> Language:
    """Read a catalogue, which takes some milliseconds."""
    with files("bot.languages").joinpath("catalogues", f"{name}.po").open("rb") as source:
        return read_language(name, source)


def read_language(name: str, source: IO[bytes]) -> Language:
    """Read a language from a catalogue in gettext's text format."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    catalogue, compiled = read_po(source, locale=name), io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Language(name, gettext.GNUTranslations(compiled))
