"""Sentences in languages: values, plural forms, and what is not translated."""

import io

import pytest

from bot.errors import message_of
from bot.languages.catalogue import CATALOGUES, ENGLISH, language_of, read_language
from bot.languages.message import Message, Sentence, from_engine, joined, listed
from engine.errors import RecipeError
from engine.text import Text

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


def test_parts_and_lists_are_put_into_the_language_of_the_reader():
    pictures = Message.counted("{count} picture", "{count} pictures", 3)
    both = joined("\n", (pictures, None, "", "words"))
    assert (str(both), both.in_language(POLISH)) == ("3 pictures\nwords", "3 obrazki\nwords")
    assert not joined(" ", ("", joined("\n", (None,))))
    places = listed(("#a", "#b", "#c"), "or")
    assert (str(places), places.in_language(language_of("de"))) == (
        "#a, #b or #c",
        "#a, #b oder #c",
    )


def test_a_sentence_has_a_capital_and_the_stop_of_its_language():
    assert str(Sentence("nothing was found")) == "Nothing was found."
    assert str(Sentence("is it red?")) == "Is it red?"
    assert Sentence("何も見つからない").in_language(language_of("ja")) == "何も見つからない。"


def test_a_text_of_the_engine_is_looked_up_by_its_template():
    error = RecipeError("at most {most} are allowed, not {asked}", most=4, asked=Text("{n}", n=9))
    assert str(error) == "at most 4 are allowed, not 9"
    assert str(message_of(error)) == "At most 4 are allowed, not 9."
    capital = from_engine(Text("At most {most} are allowed, not {asked}.", most=4, asked=9))
    assert capital.in_language(POLISH) == "Nie 9: najwyżej 4."
    assert str(RecipeError("no {braces} without values")) == "no {braces} without values"


def test_a_message_in_an_f_string_would_be_english_for_everybody():
    with pytest.raises(TypeError, match="no language yet"):
        f"{Message('words')}"
