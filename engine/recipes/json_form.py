"""The JSON form of recipes: bounded before it is parsed, and strict about its keys. No torch."""

import base64
import json
import re
from collections import Counter
from dataclasses import MISSING, fields
from functools import cache
from reprlib import repr as brief
from typing import Any, cast

from engine.errors import RecipeError
from engine.recipes.checks import MAX_PROMPT_LENGTH, MAX_PROMPTS
from engine.text import Text

MAX_WORDS = 2 * MAX_PROMPTS * MAX_PROMPT_LENGTH
"""Maximum number of characters of a recipe as JSON without its pictures. All prompts take at most
half of them, or all if each character is escaped."""

_PICTURE = re.compile(r'"[A-Za-z0-9+/]{256,}+={0,2}"')
"""A picture in JSON: a string of base64 that is too long to be anything else."""


def parse(text: str) -> object:
    """Return the value of bounded, strict JSON; raises `RecipeError`."""
    _check_length(text)
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except RecipeError:
        raise
    except (ValueError, RecursionError) as error:
        raise RecipeError("the recipe is not valid JSON") from error


def _check_length(text: str) -> None:
    """Raise `RecipeError` if JSON is long even without pictures, before it is parsed.

    Each value takes a hundred times the memory of its text. Every turn of the loop ends at another
    quotation mark, and counts at least one character unless it skips a picture.
    """
    words = position = 0
    while position < len(text):
        if picture := _PICTURE.match(text, position):
            position = picture.end()
            continue
        following = text.find('"', position + 1)
        end = len(text) if following < 0 else following
        words += end - position
        position = end
        if words > MAX_WORDS:
            raise RecipeError(
                "the recipe is not valid JSON for this program: without its pictures it has more "
                "than {most} characters",
                most=MAX_WORDS,
            )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object, or reject duplicate keys: JSON readers disagree which value counts."""
    values = dict(pairs)
    if len(values) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise RecipeError("the recipe contains the key {key} twice", key=brief(twice))
    return values


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def check_version(version: object, latest: int) -> None:
    """Raise `RecipeError` unless `version` is one from 1 to `latest`."""
    if type(version) is int and version > latest:
        raise RecipeError(
            "the recipe has version {version}, newer than {latest}, the latest that this program "
            "can read: update the program",
            version=brief(version),
            latest=latest,
        )
    if type(version) is not int or not 1 <= version <= latest:
        raise RecipeError(
            "the recipe's version must be from 1 to {latest}, not {version}",
            latest=latest,
            version=brief(version),
        )


@cache
def _field_names(kind: type) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return the names of all fields of a dataclass, and of those without a default.

    Cached, because the bot reads thousands of recipes when it starts.
    """
    every = fields(kind)
    return frozenset(f.name for f in every), tuple(f.name for f in every if f.default is MISSING)


def build(kind: type, values: object, name: Text, *encoded: str) -> Any:
    """Create the dataclass `kind` from a JSON object whose keys are its fields.

    Values of the keys `encoded` are base64 strings, which become bytes.
    """
    entries = dict(as_object(values, name))
    for key in encoded:
        _decode(entries, key)
    known, needed = _field_names(kind)
    unknown = sorted(entries.keys() - known)
    if unknown:
        keys = ", ".join(map(brief, unknown[:5]))
        raise RecipeError("{name} contains unknown keys: {keys}", name=name, keys=keys)
    missing = [each for each in needed if each not in entries]
    if missing:
        keys = ", ".join(map(repr, missing))
        raise RecipeError("{name} lacks the keys {keys}", name=name, keys=keys)
    return kind(**entries)


def as_object(value: object, name: Text) -> dict[str, Any]:
    """Return `value` if it is a JSON object, or raise `RecipeError`."""
    if not isinstance(value, dict):
        raise RecipeError("{name} must be a JSON object", name=name)
    return cast(dict[str, Any], value)


def as_list(value: object, name: Text) -> list[object]:
    """Return `value` if it is a list, or raise `RecipeError`."""
    if not isinstance(value, list):
        raise RecipeError("{name} must be a list", name=name)
    return cast(list[object], value)


def _decode(values: dict[str, Any], name: str) -> None:
    if values.get(name) is None:
        return
    try:
        values[name] = base64.b64decode(values[name], validate=True)
    except (TypeError, ValueError) as error:
        key = name.replace("_", " ")
        raise RecipeError("the recipe's {key} must be base64", key=key) from error


def encode_base64(value: object) -> str:
    """Return bytes as base64, for `json.dumps`."""
    if not isinstance(value, bytes):
        raise TypeError(f"{type(value)} cannot be part of a recipe")
    return base64.b64encode(value).decode()
