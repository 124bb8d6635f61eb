"""Normalize text to letters, as a person reads it who knows common disguises.

Invisible characters and accents are dropped. Fonts and look-alikes become the letters that they
resemble, digits and signs the letters for which they are used. Each letter records how strongly it
is separated from the one before, so that words can be distinguished from parts of words.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum

from bot.filtering.confusables import confusables_of, latin_base, leet_letters

ANY = frozenset("*")
"""The letters for which an asterisk inside a word is used: any."""
_ASTERISK, _I_OR_L = "\ue000", "\ue001"
"""Private-use characters that replace characters with a special meaning.

Private-use characters of the text itself are dropped.
"""
_INSIDE = re.compile(r"(?<=[^\W\d_])\*+(?=[^\W\d_])")
_TWINS = re.compile("(?<=[a-z])I+|(?<!I)I+(?=[a-z])|(?<=[A-Z])l+(?=[A-Z])|(?<=[A-Z]{2})l+(?![a-z])")
"""An I among small letters or an l among capitals, each of which may be the other."""
_BETWEEN = re.compile("[\\s'\u2019\u2018\u02bc`\u2032]+")
"""Spaces and apostrophes, which separate parts of harmless text: "pen is", "he'll"."""
_INVISIBLE = "\u0640\u115f\u1160\u3164\uffa0\u17b4\u17b5"
"""Letters that are invisible, and one that only stretches Arabic words."""
_VOICING = 8
"""The combining class of kana's voicing marks, which change the sound."""
_POINTS = range(10, 37)
"""The combining classes of Hebrew and Arabic points, which are mostly omitted in writing."""
_ACCENTS = 200
"""The lowest of the combining classes of accents."""
_OVERLAY = 1
"""The combining class of marks that cross a letter."""
_SPACELESS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)
"""The scripts without spaces between words: Thai, Lao, Burmese, Khmer, kana and Han."""


class Boundary(IntEnum):
    """What separates a letter from the one before."""

    NONE = 0
    """Nothing: the letter continues a word."""
    JOINT = 1
    """A separator at which a word can end, or continue: s.p.a.c.e.d, bad-word."""
    BREAK = 2
    """A space: no word continues after it."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter of a text."""

    boundary: Boundary
    certain: frozenset[str]
    """The letter in lower case, and the letters that it looks like."""
    possible: frozenset[str] = frozenset()
    """The letters for which a digit or a sign may be used; `ANY` for any letter."""
    is_sign: bool = False
    """Whether it may be a separator instead of a letter."""

    @property
    def is_digit(self) -> bool:
        """Whether it is a digit."""
        return bool(self.certain and self.possible)


def read_letters(text: str) -> Iterator[Letter]:
    """Yield the letters of a text, in their order."""
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
    """Return True if a character's script has no spaces between words."""
    return _SPACELESS.match(character) is not None


def _plain(text: str) -> str:
    """Decompose a text, and remove accents and invisible characters.

    A mark is kept only in its own script, where it may be a vowel.
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
    """Join letters separated by spaces (`s p a c e d`) into one word.

    Digits count only while they are the minority: `5 5` is not a word.
    """
    digits = sum(letter.is_digit for letter in letters)
    with_digits = 2 * digits < len(letters)
    was_in_word = False
    for letter in letters:
        is_in_word = with_digits or not letter.is_digit
        is_joined = was_in_word and is_in_word
        yield replace(letter, boundary=Boundary.JOINT if is_joined else Boundary.BREAK)
        was_in_word = is_in_word


def _read_chunk(chunk: str) -> list[Letter]:
    """Return the letters of text without spaces."""
    letters: list[Letter] = []
    before = ""
    for character in chunk:
        found = _read(character)
        if found:
            is_joined = before and _are_joined(before, character)
            boundary = Boundary.NONE if is_joined else Boundary.JOINT
            letters += (replace(found[0], boundary=boundary), *found[1:])
        before = character if found else ""
    return letters


def _are_joined(one: str, other: str) -> bool:
    """Return True if no word ends between two characters: in words and in numbers."""
    if _is_letter(one) and _is_letter(other):
        return not (is_spaceless(one) or is_spaceless(other))
    return one.isdigit() and other.isdigit()


def _read(character: str) -> list[Letter]:
    """Return a character's letters without boundaries; none if it is a separator."""
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
