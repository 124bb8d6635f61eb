"""Checks of a recipe's values, whatever paints it. No torch in here."""

from reprlib import repr as brief
from types import UnionType
from typing import TypeGuard, TypeVar, cast

from engine.errors import RecipeError
from engine.text import Text

MIN_SIDE, MAX_SIDE = 16, 4096
MAX_STEPS = 100_000
MAX_SEED = 2**63 - 1
MAX_ENLARGE = 16
MAX_PROMPTS = 16
"""Maximum number of prompts for a picture, those of all chapters of a story together."""
MAX_PROMPT_LENGTH = 4000
"""Maximum number of characters in a prompt. CLIP reads far fewer; the limit bounds what is stored
and shown."""

_Item = TypeVar("_Item")


def check_instance(name: str, value: object, kind: type | UnionType) -> None:
    """Raise `RecipeError` unless `value` is of a type."""
    if not isinstance(value, kind):
        raise RecipeError(
            "{name} must be of the type {kind}, not {value}",
            name=name,
            kind=str(kind),
            value=brief(value),
        )


def check_whole(name: Text | str, value: object, low: int, high: int) -> int:
    """Return `value` if it is a whole number from `low` to `high`, or raise `RecipeError`."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise RecipeError(
            "{name} must be a whole number from {low} to {high}, not {value}",
            name=name,
            low=low,
            high=high,
            value=brief(value),
        )
    return value


def check_one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    """Raise `RecipeError` unless `value` is one of some words."""
    if value not in allowed:
        raise RecipeError(
            "{name} must be one of {allowed}, not {value}",
            name=name,
            allowed=", ".join(allowed),
            value=brief(value),
        )


def check_models(name: object) -> None:
    """Raise `RecipeError` unless `name` can be the name of models."""
    if not isinstance(name, str) or not name:
        raise RecipeError("models must be the name of a pair of models")


def is_tuple_of(value: object, kind: type[_Item]) -> TypeGuard[tuple[_Item, ...]]:
    """Return True if `value` is a tuple of instances of `kind`."""
    if not isinstance(value, tuple):
        return False
    return all(isinstance(each, kind) for each in cast(tuple[object, ...], value))


def is_number(value: object, low: float, high: float) -> bool:
    """Return True for a number from `low` to `high`, which nan and booleans are not."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return low <= value <= high  # also rejects infinity and integers too large for a float


def check_number(name: str, value: object, low: float, high: float) -> None:
    """Raise `RecipeError` unless `value` is a number from `low` to `high`."""
    if not is_number(value, low, high):
        raise RecipeError(
            "{name} must be a number from {low} to {high}, not {value}",
            name=name,
            low=f"{low:g}",
            high=f"{high:g}",
            value=brief(value),
        )
