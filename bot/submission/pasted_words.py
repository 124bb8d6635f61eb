r"""Write prompts as text that can be pasted into the options of a command.

Discord and the local page find an option by its name with a colon, wherever a word begins. No
quotation marks protect a prompt with such a word, so `size: big` is written as `size\: big`, which
means the same.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple, Self

from bot.saved_style import MAX_STYLE
from engine.errors import RecipeError
from engine.recipes.prompts import Prompt, join_terms, parse_line
from engine.recipes.story import Chapter, Story

_MAX_OPTIONS = 6
"""Maximum number of words in a prompt that look like options; with more, it is left as it is."""


@dataclass(frozen=True)
class PastedWords:
    """The options `prompt` and `style` of a command."""

    prompt: str
    style: str | None = None
    is_exact: bool = True
    """False if a command would read them in another way."""

    @property
    def wording(self) -> "Wording":
        """What a command reads; raises `RecipeError` if it refuses them."""
        line = parse_line(self.prompt)
        found = Wording.of(line.prompts, line.story)
        if self.style is None:
            return found
        return found._replace(prompts=[_with_style(each, self.style) for each in found.prompts])


class Wording(NamedTuple):
    """Prompts, and how they are divided into chapters."""

    prompts: Sequence[Prompt]
    """The prompts with single spaces; perceptors see no difference."""
    chapters: tuple[Chapter, ...]
    """The chapters of a story; none if the prompts are no story."""

    @classmethod
    def of(cls, prompts: Sequence[Prompt], story: Story | None) -> Self:
        """Return the wording of a recipe or a line."""
        single = [replace(each, text=_one_line(each.text)) for each in prompts]
        return cls(single, () if story is None else story.chapters)


def pasted_words(
    typed: str, wanted: Wording, names: Collection[str], *, has_style: bool
) -> PastedWords:
    """Return words that a command with options of these names reads as `wanted`.

    They are the words that someone typed for these prompts, if possible. `has_style` is False if
    the command has no style, or the style of these prompts cannot be given. Without prompts they
    are empty.
    """
    if not wanted.prompts:
        return PastedWords("")
    for words in _candidates(typed, wanted, names):
        is_allowed = has_style or words.style is None
        if is_allowed and _is_read_as(words, wanted, names):
            return words
    return PastedWords(_one_line(_written(wanted, ())), is_exact=False)


def pasted_phrases(line: str, names: Collection[str]) -> PastedWords:
    """Return a line of phrases, which has no prompts, for a command with options of these names."""
    line = _one_line(line)
    return PastedWords(line, is_exact=_is_safe(line, names))


def _candidates(typed: str, wanted: Wording, names: Collection[str]) -> Iterator[PastedWords]:
    line = _one_line(typed)
    yield PastedWords(line)
    before = _read(line)
    style = None if before is None else _style(before.prompts, wanted.prompts)
    if before is not None and style is not None:
        yield PastedWords(line, style)
        yield PastedWords(_written(before, names), style)
    yield PastedWords(_written(wanted, names))


def _is_read_as(words: PastedWords, wanted: Wording, names: Collection[str]) -> bool:
    if not (_is_safe(words.prompt, names) and _is_safe(words.style or "", names)):
        return False
    try:
        return words.wording == wanted
    except RecipeError:
        return False


def _with_style(prompt: Prompt, style: str) -> Prompt:
    return replace(prompt, text=f"{prompt.text}, {style}") if prompt.weight > 0 else prompt


def _style(before: Sequence[Prompt], after: Sequence[Prompt]) -> str | None:
    """Return the words that were appended to each prompt with a positive weight, or None."""
    if len(before) != len(after):
        return None
    pairs = [pair for pair in zip(before, after, strict=True) if pair[0].weight > 0]
    added = {new.text.removeprefix(f"{old.text}, ") for old, new in pairs if new.text != old.text}
    style = added.pop() if len(added) == 1 else ""
    return style if 0 < len(style) <= MAX_STYLE else None


def _written(wording: Wording, names: Collection[str]) -> str:
    terms = [_term(each, names) for each in wording.prompts]
    return join_terms(terms, Story(wording.chapters) if wording.chapters else None)


def _term(prompt: Prompt, names: Collection[str]) -> str:
    """Return a prompt as text in which nothing looks like an option, if that is possible."""
    plain = _one_line(str(prompt))
    before, *parts = _option(names).split(plain)
    found = list(zip(parts[::2], parts[1::2], strict=True))
    # In a text, a colon is escaped; between a text and its weight, spaces say the same.
    for colons in product(("\\:", " : "), repeat=min(len(found), _MAX_OPTIONS)):
        rest = (f"{name}{c}{text}" for (name, text), c in zip(found, colons, strict=False))
        text = _one_line(before + "".join(rest))
        if len(colons) == len(found) and _read(text) == Wording.of([prompt], None):
            return text
    return plain


def _read(text: str) -> Wording | None:
    try:
        line = parse_line(text)
    except RecipeError:
        return None
    return Wording.of(line.prompts, line.story)


def _is_safe(text: str, names: Collection[str]) -> bool:
    return _option(names).search(text) is None


def _option(names: Collection[str]) -> re.Pattern[str]:
    return re.compile(rf"(?<!\S)({'|'.join(map(re.escape, names))}):", re.IGNORECASE)


def _one_line(text: str) -> str:
    return " ".join(text.split())
