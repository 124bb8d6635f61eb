"""Normalize text to letters, as a person reads it who knows common disguises.

Invisible characters and accents are dropped. Fonts and look-alikes become the letters that they
resemble, digits and signs the letters for which they are used. Each letter records how strongly it
is separated from the one before, so that words can be distinguished from parts of words.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from bot.filtering.confusables import (
    DRAWN,
    confusables_of,
    latin_base,
    leet_letters,
    pair_letters,
    styled_letters,
)
from bot.filtering.letters import ANY, Boundary, Letter, is_spaceless, pieces
from bot.filtering.spelled import join_spelled

_ASTERISK, _I_OR_L = "\ue000", "\ue001"
"""Private-use characters that replace characters with a special meaning.

Private-use characters of the text itself are dropped.
"""
_INSIDE = re.compile(r"(?<=[^\W\d_])\*+(?=[^\W\d_])")
_TWINS = re.compile("(?<=[a-z])I+|(?<!I)I+(?=[a-z])|(?<=[A-Z])l+(?=[A-Z])|(?<=[A-Z]{2})l+(?![a-z])")
"""An I among small letters or an l among capitals, each of which may be the other."""
_BETWEEN = re.compile("[\\s'\u2019\u2018\u02bc`\u2032]")
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


def read_letters(text: str) -> list[Letter]:
    """Return the letters of a text, in their order."""
    letters = _with_styled(list(_letters(_drawn_as_letters(text))))
    letters = join_spelled(letters)
    return [_with_pair(*each) for each in pairwise((None, *letters))]


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


def _drawn_as_letters(text: str) -> str:
    """Return plain text in which letters stand for what looks like them."""
    for signs, letter in DRAWN.items():
        text = text.replace(signs, letter)
    plain = _INSIDE.sub(lambda found: _ASTERISK * len(found[0]), _plain(text))
    return _TWINS.sub(lambda found: _I_OR_L * len(found[0]), plain)


def _letters(plain: str) -> Iterator[Letter]:
    """Yield the letters of plain text, with what separates each from the one before."""
    before, gap = "", ""
    for character in plain:
        found = _read(character)
        if not found:
            gap += character
            continue
        boundary = _boundary(before, gap, character)
        yield replace(found[0], boundary=boundary, gap=gap)
        yield from found[1:]
        before, gap = character, ""


def _boundary(before: str, gap: str, character: str) -> Boundary:
    if not before or _BETWEEN.search(gap):
        return Boundary.BREAK
    return Boundary.JOINT if gap or not _are_joined(before, character) else Boundary.NONE


def _with_styled(letters: list[Letter]) -> list[Letter]:
    """Let letters of other scripts stand for Latin ones in pieces with Latin letters."""
    read: list[Letter] = []
    for piece in pieces(letters):
        has_latin = any(each.character.isascii() and not each.is_sign for each in piece)
        for each in piece:
            styled = styled_letters(each.character) if has_latin else frozenset[str]()
            read.append(replace(each, certain=each.certain | styled) if styled else each)
    return read


def _with_pair(before: Letter | None, letter: Letter | None) -> Letter:
    assert letter is not None
    if before is None or letter.boundary:
        return letter
    pair = pair_letters(before.character, letter.character)
    return replace(letter, pair=pair) if pair else letter


def _are_joined(one: str, other: str) -> bool:
    """Return True if no word ends between two characters: in words and in numbers."""
    if _is_letter(one) and _is_letter(other):
        return not (is_spaceless(one) or is_spaceless(other))
    return one.isdigit() and other.isdigit()


def _read(character: str) -> list[Letter]:
    """Return a character's letters without boundaries; none if it is a separator."""
    none = Boundary.NONE
    if character == _I_OR_L:
        return [Letter(none, frozenset("il"), character="l")]
    if _is_letter(character):
        return [Letter(none, confusables_of(each), character=each) for each in character.casefold()]
    digit = unicodedata.digit(character, None)
    if digit is not None:
        text = str(digit)
        return [Letter(none, frozenset(text), leet_letters(text), character=text)]
    meant = ANY if character == _ASTERISK else leet_letters(character)
    return [Letter(none, frozenset(), meant, True, character)] if meant else []


def _is_letter(character: str) -> bool:
    return character == _I_OR_L or unicodedata.category(character)[0] in "LM"
