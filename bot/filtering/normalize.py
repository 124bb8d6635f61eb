"""Text read letter by letter, as a person reads it who knows the usual disguises.

Invisible characters and accents are dropped, fonts and look-alikes are read as what they look like,
digits and signs as the letters that they are written for. Between letters there may be separators;
how strongly they separate is kept, so that words can be told from parts of words.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum

from bot.filtering.confusables import confusables_of, latin_base, leet_letters

ANY = frozenset("*")
"""What an asterisk inside a word stands for."""
_ASTERISK, _I_OR_L = "\ue000", "\ue001"
"""In place of characters that are read in a way of their own. Unicode leaves these to its users,
and none that comes with a text is kept."""
_INSIDE = re.compile(r"(?<=[^\W\d_])\*+(?=[^\W\d_])")
_TWINS = re.compile("(?<=[a-z])I+|(?<!I)I+(?=[a-z])|(?<=[A-Z])l+(?=[A-Z])|(?<=[A-Z]{2})l+(?![a-z])")
"""I among small letters, and l among capitals: each may be the other."""
_BETWEEN = re.compile("[\\s'\u2019\u2018\u02bc`\u2032]+")
"""Spaces and apostrophes, which separate the parts of many a harmless pair: pen is, he'll."""
_INVISIBLE = "\u0640\u115f\u1160\u3164\uffa0\u17b4\u17b5"
"""Letters, for Unicode, that show nothing, and the one that only stretches Arabic words."""
_VOICING = 8
"""Combining class of kana's voicing marks, without which another sound is written."""
_POINTS = range(10, 37)
"""Combining classes of Hebrew's and Arabic's points, which are mostly left out in writing."""
_ACCENTS = 200
"""The lowest of the combining classes of accents."""
_OVERLAY = 1
_SPACELESS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)
"""Thai, Lao, Burmese, Khmer, kana and Han: scripts that put no space between words."""


class Boundary(IntEnum):
    """What lies before a letter."""

    NONE = 0
    """Nothing: the letter goes on with a word."""
    JOINT = 1
    """A place where a word may end or begin, or be held together: s.p.a.c.e.d, bad-word."""
    BREAK = 2
    """A space: no word goes on behind it."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter of a text."""

    boundary: Boundary
    certain: frozenset[str]
    """What it is, and what it looks like."""
    possible: frozenset[str] = frozenset()
    """What it may stand for, being a digit or a sign; `ANY` for any letter."""
    is_sign: bool = False
    """Whether it may be no letter at all."""

    @property
    def is_digit(self) -> bool:
        """Whether it is one."""
        return bool(self.certain and self.possible)


def read_letters(text: str) -> Iterator[Letter]:
    """The letters of a text, in their order."""
    plain = _INSIDE.sub(lambda found: _ASTERISK * len(found[0]), _plain(text))
    plain = _TWINS.sub(lambda found: _I_OR_L * len(found[0]), plain)
    alone: list[Letter] = []
    for chunk in _BETWEEN.split(plain):
        letters = _read_chunk(chunk)
        if len(letters) == 1:
            alone += letters
        elif letters:
            yield from _spaced(alone)
            alone = []
            yield replace(letters[0], boundary=Boundary.BREAK)
            yield from letters[1:]
    yield from _spaced(alone)


def is_spaceless(character: str) -> bool:
    """Whether a character belongs to a script that puts no space between words."""
    return _SPACELESS.match(character) is not None


def _plain(text: str) -> str:
    """A text without what is not seen in it and without accents, in Unicode's simplest characters.

    A mark stays only in the script that it belongs to, where it may be a vowel.
    """
    kept: list[str] = []
    base = " "
    for character in unicodedata.normalize("NFKD", text):
        category = unicodedata.category(character)
        if category[0] == "M":
            if not _is_own_mark(character, base):
                continue
        elif character in _INVISIBLE or (category[0] == "C" and not character.isspace()):
            continue
        else:
            base = character
        kept.append(character)
    composed = unicodedata.normalize("NFC", "".join(kept))
    return "".join(map(latin_base, composed))


def _is_own_mark(mark: str, base: str) -> bool:
    combining = unicodedata.combining(mark)
    script = _script(base)
    if combining == _VOICING:
        return script in ("HIRAGANA", "KATAKANA")
    is_accent = combining == _OVERLAY or combining in _POINTS or combining >= _ACCENTS
    return not is_accent and _script(mark) == script


def _script(character: str) -> str:
    return unicodedata.name(character, "").partition(" ")[0]


def _spaced(letters: list[Letter]) -> Iterator[Letter]:
    """Letters that stand alone, one after the other: a word that was s p a c e d.

    Digits belong to it unless they are most of it: 5 5 is no word.
    """
    digits = sum(letter.is_digit for letter in letters)
    with_digits = 2 * digits < len(letters)
    held = False
    for letter in letters:
        holds = with_digits or not letter.is_digit
        yield replace(letter, boundary=Boundary.JOINT if held and holds else Boundary.BREAK)
        held = holds


def _read_chunk(chunk: str) -> list[Letter]:
    """The letters of text without a space."""
    letters: list[Letter] = []
    before = ""
    for character in chunk:
        found = _read(character)
        if found:
            gap = Boundary.NONE if before and _hold_together(before, character) else Boundary.JOINT
            letters += (replace(found[0], boundary=gap), *found[1:])
        before = character if found else ""
    return letters


def _hold_together(one: str, other: str) -> bool:
    """Whether no word ends or begins between two characters: in words and in numbers."""
    if _is_letter(one) and _is_letter(other):
        return not (is_spaceless(one) or is_spaceless(other))
    return one.isdigit() and other.isdigit()


def _read(character: str) -> list[Letter]:
    """A character's letters, none if it separates; what lies before them is not said."""
    if character == _I_OR_L:
        return [Letter(Boundary.NONE, frozenset("il"))]
    if _is_letter(character):
        return [Letter(Boundary.NONE, confusables_of(each)) for each in character.casefold()]
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return [Letter(Boundary.NONE, frozenset(str(digit)), leet_letters(str(digit)))]
    meant = ANY if character == _ASTERISK else leet_letters(character)
    return [Letter(Boundary.NONE, frozenset(), meant, is_sign=True)] if meant else []


def _is_letter(character: str) -> bool:
    return character == _I_OR_L or unicodedata.category(character)[0] in "LM"
