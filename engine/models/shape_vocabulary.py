"""The vocabulary of the demo models: what they do not know, and how to say it so that they do.

The models ignore words that they do not know, so a prompt with such words becomes a picture of
something else. No torch in here.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import islice, pairwise
from typing import Self

from engine.models.shape_words import (
    COLORS,
    CONTENT,
    CONTRASTS,
    GROUNDS,
    KNOWN,
    MEANINGS,
    SHAPES,
    SIMILAR,
    SIZES,
)
from engine.recipes.prompts import Prompt

_DEFAULT_SHAPE, _DEFAULT_COLOR = "circle", "red"
"""A shape that the models paint reliably, and a color for it."""
_PLACE = re.compile(
    r"\b(?:(?:on|to) the (?:left|right)(?: side)?"
    r"|at the (?:top|bottom)|in the (?:upper|lower) part)\b"
)
"""Where an object can be."""
_MOST_GUESSES = 16
"""Maximum number of unknown words of a prompt for which similar ones are looked for."""
_LONGEST_GUESS = 14
"""Maximum length in characters of a word that can be a mistyped one."""
_LIKENESS = 0.83
"""Minimum similarity of a mistyped word with what it should be: one letter of six is wrong."""
_MISTYPED = tuple(sorted(word for word in CONTENT if len(word) >= 5))
"""Words that are recognized when they are mistyped; shorter ones resemble too many others."""


class ShapeVocabulary:
    """The vocabulary of the demo models."""

    def unknown_words(self, text: str) -> tuple[str, ...]:
        """Return the words of a text that mean nothing to the models, each once."""
        return tuple({each.key: each.text for each in _words(text) if not each.is_known}.values())

    def nearest(self, prompts: Sequence[Prompt]) -> tuple[Prompt, ...]:
        """Return prompts that the models know, with all that they know of these.

        Words are replaced by similar ones. Where that is not enough, a part of a prompt is left
        out, or is worded anew, as an object on a background.
        """
        if not prompts:
            return ()
        main = max(prompts, key=lambda each: (each.weight > 0, abs(each.weight)))
        texts = [(each, self._nearest_text(each.text, is_main=each is main)) for each in prompts]
        return tuple(replace(each, text=text) for each, text in texts if text)

    def _nearest_text(self, text: str, *, is_main: bool) -> str:
        """Return a text that the models know; it may be "" for one that is not the main one."""
        if not self.unknown_words(text):
            return text
        segments = [_corrected(each) for each in text.split(",")]
        known = [each for each in segments if each and not self.unknown_words(each)]
        if any(_Content.of(each).shape for each in known):
            return ", ".join(known)
        content = _Content.of(" ".join(segments))
        if not is_main:
            return content.short()
        endings = [each for each in known if not any(word.is_content for word in _words(each))]
        return ", ".join((content.sentence(), *endings))


@dataclass(frozen=True)
class _Word:
    """A word of a text, and where it is."""

    text: str
    start: int
    end: int

    @property
    def key(self) -> str:
        return self.text.lower()

    @property
    def is_known(self) -> bool:
        return self.key in KNOWN

    @property
    def is_content(self) -> bool:
        return self.key in CONTENT


@dataclass(frozen=True)
class _Content:
    """What a text says that the models know: one object and its background."""

    shape: str | None
    color: str | None
    background: str | None
    size: str | None
    place: str | None

    @classmethod
    def of(cls, text: str) -> Self:
        """Read a text; the first color belongs to the object unless it is a background's."""
        words = [MEANINGS.get(each.key, each.key) for each in _words(text) if each.is_known]
        colors = [word for word in words if word in COLORS]
        pairs = pairwise(words)
        grounds = [word for word, after in pairs if word in COLORS and after in GROUNDS]
        if grounds:
            colors.remove(grounds[0])
        color = colors[0] if colors else None
        background = next((each for each in (*grounds[:1], *colors) if each != color), None)
        place = _PLACE.search(text.lower())
        return cls(
            shape=next((word for word in words if word in SHAPES), None),
            color=color,
            background=background,
            size=next((word for word in words if word in SIZES), None),
            place=place and place[0],
        )

    def sentence(self) -> str:
        """Return a sentence about an object on a background, with what is not known added."""
        color = self.color or CONTRASTS.get(self.background or "", _DEFAULT_COLOR)
        thing = _joined(self.size, color, self.shape or _DEFAULT_SHAPE, self.place)
        return _with_articles(f"a {thing} on a {self.background or CONTRASTS[color]} background")

    def short(self) -> str:
        """Return what the text says of an object, or "" if it says nothing of one."""
        if self.shape is None:
            return "" if self.color is None else f"something {self.color}"
        return _with_articles(f"a {_joined(self.size, self.color, self.shape)}")


def _words(text: str) -> list[_Word]:
    """Return the words of a text: all that is neither white space nor punctuation."""
    plain = "".join(" " if _separates(each) else each for each in text)
    return [_Word(found[0], *found.span()) for found in re.finditer(r"\S+", plain)]


def _separates(character: str) -> bool:
    if character.isascii():
        return not character.isalnum()
    return unicodedata.category(character)[0] in "PZC"


def _corrected(text: str) -> str:
    """Replace unknown words by similar ones, and leave out those before a word of `CONTENT`."""
    words = _words(text)
    unknown = dict.fromkeys(each.key for each in words if not each.is_known)
    similar = {word: _similar(word) for word in islice(unknown, _MOST_GUESSES)}
    before_content = False
    for word in reversed(words):
        new = word.text if word.is_known else similar.get(word.key)
        if new is not None or before_content:
            text = f"{text[: word.start]}{new or ''}{text[word.end :]}"
        before_content = before_content if new is None else new.lower() in CONTENT
    return _with_articles(" ".join(text.split()))


def _similar(word: str) -> str | None:
    """Return a known word that an unknown one stands for; None if there is none."""
    singulars = [word, *(word.removesuffix(end) for end in ("es", "s") if word.endswith(end))]
    for each in singulars:
        if each in CONTENT or each in SIMILAR:
            return SIMILAR.get(each, each)
    if len(word) > _LONGEST_GUESS:
        return None
    candidates = [each for each in _MISTYPED if each[0] == word[0]]
    found = get_close_matches(word, candidates, 1, _LIKENESS)
    return found[0] if found else None


def _joined(*words: str | None) -> str:
    return " ".join(filter(None, words))


def _with_articles(text: str) -> str:
    """Correct "a" and "an"."""
    text = re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", text)
    return re.sub(r"\b([Aa])n (?=[b-df-hj-np-tv-z])", r"\1 ", text)
