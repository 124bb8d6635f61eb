"""Prompts: what a picture should show, with weights (paper, Section 2.5, "prompt addition").

The weight (default 1) scales the prompt's loss; a negative weight pushes away from the prompt. The
stop value (default none) is the distance below which the prompt has no more effect.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from reprlib import repr as brief

from engine.errors import RecipeError
from engine.recipes.chapter_marks import write_mark
from engine.recipes.checks import MAX_PROMPT_LENGTH, MAX_PROMPTS, is_number, is_tuple_of
from engine.recipes.prompt_syntax import MAX_WEIGHT, STOP, WEIGHT, Term, read_line, write_term
from engine.recipes.story import Story
from engine.text import Text, commas

_EXPLAINED = 5
"""Maximum number of prompts, and of chapters, in an explanation."""


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


def line_of(prompts: Sequence[Prompt], story: Story | None = None) -> str:
    """Return prompts, in the chapters of a story if there is one, as a line for `parse_line`."""
    return join_terms([str(prompt) for prompt in prompts], story)


def join_terms(terms: Sequence[str], story: Story | None) -> str:
    """Return terms as a line, with marks between the chapters of a story if there is one."""
    if story is None:
        return " | ".join(terms)
    chapters = zip(story.chapters, story.split(terms), strict=True)
    marked = (
        f"{write_mark(chapter.share, is_first=index == 0)}{' | '.join(own)}"
        for index, (chapter, own) in enumerate(chapters)
    )
    return "".join(marked)


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
    story: Story | None
    """The chapters of the prompts; None if the line is no story."""
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
        if self.story is not None:
            told += self._explained_story(self.story, quote)
        elif self.is_weighted:
            listed = _listed(self.prompts, quote)
            told.append(Text("the prompt was read as {prompts}", prompts=listed))
        if self.emphasis is not None:
            told.append(
                Text(
                    "{words} was read as text: only a whole text has a weight, as in "
                    "red:1.3 | a car",
                    words=quote(self.emphasis),
                )
            )
        return tuple(told)

    def _explained_story(self, story: Story, quote: Callable[[str], str]) -> list[Text]:
        """Return what each chapter is, and what a weight that looks like a share is."""
        told = [Text("the prompt was read as {count} chapters", count=len(story.chapters))]
        chapters = list(zip(story.shares, story.split(self.prompts), strict=True))
        for number, (share, prompts) in enumerate(chapters[:_EXPLAINED], 1):
            is_plain = prompts == (Prompt(prompts[0].text),)
            told.append(
                Text(
                    "chapter {number} is {prompts} for {share} of the steps",
                    number=number,
                    prompts=quote(prompts[0].text) if is_plain else _listed(prompts, quote),
                    share=f"{share:.0%}",
                )
            )
        alone = (prompts[0] for _, prompts in chapters if len(prompts) == 1)
        misplaced = next((each for each in alone if each.weight not in (0, 1)), None)
        if misplaced is not None:
            told.append(
                Text(
                    "the number behind {words} is its weight: for a longer or shorter chapter, "
                    "write the number behind the ^ before it, as in ^:{number}",
                    words=quote(misplaced.text),
                    number=f"{abs(misplaced.weight):g}",
                )
            )
        return told


def parse_prompts(line: str) -> tuple[Prompt, ...]:
    """Read the prompts in a line, those of all chapters; see `engine.recipes.prompt_syntax`.

    Raises:
        RecipeError: The line does not follow the syntax.
    """
    return parse_line(line).prompts


def parse_line(line: str) -> PromptLine:
    """Read a line of prompts, and what else it says; raises `RecipeError`."""
    found = read_line(line)
    is_weighted = any(term.weight is not None for term in found.terms)
    prompts = tuple(map(_prompt, found.terms))
    return PromptLine(prompts, found.story, found.aspect, is_weighted, found.emphasis)


def _prompt(term: Term) -> Prompt:
    if term.weight is None:
        return Prompt(term.text)
    try:
        return Prompt(term.text, term.weight, term.stop)
    except RecipeError as error:
        raise RecipeError(
            r"{error} (write \: for a colon in the text)", error=error.text
        ) from error


def _listed(prompts: Sequence[Prompt], quote: Callable[[str], str]) -> Text:
    """Return a list of prompts with their weights."""
    parts = [_explained(prompt, quote) for prompt in prompts[:_EXPLAINED]]
    left = len(prompts) - len(parts)
    parts += [Text("and {count} more", count=left)] if left else []
    return commas(parts)


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
    if len(text) > MAX_PROMPT_LENGTH:
        raise RecipeError(
            "the prompt has {length} characters; at most {most} are allowed",
            length=len(text),
            most=MAX_PROMPT_LENGTH,
        )
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise RecipeError(
            "the prompt {prompt} contains characters that are not Unicode",
            prompt=repr(shorten(text)),
        )
    return text
