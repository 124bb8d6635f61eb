"""The catalogues: complete, without leftovers, and with the placeholders of the English texts."""

from collections.abc import Iterable
from string import Formatter

from babel.messages.catalog import Catalog, Message

from bot.languages.catalogue import CATALOGUES
from tools.messages import collect, read_catalogue


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
