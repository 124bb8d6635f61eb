"""The catalogues: complete, without leftovers, and with the placeholders of the English texts."""

import ast
import re
from collections.abc import Iterable
from string import Formatter

from babel.messages.catalog import Catalog, Message

from bot.languages.catalogue import CATALOGUES
from tools.messages import CALLS, ROOT, collect, read_catalogue, sources

LIMITS = {"button": 80, "form": 45, "field": 45, "hint": 100, "entry": 100}
"""Maximum numbers of characters of a text, by its context; set by Discord."""


def entries(catalogue: Catalog) -> dict[tuple[str, str | None], Message]:
    """Return the texts of a catalogue, without its header."""
    return {(_forms(each.id)[0], each.context): each for each in catalogue if each.id}


def _forms(text: str | Iterable[str]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


def _placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


async def test_catalogues_are_complete_and_have_the_same_placeholders():
    wanted = entries(await collect())
    assert ("imagine", "command") in wanted
    for name in CATALOGUES:
        catalogue = read_catalogue(name)
        found = entries(catalogue)
        assert found.keys() == wanted.keys(), f"run `make messages`, and translate: {name}"
        assert not any(message.fuzzy for message in found.values())
        for message in found.values():
            translations = _forms(message.string or "")
            assert all(translations), f"{name} lacks: {message.id}"
            names = set().union(*map(_placeholders, _forms(message.id)))
            assert all(_placeholders(each) <= names for each in translations), message.id
            if isinstance(message.id, str):
                assert _placeholders(translations[0]) == names, message.id
            else:
                assert len(translations) == catalogue.num_plurals


async def test_labels_fit_into_discord_in_every_language():
    catalogues = {name: read_catalogue(name) for name in CATALOGUES} | {"en": await collect()}
    for name, catalogue in catalogues.items():
        for message in catalogue:
            limit = LIMITS.get(message.context or "")
            for text in _forms(message.string or "") + _forms(message.id):
                assert limit is None or len(text) <= limit, f"{name}, at most {limit}: {text}"


async def test_commands_are_named_as_their_readers_see_them():
    english = {text for text, context in entries(await collect()) if context == "command"}
    for name in CATALOGUES:
        catalogue = read_catalogue(name)
        shown = {str(each.string) for each in catalogue if each.context == "command"}
        for message in catalogue:
            for text in _forms(message.string or ""):
                named = set(re.findall(r"(?<![\w/<:.])/([a-z-]+)(?![\w/])", text))
                assert not named & (english - shown), f"{name}: {text}"


async def test_texts_are_literals_and_collected():
    """What is put together while the program runs can't be translated."""
    wanted = {text for each in await collect() for text in _forms(each.id)}
    for path in sources():
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call) or _name(call.func) not in CALLS:
                continue
            for text in call.args[:2]:
                where = f"{path.relative_to(ROOT)}, line {text.lineno}"
                assert not isinstance(text, ast.JoinedStr | ast.BinOp), where
            match call.args:
                case [ast.Constant(str(text))] if text:
                    assert text in wanted, f"{path.relative_to(ROOT)}: {text}"
                case _:
                    pass


def _name(called: ast.expr) -> str:
    match called:
        case ast.Name(name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""
