"""The commands in the languages of their users, as Discord gets them."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest

from bot.command_translator import CommandTranslator, with_values
from tests.harness.bot_harness import BotHarness, until

LOCALES = {"de", "fr", "es-ES", "es-419", "pt-BR", "ja"}
NAME = re.compile(r"[-_'\w]{1,32}")
"""What Discord allows in the names of commands and options; letters and digits of any script.

https://docs.discord.com/developers/interactions/application-commands
"""
LONGEST_COMMAND = 8000
"""Maximum number of characters of all texts of a command together; set by Discord."""
TEXT_INPUT = 1
"""The type of commands that are typed; the others are menus."""


@pytest.fixture
async def commands(bot: BotHarness) -> list[dict[str, Any]]:
    """Return the commands that the bot sent to Discord."""
    await until(lambda: bot.env.backend.commands.get(None))
    return list(bot.env.backend.commands[None].values())


def parts(command: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Return a command with all its groups, subcommands, options and choices."""
    yield command
    for each in (*command.get("options", ()), *command.get("choices", ())):
        yield from parts(each)


def texts(part: dict[str, Any], key: str) -> dict[str, str]:
    """Return a text of a part in English ("en") and all other languages."""
    return {"en": part.get(key, ""), **part.get(f"{key}_localizations", {})}


async def test_every_text_has_every_language(commands: list[dict[str, Any]]):
    for part in chain.from_iterable(map(parts, commands)):
        for key in ("name", "description"):
            if part.get(key):
                assert texts(part, key).keys() == {"en", *LOCALES}, part[key]


async def test_texts_follow_the_rules_of_discord(commands: list[dict[str, Any]]):
    for command in commands:
        for part in parts(command):
            is_free = command["type"] != TEXT_INPUT or "value" in part  # menus and choices
            for name in texts(part, "name").values():
                longest = 100 if "value" in part else 32
                assert 1 <= len(name) <= longest, name
                assert is_free or (NAME.fullmatch(name) and name == name.lower()), name
            if part.get("description"):
                assert all(1 <= len(each) <= 100 for each in texts(part, "description").values())
        length = sum(
            max(map(len, texts(part, key).values()))
            for part in parts(command)
            for key in ("name", "description")
        )
        assert length <= LONGEST_COMMAND, command["name"]


async def test_names_beside_each_other_differ(commands: list[dict[str, Any]]):
    families = [[each for each in commands if each["type"] == TEXT_INPUT]]
    for part in chain.from_iterable(map(parts, commands)):
        families += [part.get("options", []), part.get("choices", [])]
    for family in families:
        for locale in ("en", *LOCALES):
            names = Counter(texts(each, "name")[locale] for each in family)
            assert all(count == 1 for count in names.values()), (locale, names)


async def test_examples_in_a_description_stay_as_they_are(commands: list[dict[str, Any]]):
    (imagine,) = (each for each in commands if each["name"] == "imagine")
    (prompt,) = (each for each in imagine["options"] if each["name"] == "prompt")
    english = texts(prompt, "description")["en"]
    example = english.removeprefix("What the picture should show, such as: ")
    assert texts(prompt, "description")["de"] == f"Was das Bild zeigen soll, etwa: {example}"


async def test_a_command_is_given_by_its_english_name(bot: BotHarness):
    await bot.imagine(steps=1)
    await bot.wait_until_notified()
    assert isinstance(bot.client.tree.translator, CommandTranslator)


def test_a_long_example_is_cut_off():
    text = with_values("A style, such as: {style}", style="x" * 200)
    assert len(text.message) == 100
