"""Letters of a text, as the automaton reads them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

ANY = frozenset("*")
"""The letters for which an asterisk inside a word is used: any."""
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
    character: str = ""
    """The character in lower case, without accents."""
    gap: str = ""
    """What separates it from the letter before."""
    is_spelled: bool = False
    """Whether it belongs to a word whose letters all stand alone, as in s p e l l e d."""
    pair: frozenset[str] = frozenset()
    """The letters that it looks like together with the letter before."""

    @property
    def is_digit(self) -> bool:
        """Whether it is a digit."""
        return bool(self.certain and self.possible)


def pieces(letters: Iterable[Letter]) -> Iterator[list[Letter]]:
    """Yield letters that nothing separates, together."""
    piece: list[Letter] = []
    for letter in letters:
        if letter.boundary and piece:
            yield piece
            piece = []
        piece.append(letter)
    if piece:
        yield piece


def is_spaceless(character: str) -> bool:
    """Return True if a character's script has no spaces between words."""
    return _SPACELESS.match(character) is not None
