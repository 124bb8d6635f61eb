"""People and servers with other languages, which simcord does not offer."""

import gettext
import io
from collections.abc import Mapping
from typing import Any, cast

import discord
import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

from bot.languages import catalogue as catalogues
from bot.languages.catalogue import Language, read_language


def set_client_language(monkeypatch: pytest.MonkeyPatch, locale: str) -> None:
    """Let everybody's client be in a language, by Discord's name of it."""
    original = discord.Interaction._from_data  # pyright: ignore[reportPrivateUsage]

    def from_data(interaction: discord.Interaction[Any], data: Any) -> None:
        original(interaction, cast(Any, {**data, "locale": locale}))

    monkeypatch.setattr(discord.Interaction, "_from_data", from_data)


def set_server_language(guild: discord.Guild, locale: str) -> None:
    """Let a server, as the bot knows it, be in a language, as Community servers can."""
    guild.preferred_locale = discord.Locale(locale)


def put_texts(monkeypatch: pytest.MonkeyPatch, name: str, texts: Mapping[str, str]) -> None:
    """Let the catalogue of this name have only these texts, with their translations."""
    catalogue, file = Catalog(locale=name), io.BytesIO()
    for english, translation in texts.items():
        catalogue.add(english, translation)
    write_po(file, catalogue)
    file.seek(0)
    languages = {name: read_language(name, file)}

    def read(other: str) -> Language:
        return languages[other] if other in languages else original(other)

    original = catalogues._read  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(catalogues, "_read", read)


def mark_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every language but English be English texts with its name before them: "fr:Vary"."""
    monkeypatch.setattr(catalogues, "_read", lambda name: Language(name, _Marked(name)))


class _Marked(gettext.NullTranslations):
    """Translations that show which texts were looked up, and in which language."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def gettext(self, message: str) -> str:
        return f"{self._name}:{message}"

    def pgettext(self, context: str, message: str) -> str:
        del context  # one mark is enough
        return self.gettext(message)

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)
