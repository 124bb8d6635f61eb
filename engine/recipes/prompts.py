"""Prompts: what a picture should show, with weights (paper, Section 2.5, "prompt addition").

The weight (default 1) scales the prompt's loss; a negative weight pushes away from the prompt. The
stop value (default none) is the distance below which the prompt has no more effect.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from reprlib import repr as brief
from typing import TypeGuard, TypeVar, cast

from engine.errors import RecipeError
from engine.recipes.prompt_syntax import MAX_WEIGHT, STOP, WEIGHT, Term, read_line, write_term
from engine.text import Text, commas

MAX_LENGTH = 4000
"""Maximum number of characters in a prompt. CLIP reads far fewer; the limit bounds what is stored
and shown."""
MAX_PROMPTS = 16
"""Maximum number of prompts for a picture."""

_EXPLAINED = 5
"""Maximum number of prompts in an explanation."""

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
        check_strength(WEIGHT, self.weight, repr(shorten(self.text)))
        if self.stop is not None:
            check_strength(STOP, self.stop, repr(shorten(self.text)))

    def __str__(self) -> str:
        """Return the prompt in the syntax that `parse_prompts` reads."""
        return write_term(self.text, self.weight, self.stop)


def line_of(prompts: Iterable[Prompt]) -> str:
    """Return prompts as a line that `parse_prompts` reads."""
    return " | ".join(map(str, prompts))


def shorten(text: str, length: int = 40) -> str:
    """Return `text` on one line, cut to at most `length` characters, for messages."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"


def _quoted(text: str) -> str:
    return repr(shorten(text))


@dataclass(frozen=True)
class PromptLine:
    """A line of prompts as it was understood."""

    prompts: tuple[Prompt, ...]
    aspect: tuple[int, int] | None
    """Aspect ratio that the line asks for, as width and height."""
    is_weighted: bool
    """True if the line contains a weight, or a sign that separates texts with weights."""
    emphasis: str | None
    """Words in brackets with a number, which belong to the text."""

    def explanation(self, quote: Callable[[str], str] = _quoted) -> tuple[Text, ...]:
        """Return how the line was read; nothing if it is one text or texts without weights.

        `quote` marks the words of a person in the sentences, which have no full stops.
        """
        told: list[Text] = []
        if self.is_weighted:
            parts = [_explained(prompt, quote) for prompt in self.prompts[:_EXPLAINED]]
            left = len(self.prompts) - len(parts)
            parts += [Text("and {count} more", count=left)] if left else []
            told.append(Text("the prompt was read as {prompts}", prompts=commas(parts)))
        if self.emphasis is not None:
            told.append(
                Text(
                    "{words} was read as text: only a whole text has a weight, as in "
                    "red:1.3 | a car",
                    words=quote(self.emphasis),
                )
            )
        return tuple(told)


def parse_prompts(line: str) -> tuple[Prompt, ...]:
    """Read the prompts in a line; see `engine.recipes.prompt_syntax`.

    Raises:
        RecipeError: The line does not follow the syntax.
    """
    return parse_line(line).prompts


def parse_line(line: str) -> PromptLine:
    """Read a line of prompts, and what else it says; raises `RecipeError`."""
    found = read_line(line)
    is_weighted = any(term.weight is not None for term in found.terms)
    return PromptLine(tuple(map(_prompt, found.terms)), found.aspect, is_weighted, found.emphasis)


def _prompt(term: Term) -> Prompt:
    if term.weight is None:
        return Prompt(term.text)
    try:
        return Prompt(term.text, term.weight, term.stop)
    except RecipeError as error:
        raise RecipeError(
            r"{error} (write \: for a colon in the text)", error=error.text
        ) from error


def _explained(prompt: Prompt, quote: Callable[[str], str]) -> Text:
    words, weight = quote(prompt.text), f"{prompt.weight:g}"
    if prompt.stop is None:
        return Text("{words} with the weight {weight}", words=words, weight=weight)
    return Text(
        "{words} with the weight {weight} up to the stop value {stop}",
        words=words,
        weight=weight,
        stop=f"{prompt.stop:g}",
    )


def is_tuple_of(value: object, kind: type[_Item]) -> TypeGuard[tuple[_Item, ...]]:
    """Return True if `value` is a tuple of instances of `kind`."""
    if not isinstance(value, tuple):
        return False
    return all(isinstance(each, kind) for each in cast(tuple[object, ...], value))


def check_prompts(prompts: object) -> None:
    """Raise `RecipeError` unless `prompts` are as many as a recipe can have."""
    if not is_tuple_of(prompts, Prompt):
        raise RecipeError("prompts must be a tuple of Prompt, not {value}", value=brief(prompts))
    if len(prompts) > MAX_PROMPTS:
        raise RecipeError(
            "{given} prompts were given; at most {most} are allowed",
            given=len(prompts),
            most=MAX_PROMPTS,
        )


def check_weights(weights: Sequence[float]) -> None:
    """Raise `RecipeError` unless a picture can be painted from prompts with these weights.

    They are those of a recipe's texts and pictures together.
    """
    if not weights:
        raise RecipeError("the prompt is empty: say in words what the picture should show")
    if not any(weights):
        raise RecipeError("all weights are zero: give at least one prompt another weight")


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


def check_strength(name: Text, value: object, whose: Text | str) -> None:
    """Raise `RecipeError` unless `value` can be the weight or stop value of a prompt."""
    if not is_number(value, -MAX_WEIGHT, MAX_WEIGHT):
        raise RecipeError(
            "{name} of {whose} must be a finite number between -{most} and {most}, not {value}",
            name=name,
            whose=whose,
            most=f"{MAX_WEIGHT:g}",
            value=brief(value),
        )


def _checked_text(text: object) -> str:
    if not isinstance(text, str):
        raise RecipeError("the prompt must be text, not {value}", value=brief(text))
    text = text.strip()
    if not text:
        raise RecipeError("the prompt is empty: say in words what the picture should show")
    if len(text) > MAX_LENGTH:
        raise RecipeError(
            "the prompt has {length} characters; at most {most} are allowed",
            length=len(text),
            most=MAX_LENGTH,
        )
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise RecipeError(
            "the prompt {prompt} contains characters that are not Unicode",
            prompt=repr(shorten(text)),
        )
    return text
