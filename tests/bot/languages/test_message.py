"""Sentences in languages: values, plural forms, and what is not translated."""

import io

import pytest

from bot.languages.catalogue import CATALOGUES, ENGLISH, language_of, read_language
from bot.languages.message import Message

POLISH = read_language(
    "pl",
    io.BytesIO(
        """
msgid ""
msgstr "Content-Type: text/plain; charset=utf-8\\n"

msgid "At most {most} are allowed, not {asked}."
msgstr "Nie {asked}: najwyżej {most}."

msgid "{count} picture"
msgid_plural "{count} pictures"
msgstr[0] "{count} obrazek"
msgstr[1] "{count} obrazki"
msgstr[2] "{count} obrazków"

msgctxt "command"
msgid "show"
msgstr "pokaż"
""".encode()
    ),
)


def test_a_message_is_put_into_a_language_with_its_values():
    message = Message("At most {most} are allowed, not {asked}.", most=4, asked=9)
    assert str(message) == "At most 4 are allowed, not 9."
    assert message.in_language(POLISH) == "Nie 9: najwyżej 4."
    assert message.in_language(language_of("de")) == str(message)  # it is not in that catalogue


@pytest.mark.parametrize(
    ("count", "english", "polish"),
    [
        (1, "1 picture", "1 obrazek"),
        (3, "3 pictures", "3 obrazki"),
        (5, "5 pictures", "5 obrazków"),
    ],
)
def test_a_count_has_the_forms_of_its_language(count: int, english: str, polish: str):
    message = Message.counted("{count} picture", "{count} pictures", count)
    assert (str(message), message.in_language(POLISH)) == (english, polish)


def test_messages_inside_messages_are_translated_and_words_of_people_are_not():
    pictures = Message.counted("{count} picture", "{count} pictures", 5)
    message = Message("At most {most} are allowed, not {asked}.", most=pictures, asked="{count} x")
    assert message.in_language(POLISH) == "Nie {count} x: najwyżej 5 obrazków."


def test_a_context_tells_equal_texts_apart():
    assert POLISH.text("show", "command") == "pokaż"
    assert POLISH.text("show") == "show"


def test_locales_of_discord_have_languages():
    assert {language_of(each).name for each in ("de", "fr", "es-ES", "pt-BR", "ja")} == {
        *CATALOGUES
    }
    assert language_of("es-419") is language_of("es-ES")
    for other in ("en-US", "en-GB", "pl", "", None):
        assert language_of(other) is ENGLISH
