r"""The syntax of prompts: from a line of text to chapters of terms with weights, and back.

A line is `text:weight:stop | text:weight`. What is no weight belongs to the text, and so does what
follows a digit and a colon, "at 12:30", or stands behind a colon like the mouth of a face, "a cat
:3". In a text with an escaped colon, each other colon counts. Texts may contain links, emoji codes
such as `:smile:`, and emphasis such as `(red:1.3)`.

The syntax of Midjourney is understood too: `cat::2 dog::1` are two texts, `--no fog, sea` are texts
with the weight -0.5, and `--ar 16:9` is the aspect ratio of the picture.

A `^` with white space on both sides separates the chapters of a story, as in
`a forest ^ a burning forest | smoke:0.5 ^ ashes`. A number behind a `^` is the share of the chapter
that follows, relative to the others: `a forest ^:0.5 ashes` paints the ashes half as long as the
forest, and `^:2 a forest ^ ashes` says so of the first chapter. A number behind a text is its
weight in every chapter, even in `a forest ^ ashes:0.5`. One could read that as the share, because a
chapter's only text seems to count against nothing. But it counts against pictures that the painting
should resemble and against what `--no` names, and a share would turn into a weight as soon as
someone adds a second text. So the sign in front of a number says what the number is, wherever it
stands. What `--no` names counts in every chapter, as it does in the whole prompt of Midjourney.

A `^` within a word or face, such as `x^2` or `^_^`, belongs to the text, and so does one with words
on one side only, as in "a cat ^".

Write `\:`, `\|`, `\\`, `\--no` and `\^` for these characters in a text; before any other character
a backslash stands for itself.
"""

import math
import re
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from engine.errors import RecipeError
from engine.recipes.chapter_marks import (
    NUMBER,
    add_before_marks,
    escape_marks,
    read_share,
    split_chapters,
)
from engine.recipes.checks import MAX_PROMPTS
from engine.recipes.story import Chapter, Story
from engine.text import Text

MAX_WEIGHT = 1000.0
"""Maximum absolute value of a weight or stop value."""
WEIGHT_OF_NO = -0.5
"""Weight of what `--no` names, as in Midjourney."""
WEIGHT, STOP = Text("the weight"), Text("the stop value")
"""What messages call the numbers of a prompt."""

_COLON, _BAR, _BACKSLASH, _DASHES, _OPAQUE = "\udc01", "\udc02", "\udc03", "\udc04", "\udc05"
_CARET = "\udc06"
"""What stands for escaped characters, dashes behind a backslash, and colons in links and emoji,
while a line is read. Lone surrogates are not Unicode, so no prompt contains them."""
_READ = {
    _COLON: ":",
    _BAR: "|",
    _BACKSLASH: "\\",
    _DASHES: "",
    _OPAQUE: ":",
    _CARET: "^",
}
_FLAG = r"(?:--|—|–)(?:ar|aspect|no)(?!\S)"
"""Phones write two hyphens as a dash."""
_ESCAPE = re.compile(rf"\\([:|\\])|(?<!\S)\\(?:(?={_FLAG})|(\^)(?=(?:\\?:\S*)?(?!\S)))")
_LINK_OR_EMOJI = re.compile(
    r"\b[A-Za-z][A-Za-z0-9+.-]{0,20}://\S+"
    r"|<a?:\w{1,40}:[0-9]{1,25}>"
    rf"|(?<!\w)(?::(?!{NUMBER}:)(?=[\w+-]{{0,60}}[A-Za-z_])[\w+-]{{1,60}}:)+"
)
_NO_NUMBER = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
"""What Python calls a number too; only directly after a colon, because "Nan" is also a name."""
_ASPECT = re.compile(r"\s?(?<!\S)(?:--|—|–)(?:ar|aspect)\s+(\d{1,4}):(\d{1,4})(?!\S)")
_NO = re.compile(r"\s?(?<!\S)(?:--|—|–)no\s+(.*?)(?=\s(?:--|—|–)[a-z]|$)", re.DOTALL)
_DOUBLE_COLON = re.compile(
    rf"(?<!:)::(?!:)(?:(?P<weight>{NUMBER})(?::(?P<stop>{NUMBER}))?)?(?=[\s,]|$)"
)
_EMPHASIS = re.compile(rf"\([^()|]*:{NUMBER}\)")


class Term(NamedTuple):
    """A text of a line with the numbers that were written behind it."""

    text: str
    weight: float | None = None
    """The weight, or None if none was written."""
    stop: float | None = None


class Line(NamedTuple):
    """What a line of prompts says."""

    terms: tuple[Term, ...]
    """Those of all chapters, one chapter after the other."""
    story: Story | None = None
    """The chapters; None for a line without any."""
    aspect: tuple[int, int] | None = None
    """Width and height of the aspect ratio that is asked for."""
    emphasis: str | None = None
    """Words in brackets with a number, which belong to the text."""


def read_line(line: str) -> Line:
    """Read a line of prompts.

    Raises:
        RecipeError: A weight or stop value is not finite, there are too many numbers, a chapter is
            empty, or its share is no number above 0.
    """
    if any("\ud800" <= character <= "\udfff" for character in line):
        return Line((Term(line),))  # no prompt may contain them, as its text says
    plain = _ESCAPE.sub(_protected, line)
    plain = _LINK_OR_EMOJI.sub(lambda found: found[0].replace(":", _OPAQUE), plain)
    ratios = [(int(found[1]), int(found[2])) for found in _ASPECT.finditer(plain)]
    aspect = ratios[-1] if ratios and 0 not in ratios[-1] else None
    if aspect is not None:
        plain = _ASPECT.sub("", plain)
    emphasis = _EMPHASIS.search(plain)
    terms, story = _read_chapters(plain)
    terms = tuple(term._replace(text=_restored(term.text)) for term in terms)
    return Line(terms, story, aspect, emphasis and _restored(emphasis[0]))


def write_term(text: str, weight: float, stop: float | None) -> str:
    """Return a term as someone would type it, which `read_line` reads as the same term."""
    # After a digit, a single colon would belong to the text.
    colon = "::" if text[-1:].isdigit() else ":"
    numbers = "" if stop is None else f":{stop!r}"
    if weight != 1 or stop is not None:
        numbers = f"{colon}{weight!r}{numbers}"
    if "\\" not in text and _reads_as(f"{text}{numbers}", text, weight, stop):
        return escape_marks(f"{text}{numbers}")
    escaped = re.sub(r"([:|\\])", r"\\\1", text)
    return escape_marks(re.sub(rf"(?<!\S)(?={_FLAG})", r"\\", escaped + numbers))


def with_excluded(line: str, words: str) -> str:
    """Return a line that also pushes away from `words`, which commas separate, as `--no` does."""
    excluded = [Term(each.strip(), WEIGHT_OF_NO) for each in words.split(",") if each.strip()]
    if not excluded:
        return line
    texts = [term.text for term in excluded]
    short = f"{line} --no {', '.join(texts)}".strip()
    before = read_line(line) if line.strip() else Line(())
    chapters = [before.terms] if before.story is None else before.story.split(before.terms)
    wanted = [(*chapter, *excluded) for chapter in chapters]
    if read_line(short).terms == tuple(chain(*wanted)):
        return short
    terms = [write_term(text, WEIGHT_OF_NO, None) for text in texts]
    if before.story is not None:
        line = add_before_marks(line, f"| {' | '.join(terms)}")
    return " | ".join((*filter(str.strip, (line,)), *terms))


def _reads_as(line: str, text: str, weight: float, stop: float | None) -> bool:
    try:
        found = read_line(line)
    except RecipeError:
        return False
    if len(found.terms) != 1 or found.aspect is not None:
        return False
    (term,) = found.terms
    return (term.text, 1 if term.weight is None else term.weight, term.stop) == (text, weight, stop)


def _protected(found: re.Match[str]) -> str:
    return {":": _COLON, "|": _BAR, "\\": _BACKSLASH, "^": _CARET, None: _DASHES}[
        found[1] or found[2]
    ]


def _restored(text: str) -> str:
    return "".join(_READ.get(character, character) for character in text).strip()


def _read_chapters(plain: str) -> tuple[list[Term], Story | None]:
    """Return the terms of a line, and the chapters that they belong to."""
    chapters = split_chapters(plain)
    if len(chapters) == 1:
        parts = [_read_part(part.strip()) for part in plain.split("|")]
        return [term for part in parts for term in (*part.own, *part.excluded)], None
    terms: list[Term] = []
    counts: list[int] = []
    read = [[_read_part(part.strip()) for part in words.split("|")] for _, words in chapters]
    excluded = [term for parts in read for part in parts for term in part.excluded]
    for number, parts in enumerate(read, 1):
        own = [term for part in parts for term in part.own]
        if not any(term.text.strip() for term in own):
            raise RecipeError(
                "chapter {number} of the story is empty: write words on both sides of each ^, "
                "and \\^ for a ^ in a text",
                number=number,
            )
        terms += [*own, *excluded]
        counts.append(len(own) + len(excluded))
    if len(terms) > MAX_PROMPTS:
        raise RecipeError(
            "the chapters of the story have {given} prompts together; at most {most} are allowed, "
            "so leave some out",
            given=len(terms),
            most=MAX_PROMPTS,
        )
    shares = [_share(written) for written, _ in chapters]
    return terms, Story(tuple(map(Chapter, counts, shares)))


def _share(written: str | None) -> float:
    """Return the share of a chapter from what is written behind its mark."""
    return 1.0 if written is None else read_share(written, _brief(written))


class _Part(NamedTuple):
    """What stands between two bars."""

    own: tuple[Term, ...]
    excluded: tuple[Term, ...]
    """What `--no` names."""


def _read_part(part: str) -> _Part:
    lists = [found[1].split(",") for found in _NO.finditer(part)]
    excluded = [Term(what, WEIGHT_OF_NO) for each in lists for what in each if what.strip()]
    rest = _NO.sub("", part)
    own = _read_texts(rest) if rest.strip() or not excluded else ()
    return _Part(tuple(own), tuple(excluded))


def _read_texts(part: str) -> Iterator[Term]:
    """Yield the texts that double colons separate, with the numbers behind them."""
    start = 0
    for found in _DOUBLE_COLON.finditer(part):
        text = _after_comma(part[start : found.start()]) if start else part[: found.start()]
        start = found.end()
        weight = 1.0 if found["weight"] is None else _number(WEIGHT, found["weight"], text)
        stop = None if found["stop"] is None else _number(STOP, found["stop"], text)
        yield Term(text, weight, stop)
    rest = _after_comma(part[start:]) if start else part
    if rest.strip() or not start:
        yield _read_text(rest)


def _after_comma(text: str) -> str:
    return text.lstrip(" ,")


def _read_text(part: str) -> Term:
    """Return a text with the numbers behind single colons, if they are numbers."""
    pieces = part.split(":")
    count = 0
    while count < len(pieces) - 1 and _is_number(pieces[-1 - count]):
        if _is_face(pieces[-2 - count], pieces[-1 - count]) and _COLON not in part:
            return Term(part)
        count += 1
    text = ":".join(pieces[: len(pieces) - count])
    if count == 0 or (text.rstrip()[-1:].isdigit() and _COLON not in text):
        return Term(part)
    if count > 2:
        raise RecipeError(
            "the prompt {prompt} has too many colons: write text, text:weight or "
            r"text:weight:stop, and \: for a colon in the text",
            prompt=_brief(part),
        )
    names, numbers = (WEIGHT, STOP), pieces[len(pieces) - count :]
    values = [_number(name, number, text) for name, number in zip(names, numbers, strict=False)]
    return Term(text, *values)


def _is_number(piece: str) -> bool:
    if re.fullmatch(NUMBER, piece.strip()) is None:
        return _NO_NUMBER.fullmatch(piece.rstrip()) is not None
    # "Blade Runner: 2049" has no weight, but "fog:2049" has one that is too large.
    return not piece[:1].isspace() or abs(float(piece)) <= MAX_WEIGHT


def _is_face(before: str, piece: str) -> bool:
    """Return True for a colon behind a space and directly before a number, as in "a cat :3"."""
    return before[-1:].isspace() and not piece[:1].isspace()


def _number(name: Text, number: str, text: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise RecipeError(
            "{name} {number} of {text} must be a finite number "
            r"(write \: for a colon in the text)",
            name=name,
            number=_brief(number),
            text=_brief(text),
        )
    return value


def _brief(text: str, length: int = 40) -> str:
    line = " ".join(_restored(text).split())
    return repr(line if len(line) <= length else line[: length - 1] + "…")
