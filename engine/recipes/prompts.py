r"""Prompts: what a picture should show, with weights (paper, Section 2.5, "prompt addition").

Syntax: ``text:weight:stop | text:weight``. The weight (default 1) scales the prompt's loss; a
negative weight pushes away from the prompt. The stop value (default none) is the distance below
which the prompt has no more effect. Write a colon, a bar or a backslash in the text as ``\:``,
``\|`` or ``\\``; before any other character a backslash stands for itself.
"""

import math
import re
from dataclasses import dataclass
from reprlib import repr as brief
from typing import TypeGuard, TypeVar, cast

from engine.errors import RecipeError

MAX_LENGTH = 4000
"""Maximum number of characters in a prompt. CLIP reads far fewer; the limit bounds what is stored
and shown."""
MAX_PROMPTS = 16
"""Maximum number of prompts for a picture."""
MAX_WEIGHT = 1000.0
"""Maximum absolute value of a weight or stop value."""

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Prompt:
    """A text that the picture should show, or be unlike.

    Raises:
        RecipeError: A value is not allowed.
    """

    text: str
    """What to show; white space around it is removed."""
    weight: float = 1.0
    """Weight of the prompt's loss; a negative one pushes away from the text."""
    stop: float | None = None
    """Distance below which the prompt has no more effect, from 0 to pi^2 / 2 with the sign of the
    weight; None for no limit."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", _checked_text(self.text))
        check_strength("weight", self.weight, repr(shorten(self.text)))
        if self.stop is not None:
            check_strength("stop value", self.stop, repr(shorten(self.text)))

    def __str__(self) -> str:
        """Return the prompt in the syntax that `parse_prompts` reads."""
        text = re.sub(r"([:|\\])", r"\\\1", self.text)
        if self.stop is not None:
            return f"{text}:{self.weight!r}:{self.stop!r}"
        return text if self.weight == 1 else f"{text}:{self.weight!r}"


def parse_prompts(line: str) -> tuple[Prompt, ...]:
    """Read one line of prompts.

    Raises:
        RecipeError: The line does not follow the syntax.
    """
    parts = [part.strip() for part in _split(line, "|")]
    return tuple(_parse_prompt(part) for part in parts)


def is_tuple_of(value: object, kind: type[_Item]) -> TypeGuard[tuple[_Item, ...]]:
    """Return True if `value` is a tuple of instances of `kind`."""
    if not isinstance(value, tuple):
        return False
    return all(isinstance(each, kind) for each in cast(tuple[object, ...], value))


def check_prompts(prompts: object) -> None:
    """Raise `RecipeError` unless a picture can be painted from `prompts`."""
    if not is_tuple_of(prompts, Prompt):
        raise RecipeError(f"prompts must be a tuple of Prompt, not {brief(prompts)}")
    if not prompts:
        raise RecipeError("the prompt is empty: say in words what the picture should show")
    if len(prompts) > MAX_PROMPTS:
        raise RecipeError(f"{len(prompts)} prompts were given; at most {MAX_PROMPTS} are allowed")
    if all(prompt.weight == 0 for prompt in prompts):
        raise RecipeError("all weights are zero: give at least one prompt another weight")


def is_number(value: object, low: float, high: float) -> bool:
    """Return True for a number from `low` to `high`, which nan and booleans are not."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return low <= value <= high  # also rejects infinity and integers too large for a float


def check_number(name: str, value: object, low: float, high: float) -> None:
    """Raise `RecipeError` unless `value` is a number from `low` to `high`."""
    if not is_number(value, low, high):
        raise RecipeError(f"{name} must be a number from {low:g} to {high:g}, not {brief(value)}")


def check_strength(name: str, value: object, whose: str) -> None:
    """Raise `RecipeError` unless `value` can be the weight or stop value of a prompt."""
    if not is_number(value, -MAX_WEIGHT, MAX_WEIGHT):
        raise RecipeError(
            f"the {name} of {whose} must be a finite number between "
            f"-{MAX_WEIGHT:g} and {MAX_WEIGHT:g}, not {brief(value)}"
        )


def shorten(text: str, length: int = 40) -> str:
    """Return `text` on one line, cut to at most `length` characters, for messages."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"


def _parse_prompt(part: str) -> Prompt:
    text, *numbers = _split(part, ":")
    if len(numbers) > 2:
        raise RecipeError(
            f"the prompt {shorten(part)!r} has too many colons: write text, text:weight or "
            r"text:weight:stop, and \: for a colon in the text"
        )
    text = re.sub(r"\\([:|\\])", r"\1", text).strip()
    names = ("weight", "stop value")
    values = [_number(name, number, text) for name, number in zip(names, numbers, strict=False)]
    return Prompt(text, *values)


def _split(line: str, separator: str) -> list[str]:
    """Split at every `separator` that no backslash escapes, and keep the backslashes."""
    parts = [""]
    for token in re.findall(r"\\[:|\\]|.", line, re.DOTALL):
        if token == separator:
            parts.append("")
        else:
            parts[-1] += token
    return parts


def _number(name: str, number: str, text: str) -> float:
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise RecipeError(
            f"the {name} {shorten(number)!r} of {shorten(text)!r} must be a finite number "
            r"(write \: for a colon in the text)"
        )
    return value


def _checked_text(text: object) -> str:
    if not isinstance(text, str):
        raise RecipeError(f"the prompt must be text, not {brief(text)}")
    text = text.strip()
    if not text:
        raise RecipeError("the prompt is empty: say in words what the picture should show")
    if len(text) > MAX_LENGTH:
        raise RecipeError(
            f"the prompt has {len(text)} characters; at most {MAX_LENGTH} are allowed"
        )
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise RecipeError(f"the prompt {shorten(text)!r} contains characters that are not Unicode")
    return text
