r"""Prompts: what a picture should show, with weights (paper, Section 2.5, "prompt addition").

Syntax: ``text:weight:stop | text:weight``. The weight (default 1) says how much a prompt counts,
a negative one pushes away from it; the stop value (default none) is the distance at which the
prompt is content. A colon, a bar or a backslash that belongs to the text is written ``\:``,
``\|`` or ``\\``; before any other character a backslash stands for itself.
"""

import math
import re
from dataclasses import dataclass
from reprlib import repr as brief

from engine.errors import RecipeError

MAX_LENGTH = 4000
"""Characters of one prompt; CLIP reads far fewer, this bounds what is stored and shown."""
MAX_PROMPTS = 16
"""Prompts of one picture."""
MAX_WEIGHT = 1000.0
"""Largest weight or stop value, either way."""


@dataclass(frozen=True)
class Prompt:
    """A text, its weight, and the distance (0 to pi^2 / 2, signed like the weight) to stop at.

    Space around the text is dropped. Raises `RecipeError` for a value that is not allowed.
    """

    text: str
    weight: float = 1.0
    stop: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", _checked_text(self.text))
        check_strength("weight", self.weight, repr(shorten(self.text)))
        if self.stop is not None:
            check_strength("stop value", self.stop, repr(shorten(self.text)))

    def __str__(self) -> str:
        """The prompt in the syntax that `parse_prompts` reads."""
        text = re.sub(r"([:|\\])", r"\\\1", self.text)
        if self.stop is not None:
            return f"{text}:{self.weight!r}:{self.stop!r}"
        return text if self.weight == 1 else f"{text}:{self.weight!r}"


def parse_prompts(line: str) -> tuple[Prompt, ...]:
    """Read one line of prompts; raises `RecipeError` where it does not follow the syntax."""
    parts = [part.strip() for part in _split(line, "|")]
    return tuple(_parse_prompt(part) for part in parts)


def check_prompts(prompts: tuple[Prompt, ...]) -> None:
    """Raise `RecipeError` unless `prompts` can steer a picture together."""
    if not isinstance(prompts, tuple) or not all(isinstance(each, Prompt) for each in prompts):
        raise RecipeError(f"prompts must be a tuple of Prompt, not {brief(prompts)}")
    if not prompts:
        raise RecipeError("the prompt is empty: say in words what the picture should show")
    if len(prompts) > MAX_PROMPTS:
        raise RecipeError(f"{len(prompts)} prompts were given; at most {MAX_PROMPTS} are allowed")
    if all(prompt.weight == 0 for prompt in prompts):
        raise RecipeError("all weights are zero: at least one prompt needs another weight")


def check_strength(name: str, value: object, whose: str) -> None:
    """Raise `RecipeError` unless `value` can be the weight or stop value of a prompt."""
    # Comparing also settles nan, infinity and whole numbers too big for a float.
    fits = isinstance(value, int | float) and -MAX_WEIGHT <= value <= MAX_WEIGHT
    if isinstance(value, bool) or not fits:
        raise RecipeError(
            f"the {name} of {whose} must be a finite number between "
            f"-{MAX_WEIGHT:g} and {MAX_WEIGHT:g}, not {brief(value)}"
        )


def shorten(text: str, length: int = 40) -> str:
    """`text` on one line and at most `length` characters long, for messages."""
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
    """Split at every `separator` that no backslash escapes; the backslashes stay."""
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
            r"(a colon in the text is written \:)"
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
        raise RecipeError(f"the prompt {shorten(text)!r} holds characters that are no Unicode")
    return text
