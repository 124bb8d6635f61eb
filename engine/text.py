"""Texts for people, which a front end may show in another language."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, init=False)
class Text:
    """A sentence in English with values for its named placeholders; `str` is the whole sentence.

    `Text("at most {most} prompts are allowed", most=16)`: a front end in another language looks up
    the template, and puts the values, which may be texts, into what it finds. A template without
    values is shown as it is, whatever is in it.
    """

    template: str
    values: Mapping[str, object]

    def __init__(self, template: str, /, **values: object) -> None:
        object.__setattr__(self, "template", template)
        object.__setattr__(self, "values", values)

    def __str__(self) -> str:
        return self.template.format_map(self.values) if self.values else self.template


def commas(items: Iterable[object]) -> Text:
    """Return texts, or other values, separated by commas."""
    values = {f"item{number}": each for number, each in enumerate(items)}
    return Text(", ".join(f"{{{name}}}" for name in values), **values)
