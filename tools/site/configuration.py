"""The reference of `config.toml`, from the template that is shipped and the settings' own types."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.config import BotSettings
from bot.secret_variables import ENV_PREFIX

_TEMPLATE = Path("config.toml")
_TABLE = re.compile(r"\[(?P<name>\w+)\]")
_KEY = re.compile(r"(?P<name>\w+) = (?P<value>.+)")
_TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "array": "list",
    "object": "table",
}
_FEWEST_LETTERS = 60
"""Length of a default in letters above which it is shown by itself."""


@dataclass
class Key:
    """A key of the template."""

    name: str
    default: str
    """Its default as TOML."""
    meaning: list[str]
    """The lines of its comment."""


@dataclass
class Table:
    """A table of the template."""

    name: str
    about: list[str] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)


def reference() -> str:
    """Return the Markdown of a section for each table, with all its keys."""
    schema = BotSettings.model_json_schema()
    parts: list[str] = []
    for table in read_template(_TEMPLATE.read_text("utf-8")):
        described = _resolved(schema["properties"][table.name], schema)
        parts += [f"## [{table.name}]", *_paragraphs(table.about)]
        for key in table.keys:
            parts += _described(table.name, key, described["properties"][key.name], schema)
    return "\n\n".join(parts)


def read_template(text: str) -> list[Table]:
    """Return the tables of the template with their comments."""
    tables: list[Table] = []
    comment: list[str] = []
    for line in text.splitlines():
        if line.startswith("#"):
            comment.append(line[1:].strip())
        elif found := _TABLE.fullmatch(line):
            tables.append(Table(found["name"]))
            comment = []
        elif found := _KEY.fullmatch(line):
            tables[-1].keys.append(Key(found["name"], found["value"], comment))
            comment = []
        elif not line and comment and tables and not tables[-1].keys:
            tables[-1].about += comment
            comment = []
        elif line:
            raise ValueError(f"config.toml has a line that is no comment, table or key: {line}")
    return tables


def _described(
    table: str, key: Key, kind: Mapping[str, Any], schema: Mapping[str, Any]
) -> Iterator[str]:
    """Yield the paragraphs about a key."""
    variable = f"{ENV_PREFIX}{table}__{key.name}".upper()
    yield f"### {key.name} {{ #{table}.{key.name} }}"
    facts = {
        "Type": _type(kind, schema),
        "Default": f"`{key.default}`",
        "Variable": f"`{variable}`",
    }
    yield " · ".join(f"{name}: {value}" for name, value in facts.items())
    yield from _paragraphs(key.meaning)


def _paragraphs(lines: list[str]) -> list[str]:
    text = "\n".join(lines).strip()
    # What stands in brackets or after a backslash is meant as it is.
    return [part.replace("[", "\\[").replace("<", "&lt;") for part in text.split("\n\n") if part]


def _type(kind: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """Return the type and the range of a value in words."""
    kind = _resolved(kind, schema)
    if "enum" in kind:
        return " or ".join(f'`"{each}"`' for each in kind["enum"])
    if "const" in kind:
        return f'`"{kind["const"]}"`'
    if "anyOf" in kind:
        return " or ".join(dict.fromkeys(_type(each, schema) for each in kind["anyOf"]))
    name = _TYPES[kind["type"]]
    if kind["type"] == "array" and "items" in kind:
        name = f"list of {_type(kind['items'], schema)}"
    low, high = (
        _bound(kind, "minimum", "exclusiveMinimum"),
        _bound(kind, "maximum", "exclusiveMaximum"),
    )
    if low and high:
        name += f", {low} to {high}"
    elif low or high:
        name += f", from {low}" if low else f", up to {high}"
    if "maxItems" in kind:
        name += f", up to {kind['maxItems']} entries"
    return name


def _bound(kind: Mapping[str, Any], inclusive: str, exclusive: str) -> str:
    if inclusive in kind:
        return f"{kind[inclusive]:,}"
    return f"{kind[exclusive]:,} (exclusive)" if exclusive in kind else ""


def _resolved(kind: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow a reference inside the schema."""
    if "$ref" in kind:
        return schema["$defs"][kind["$ref"].rsplit("/", 1)[1]]
    return kind
