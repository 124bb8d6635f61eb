"""Commands that are typed as text, such as `/imagine a cat steps:5`.

Text before the first option belongs to the command's first required text option, else to its first
text option: `/imagine a cat` and `/imagine prompt: a cat` are the same.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

_BOOLEANS = {"true": True, "yes": True, "false": False, "no": False}
_NUMBERS = {"integer": "a whole number", "number": "a number"}
_TYPED = ("string", *_NUMBERS)
"""The types of options whose values are sent as text."""

Value = str | bool


class _Wire(BaseModel):
    """A part of the list of commands, as simcord's page receives it."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, frozen=True)


class Choice(_Wire):
    """One of the values that an option can have."""

    name: str
    value: str | int | float


class Option(_Wire):
    """An option of a command."""

    name: str
    description: str
    type: Literal[
        "string",
        "integer",
        "number",
        "boolean",
        "user",
        "channel",
        "role",
        "mentionable",
        "attachment",
    ]
    required: bool
    choices: tuple[Choice, ...] = ()
    min_value: float | None = None
    max_value: float | None = None
    max_length: int | None = None

    def read(self, text: str) -> Value | None:
        """Return the value that a text means, None if it means none; Discord checks the rest."""
        words = text.casefold()
        for choice in self.choices:
            if words in (choice.name.casefold(), str(choice.value).casefold()):
                return str(choice.value)
        if self.type == "boolean":
            return _BOOLEANS.get(words)
        return text or None if self.type in _TYPED and not self.choices else None

    def expected(self) -> str:
        """Return a sentence that says which values the option takes."""
        if self.choices:
            return f"It must be one of: {', '.join(choice.name for choice in self.choices)}."
        if self.type == "boolean":
            return "It must be true or false."
        if self.type in _NUMBERS:
            return f"It must be {_NUMBERS[self.type]}{self._range()}."
        if self.type == "string":
            return f"It can have up to {self.max_length or 6000} characters."
        return (
            "It cannot be typed as text: type only the command's name, choose the command, and "
            "fill in its fields."
        )

    def _range(self) -> str:
        low, high = self.min_value, self.max_value
        if low is not None and high is not None:
            return f" from {low:g} to {high:g}"
        if high is not None:
            return f" up to {high:g}"
        return f" from {low:g}" if low is not None else ""


class Command(_Wire):
    """A command or subcommand that a person may use."""

    command_id: str
    path: tuple[str, ...]
    invocation: str
    schema_fingerprint: str
    options: tuple[Option, ...]

    def option(self, name: str) -> Option | None:
        """Return the option with a name."""
        return next((each for each in self.options if each.name == name), None)

    def text_option(self) -> Option | None:
        """Return the option to which text without a name belongs."""
        texts = [each for each in self.options if each.type == "string"]
        return next((each for each in texts if each.required), texts[0] if texts else None)


class Catalog(_Wire):
    """The commands that a person may use."""

    entries: tuple[Command, ...]


@dataclass(frozen=True)
class TypedCommand:
    """A command with the values of its options."""

    command: Command
    values: dict[str, Value]


class RefusedActionError(Exception):
    """What a person typed or pressed cannot be done; the message says what to do."""


def read_command(text: str, commands: Sequence[Command]) -> TypedCommand:
    """Read a command with its options from a text. Raises `RefusedActionError`."""
    command = _find(text, commands)
    words = text.strip().split(maxsplit=len(command.path))
    rest = words[-1] if len(words) > len(command.path) else ""
    values = {name: _read_value(command, name, value) for name, value in _split(command, rest)}
    for option in command.options:
        if option.required and option.name not in values:
            raise RefusedActionError(_needs(command, option))
    return TypedCommand(command, values)


def _needs(command: Command, option: Option) -> str:
    """Return the sentences that say that an option is missing."""
    needs = f"/{command.invocation} needs “{option.name}”: {option.description.rstrip('.')}."
    return needs if option.type == "string" else f"{needs} {option.expected()}"


def _find(text: str, commands: Sequence[Command]) -> Command:
    """Return the command with whose name a text begins, the longest one."""
    words = text.strip()[1:].casefold().split()
    found = [each for each in commands if tuple(words[: len(each.path)]) == each.path]
    if found:
        return max(found, key=lambda each: len(each.path))
    parts = [each.invocation for each in commands if each.path[0] == words[0]]
    if parts:
        raise RefusedActionError(f"Choose one of: {', '.join(f'/{each}' for each in parts)}.")
    raise RefusedActionError(
        f"There is no command /{words[0]}. Type / to see all commands, or /help."
    )


def _split(command: Command, text: str) -> list[tuple[str, str]]:
    """Return the names of options and the texts of their values, in the order of the text."""
    names = "|".join(re.escape(each.name) for each in command.options) or r"(?!)"
    before, *named = re.split(rf"(?<!\S)({names}):", text, flags=re.IGNORECASE)
    pairs = [
        (name.casefold(), value.strip())
        for name, value in zip(named[::2], named[1::2], strict=True)
    ]
    if not before.strip():
        return pairs
    option = command.text_option()
    if option is None:
        raise RefusedActionError(f"/{command.invocation} takes no text: leave it out.")
    if option.name in dict(pairs):
        raise RefusedActionError(
            f"“{option.name}” is there twice: write all of it after “{option.name}:”."
        )
    return [(option.name, before.strip()), *pairs]


def _read_value(command: Command, name: str, text: str) -> Value:
    option = command.option(name)
    assert option is not None
    value = option.read(text)
    if value is None:
        raise RefusedActionError(refusal(command, option))
    return value


def refusal(command: Command, option: Option) -> str:
    """Return the sentences that say that an option does not have such a value."""
    return f"/{command.invocation} cannot use this value of “{option.name}”. {option.expected()}"
